package store

import "slices"

// codeSet is a set of the codes of a column: those in the ranges, or, if
// member is not nil, those for which it holds; all others if not is set.
type codeSet struct {
	ranges []codeRange
	member []bool
	not    bool
}

// codeRange is the codes from ≤ code < to.
type codeRange struct{ from, to uint32 }

func (s *codeSet) has(code uint32) bool {
	if s.member != nil {
		return (int(code) < len(s.member) && s.member[code]) != s.not
	}
	for _, r := range s.ranges {
		if r.from <= code && code < r.to {
			return !s.not
		}
	}
	return s.not
}

// add adds the codes from ≤ code < to.
func (s *codeSet) add(from, to uint32) {
	if from < to {
		s.ranges = append(s.ranges, codeRange{from, to})
	}
}

// none reports whether no code is in the set.
func (s *codeSet) none() bool {
	return !s.not && len(s.ranges) == 0 && !slices.Contains(s.member, true)
}
