package store

import (
	"cmp"
	"sort"

	"github.com/scaivault/audit"
)

// span is the rows from ≤ row < to of a part whose rows are in the order of
// time and which knows the counts of all its rows: a segment. What is counted
// of a span is read from the rows that are in it or from those that are not,
// whichever are fewer, and of a span of all rows nothing is read.
type span struct {
	part
	from, to int
}

// spanOf returns the span of the rows that the plan selects; ok is false if
// they are none.
func (p *plan) spanOf() (s span, ok bool, err error) {
	if !p.counted() || !p.free() || p.indexes().To > p.below {
		return s, false, nil
	}
	s = span{part: p.part, to: p.rows()}
	if p.least < p.from {
		s.from, err = s.first(p.from)
	}
	if p.most >= p.to && err == nil {
		s.to, err = s.first(p.to)
	}
	s.to = max(s.from, s.to)
	return s, true, err
}

// first returns the first row whose time is not before t, the number of rows
// if there is none.
func (s *span) first(t audit.Time) (int, error) {
	n := sort.Search(s.blocks(), func(n int) bool {
		_, most := s.bounds(n)
		return most >= t
	})
	if n == s.blocks() {
		return s.rows(), nil
	}
	b, err := s.block(n)
	if err != nil {
		return 0, err
	}
	return n<<chunkBits + firstAt(b, t), nil
}

// most reports whether more than half of the rows are in the span: what is
// read are the others then, and what they count is taken off.
func (s *span) most() bool { return s.to-s.from > s.rows()/2 }

// read calls visit with the blocks of the rows that are to be read, and which
// of their rows these are.
func (s *span) read(visit func(b block, from, to int)) error {
	if s.most() {
		return cmp.Or(s.readRows(0, s.from, visit), s.readRows(s.to, s.rows(), visit))
	}
	return s.readRows(s.from, s.to, visit)
}

func (s *span) readRows(from, to int, visit func(b block, from, to int)) error {
	for from < to {
		n := from >> chunkBits
		b, err := s.block(n)
		if err != nil {
			return err
		}
		first := n << chunkBits
		end := min(to-first, b.len())
		visit(b, from-first, end)
		from = first + end
	}
	return nil
}

// count calls visit like read and returns how many rows of the span failed.
func (s *span) count(visit func(b block, from, to int)) (failed uint64, err error) {
	var rows []uint16
	err = s.read(func(b block, from, to int) {
		rows = b.outcomes(rows[:0], from, to, false)
		failed += uint64(len(rows))
		visit(b, from, to)
	})
	if s.most() {
		failed = s.failures() - failed
	}
	return failed, err
}

// within counts the rows from ≤ time < to, at most an hour's.
func (s *span) within(from, to audit.Time) (n hourCount, err error) {
	of := span{part: s.part}
	if of.from, err = s.first(from); err != nil {
		return n, err
	}
	if of.to, err = s.first(to); err != nil {
		return n, err
	}
	failed, err := of.count(func(block, int, int) {})
	return hourCount{total: int64(of.to - of.from), failed: int64(failed)}, err
}
