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

// find returns from ≤ i < to where codes[i] is in the set, which is flat. There
// are at most chunkRows. Whether a row is kept decides on no branch: which rows are
// is hard to foretell.
func (s *codeSet) find(codes []uint32, from, to int) []uint16 {
	var rows [chunkRows]uint16
	n := 0
	if s.member != nil {
		for i := from; i < to; i++ {
			rows[n%chunkRows] = uint16(i)
			if code := codes[i]; (int(code) < len(s.member) && s.member[code]) != s.not {
				n++
			}
		}
		return slices.Clone(rows[:n])
	}
	var only codeRange
	if len(s.ranges) > 0 {
		only = s.ranges[0]
	}
	for i := from; i < to; i++ {
		rows[n%chunkRows] = uint16(i)
		if (codes[i]-only.from < only.to-only.from) != s.not {
			n++
		}
	}
	return slices.Clone(rows[:n])
}

// flatten gives a set of several ranges members, by which rows are found faster.
func (s *codeSet) flatten() {
	if len(s.ranges) < 2 || s.member != nil {
		return
	}
	end := uint32(0)
	for _, r := range s.ranges {
		end = max(end, r.to)
	}
	s.member = make([]bool, end)
	for _, r := range s.ranges {
		for code := r.from; code < r.to; code++ {
			s.member[code] = true
		}
	}
}

// singles returns the codes of the set if they are few and its ranges have one
// each.
func (s *codeSet) singles() []uint32 {
	if s.not || len(s.ranges) > mostSought {
		return nil
	}
	var codes []uint32
	for _, r := range s.ranges {
		if r.to != r.from+1 {
			return nil
		}
		codes = append(codes, r.from)
	}
	return codes
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
