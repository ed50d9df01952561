package store

import (
	"bytes"
	"encoding/binary"
)

// cost returns the bytes that the ids take in this shape, about.
func (s *idShape) cost(ids [][]byte) int {
	const perOdd = 4
	cost := len(ids) * s.size
	for _, id := range ids {
		if !s.fits(id) {
			cost += len(id) + perOdd
		}
	}
	return cost
}

// bestShape returns the shape in which the ids take least: no shape at all, or
// that of the first, the middle or the last id that is not empty.
func bestShape(ids [][]byte) idShape {
	var some [][]byte
	for _, id := range ids {
		if len(id) > 0 && len(id) <= maxShape && bytes.IndexByte(id, symbolMark) < 0 {
			some = append(some, id)
		}
	}
	best := newShape(4, nil)
	if len(some) == 0 {
		return best
	}
	least := best.cost(ids)
	for _, id := range [...][]byte{some[0], some[len(some)/2], some[len(some)-1]} {
		from := sharedPrefix(some, id)
		for _, bits := range [...]int{4, 6} {
			s := shapeOf(id, from, bits)
			if cost := s.cost(ids); cost < least {
				best, least = s, cost
			}
			if least == len(ids)*best.size {
				return best // all fit, and one of hex digits is the shortest
			}
		}
	}
	return best
}

// sharedPrefix returns the length of the prefix that id shares with all ids of
// its length.
func sharedPrefix(ids [][]byte, id []byte) int {
	n := len(id)
	for _, other := range ids {
		if len(other) == len(id) {
			n = min(n, common(other, id))
		}
	}
	return n
}

// appendIDs appends the column of the ids, at most 2^16-1.
func appendIDs(dst []byte, ids [][]byte) []byte {
	s := bestShape(ids)
	dst = append(append(dst, byte(s.bits), byte(len(s.pattern))), s.pattern...)
	at := len(dst) + 2
	dst = append(dst, make([]byte, 2+12)...)
	var rows, ends []int64
	var text []byte
	empty := make([]byte, s.size)
	for row, id := range ids {
		if s.fits(id) {
			dst = s.append(dst, id)
			continue
		}
		dst = append(dst, empty...)
		text = append(text, id...)
		rows, ends = append(rows, int64(row)), append(ends, int64(len(text)))
	}
	binary.LittleEndian.PutUint16(dst[at-2:], uint16(len(rows)))
	start := len(dst)
	dst = appendSorted(dst, rows)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-start))
	start = len(dst)
	dst = appendSorted(dst, ends)
	binary.LittleEndian.PutUint32(dst[at+4:], uint32(len(dst)-start))
	binary.LittleEndian.PutUint32(dst[at+8:], uint32(len(text)))
	return append(append(dst, text...), make([]byte, padding)...)
}
