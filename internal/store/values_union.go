package store

import (
	"bytes"
	"slices"
)

// valueUnion goes through the values that occur in parts, in the order of their
// bytes, each once.
type valueUnion struct {
	open []*stream // those that are not at their end, each before its value
	// The present value, and the streams that have it, which have gone on.
	value []byte
	same  []*stream
}

// stream goes through the values that occur in a part.
type stream struct {
	of      *valueCounts
	holding []byte // what the values contain
	ranges  []codeRange
	cursor  lexCursor
	rank    uint32 // of the cursor's next value

	value []byte
	count uint32
}

// newValueUnion returns a cursor before the first of the values that contain a text.
func newValueUnion(parts []*valueCounts, holding string) *valueUnion {
	u := new(valueUnion)
	for _, p := range parts {
		s := &stream{of: p, holding: []byte(holding), ranges: p.ranges}
		if s.next() {
			u.open = append(u.open, s)
		}
	}
	return u
}

// next goes on to the next value; false is the end.
func (u *valueUnion) next() bool {
	for _, s := range u.same {
		if !s.next() {
			u.open = slices.DeleteFunc(u.open, func(o *stream) bool { return o == s })
		}
	}
	u.same = u.same[:0]
	for _, s := range u.open {
		order := -1
		if len(u.same) > 0 {
			order = bytes.Compare(s.value, u.same[0].value)
		}
		if order < 0 {
			u.same = u.same[:0]
		}
		if order <= 0 {
			u.same = append(u.same, s)
		}
	}
	if len(u.same) == 0 {
		return false
	}
	u.value = u.same[0].value
	return true
}

// count returns how many rows have the present value.
func (u *valueUnion) count() (n uint64) {
	for _, s := range u.same {
		n += uint64(s.count)
	}
	return n
}

// next goes on to the next value that occurs; false is the end.
func (s *stream) next() bool {
	for len(s.ranges) > 0 {
		r := s.ranges[0]
		if s.cursor == nil || s.rank < r.from {
			s.cursor, s.rank = s.of.values.from(r.from), r.from
		}
		for s.rank < r.to {
			s.value, s.count = s.cursor.next(), s.of.byRank[s.rank]
			s.rank++
			if s.count > 0 && bytes.Contains(s.value, s.holding) {
				return true
			}
		}
		s.ranges = s.ranges[1:]
	}
	return false
}
