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
	if _, counted, err := p.counts(colAction); err != nil || !counted {
		return s, false, err
	}
	if !p.free() || p.indexes().To > p.below {
		return s, false, nil
	}
	s = span{part: p.part, to: p.rows()}
	if p.least < p.from {
		s.from, err = s.first(p.from)
	}
	if p.most >= p.to && err == nil {
		s.to, err = s.first(p.to)
	}
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
	return n<<chunkBits + sort.Search(b.len(), func(i int) bool { return b.time(i) >= t }), nil
}

// read calls visit with the blocks of the rows that are to be read, and which
// of their rows these are; added says that they are in the span.
func (s *span) read(visit func(b block, from, to int)) (added bool, err error) {
	if s.to-s.from <= s.rows()/2 {
		return true, s.readRows(s.from, s.to, visit)
	}
	return false, cmp.Or(s.readRows(0, s.from, visit), s.readRows(s.to, s.rows(), visit))
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

// failed returns how many rows of the span failed.
func (s *span) failed() (uint64, error) {
	var n uint64
	var rows []uint16
	added, err := s.read(func(b block, from, to int) {
		rows = b.outcomes(rows[:0], from, to, false)
		n += uint64(len(rows))
	})
	if !added {
		n = s.failures() - n
	}
	return n, err
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
	failed, err := of.failed()
	return hourCount{total: int64(of.to - of.from), failed: int64(failed)}, err
}

// addSpan counts the rows of a span.
func (t *tally) addSpan(s *span) error {
	d, err := s.dictionary(t.col)
	if err != nil {
		return err
	}
	counts, _, err := s.counts(t.col)
	if err != nil {
		return err
	}
	if s.from > 0 || s.to < s.rows() {
		if counts, err = t.scan(s, counts, d.len()); err != nil {
			return err
		}
	}
	t.parts = append(t.parts, partCounts{s.part, d, counts})
	return nil
}

// scan returns the counts of the rows of a span of a part with n values.
func (t *tally) scan(s *span, all counts, n int) (counts, error) {
	var read *scanned
	step := uint32(1)
	if s.to-s.from > s.rows()/2 {
		read, step = &scanned{many: all.all(n)}, ^uint32(0) // counts down
	} else {
		read = &scanned{many: make([]uint32, n)}
	}
	_, err := s.read(func(b block, from, to int) {
		t.codes = b.codes(t.col, t.codes)
		for _, code := range t.codes[from:to] {
			read.add(code, step)
		}
	})
	return read, err
}
