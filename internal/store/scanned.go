package store

import (
	"cmp"
	"slices"
)

// scanned is counts that were made by reading rows: by code, in many where most
// codes may occur, in few where most do not.
type scanned struct {
	many []uint32
	few  map[uint32]uint32
}

func (s *scanned) add(code, n uint32) {
	if s.few != nil {
		s.few[code] += n
	} else if int(code) < len(s.many) { // a damaged code is none
		s.many[code] += n
	}
}

// addAll is add for many codes, of counts in many.
func (s *scanned) addAll(codes []uint32, n uint32) {
	many := s.many
	for _, code := range codes {
		if int(code) < len(many) {
			many[code] += n
		}
	}
}

func (s *scanned) count(code uint32) int64 {
	if s.few != nil {
		return int64(s.few[code])
	}
	if int(code) < len(s.many) {
		return int64(s.many[code])
	}
	return 0
}

func (s *scanned) top() cursor { return &scannedCursor{s: s} }

// codeCount is a code and how often it occurs.
type codeCount struct{ code, n uint32 }

func (a codeCount) compare(b codeCount) int {
	return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.code, b.code))
}

// scannedCursor finds the most frequent codes in one pass, since the reader
// seldom wants more, and sorts all only when it does.
type scannedCursor struct {
	s    *scanned
	list []codeCount
	at   int
	full bool // list has all codes
}

// firstCodes is how many codes are found in one pass.
const firstCodes = 64

func (c *scannedCursor) next() (code uint32, count int64, ok bool) {
	if c.at == len(c.list) && !c.full {
		if c.list == nil {
			c.first()
		} else {
			c.sort()
		}
	}
	if c.at == len(c.list) {
		return 0, 0, false
	}
	n := c.list[c.at]
	c.at++
	return n.code, int64(n.n), true
}

// each calls visit with every code that occurs.
func (s *scanned) each(visit func(codeCount)) {
	for code, n := range s.many {
		if n > 0 {
			visit(codeCount{uint32(code), n})
		}
	}
	for code, n := range s.few {
		visit(codeCount{code, n})
	}
}

// first sets the list to the first codes.
func (c *scannedCursor) first() {
	c.list = make([]codeCount, 0, firstCodes+1)
	c.full = true
	c.s.each(func(n codeCount) {
		if len(c.list) == firstCodes {
			c.full = false
			if n.compare(c.list[firstCodes-1]) > 0 {
				return
			}
		}
		at, _ := slices.BinarySearchFunc(c.list, n, codeCount.compare)
		c.list = slices.Insert(c.list, at, n)
		c.list = c.list[:min(len(c.list), firstCodes)]
	})
}

// sort sets the list to all codes.
func (c *scannedCursor) sort() {
	c.list, c.full = c.list[:0], true
	c.s.each(func(n codeCount) { c.list = append(c.list, n) })
	slices.SortFunc(c.list, codeCount.compare)
}
