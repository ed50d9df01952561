package store

import (
	"encoding/binary"
	"fmt"
)

// sorted is a column of n ascending integers, in mini-blocks of 256 that are
// Elias-Fano coded. That takes two bits more than the logarithm of the mean
// distance between neighbours, whatever the spread of these distances, finds
// an entry without adding up those before it, and is searched without
// decoding.
//
// The bytes:
//
//	first  int64    the first entry
//	unit   uint64   all distances between entries are multiples of it; not 0
//	a directory, whose fields are
//	       base     the mini-block's first entry: (entry - first) / unit
//	       form     6 bits: the number of low bits, 0 to 57
//	the data of the mini-blocks: see eliasFano
//	seven zero bytes
//
// A column without entries has no bytes at all. n is not stored.
type sorted struct {
	n     int
	first int64
	unit  uint64
	dir   directory
	data  []byte
}

const (
	sortedHeader = 8 + 8
	sortedForm   = 6
)

// appendSorted appends the column of the entries, which ascend.
func appendSorted(dst []byte, entries []int64) []byte {
	n := len(entries)
	if n == 0 {
		return dst
	}
	unit := commonUnit(entries)
	list := make([]mini, minis(n))
	var data []byte
	var rel [miniRows]uint64
	for m := range list {
		part := entries[m*miniRows : min((m+1)*miniRows, n)]
		for i, v := range part {
			rel[i] = (uint64(v) - uint64(part[0])) / unit
		}
		low := lowBits(rel[:len(part)])
		list[m] = mini{
			base:  (uint64(part[0]) - uint64(entries[0])) / unit,
			form:  uint64(low),
			start: uint64(len(data)),
		}
		data = appendEliasFano(data, rel[:len(part)], low)
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(entries[0]))
	dst = binary.LittleEndian.AppendUint64(dst, unit)
	dst = appendDirectory(dst, list, sortedForm)
	return append(append(dst, data...), make([]byte, padding)...)
}

// commonUnit returns the greatest common divisor of the distances between
// entries, 1 if there are none: many clocks count in milliseconds or seconds.
func commonUnit(entries []int64) uint64 {
	unit := uint64(0)
	for i := 1; i < len(entries) && unit != 1; i++ {
		for d := uint64(entries[i]) - uint64(entries[i-1]); d != 0; {
			unit, d = d, unit%d
		}
	}
	return max(unit, 1)
}

// openSorted reads a column of n entries.
func openSorted(b []byte, n int) (sorted, error) {
	if n == 0 && len(b) == 0 {
		return sorted{}, nil
	}
	if len(b) < sortedHeader {
		return sorted{}, fmt.Errorf("sorted column: %d bytes for %d entries", len(b), n)
	}
	s := sorted{
		n:     n,
		first: int64(binary.LittleEndian.Uint64(b)),
		unit:  binary.LittleEndian.Uint64(b[8:]),
	}
	if s.unit == 0 {
		return sorted{}, fmt.Errorf("sorted column: unit 0")
	}
	var err error
	if s.dir, s.data, err = openDirectory(b[sortedHeader:], n, sortedForm); err != nil {
		return sorted{}, fmt.Errorf("sorted column: %w", err)
	}
	return s, nil
}

// open sets e to mini-block m.
func (s *sorted) open(e *eliasFano, m int) {
	r := s.dir.mini(m)
	e.n = min(s.n-m*miniRows, miniRows)
	e.low = min(int(r.form), mostLow)
	e.base = r.base
	e.b = from(s.data, r.start)
	e.high = uint64(e.n*e.low+7) / 8
}

// value returns the entry at distance d from the first, in units.
func (s *sorted) value(d uint64) int64 { return s.first + int64(d*s.unit) }

// at returns entry i, or 0 if there is none.
func (s *sorted) at(i int) int64 {
	if uint(i) >= uint(s.n) {
		return 0
	}
	var e eliasFano
	s.open(&e, i/miniRows)
	return s.value(e.at(i % miniRows))
}

// read sets dst to the entries from i on as far as they are in one mini-block,
// and returns their number.
func (s *sorted) read(dst []int64, i int) int {
	if uint(i) >= uint(s.n) {
		return 0
	}
	var e eliasFano
	s.open(&e, i/miniRows)
	n := e.read(dst, i%miniRows)
	for k, d := range dst[:n] {
		dst[k] = s.value(uint64(d))
	}
	return n
}

// fill sets dst to the entries from i on.
func (s *sorted) fill(dst []int64, i int) { fillFrom(s.read, dst, i) }

// search returns the first i from lo on, before hi, whose entry is at least v,
// or hi.
func (s *sorted) search(v int64, lo, hi int) int {
	lo, hi = max(lo, 0), min(hi, s.n)
	m := s.searched(v, lo, hi)
	if m < 0 {
		return lo
	}
	var e eliasFano
	s.open(&e, m)
	d := s.distance(v)
	if e.base >= d { // all from lo on are
		return lo
	}
	return max(lo, min(m*miniRows+e.search(d), hi))
}

// distance returns how far v, which is more than the first entry, is from it, in
// units, rounded up.
func (s *sorted) distance(v int64) uint64 { return (uint64(v)-uint64(s.first)-1)/s.unit + 1 }

// searched returns the mini-block that search looks into, the last one that
// begins below v; it is below 0 if search needs none.
func (s *sorted) searched(v int64, lo, hi int) int {
	if lo >= hi || v <= s.first {
		return -1
	}
	d := s.distance(v)
	m, end := lo/miniRows, (hi-1)/miniRows+1
	for end-m > 1 {
		if mid := int(uint(m+end) / 2); s.dir.baseOf(mid) < d {
			m = mid
		} else {
			end = mid
		}
	}
	return m
}

// extent returns where the mini-blocks from ≤ m < to are in the data, with the
// bytes behind that are loaded with them.
func (s *sorted) extent(from, to int) (first, end int) {
	end = len(s.data)
	if to < minis(s.n) {
		end = min(end, int(s.dir.mini(to).start)+padding)
	}
	return int(s.dir.mini(from).start), end
}
