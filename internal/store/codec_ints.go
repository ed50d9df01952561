package store

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// ints is a column of n integers in any order, in mini-blocks of 256: what an
// entry exceeds the mini-block's base by, in as many bits as most entries
// need. The few that need more, or lie below, are exceptions: a rare slow
// request or late event must not widen its 255 neighbours.
//
// The bytes:
//
//	least  int64   the least entry
//	rare   uint8   width of an exception, 0 to 57 or 64
//	a directory, whose fields are
//	       base    what the mini-block's base exceeds least by
//	       form    12 bits: the width of a slot, 0 to 57 or 64, in the low
//	               seven; the number of exceptions in the others
//	the data of the mini-blocks
//	seven zero bytes
//
// The data of a mini-block: a slot an entry; the positions of the exceptions,
// ascending, a byte each; what each of them exceeds least by, rare bits each.
// A slot holds what the entry exceeds least + base by; where there are
// exceptions, theirs have all bits set, and no others do. Slots and exceptions
// are like entries of a packed array, each filled with zero bits to whole
// bytes. A column without entries has no bytes at all. n is not stored.
type ints struct {
	n     int
	least int64
	rare  int // width of an exception
	dir   directory
	data  []byte
}

const (
	intsHeader = 8 + 1
	slotBits   = 7 // of a form
	intsForm   = 12
	mostRare   = 1<<(intsForm-slotBits) - 1
)

// intsPlan is how a mini-block is stored.
type intsPlan struct {
	base  uint64 // above least
	width int
	count int // exceptions
	bits  int // that all of it takes
}

// appendInts appends the column of the entries.
func appendInts(dst []byte, entries []int64) []byte {
	n := len(entries)
	if n == 0 {
		return dst
	}
	least := slices.Min(entries)
	rare := wholeWidth(uint64(slices.Max(entries)) - uint64(least))
	list := make([]mini, minis(n))
	var data []byte
	var above, order [miniRows]uint64
	for m := range list {
		k := 0
		for _, v := range entries[m*miniRows : min((m+1)*miniRows, n)] {
			above[k] = uint64(v) - uint64(least)
			k++
		}
		copy(order[:k], above[:k])
		slices.Sort(order[:k])
		p := planInts(order[:k], rare)
		list[m] = mini{
			base:  p.base,
			form:  uint64(p.width | p.count<<slotBits),
			start: uint64(len(data)),
		}
		data = appendSlots(data, above[:k], p, rare)
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(least))
	dst = appendDirectory(append(dst, byte(rare)), list, intsForm)
	return append(append(dst, data...), make([]byte, padding)...)
}

// wholeWidth returns the width of a field for numbers up to most: 64 where a
// field that begins within a byte could not be loaded at once.
func wholeWidth(most uint64) int {
	if w := widthOf(most); w <= maxWidth {
		return w
	}
	return 64
}

// planInts finds the shortest plan for a mini-block of which the entries are
// given in ascending order: with the least as its base, or the fifth, which
// makes exceptions of up to four low ones.
func planInts(order []uint64, rare int) intsPlan {
	n := len(order)
	best := intsPlan{base: order[0], width: wholeWidth(order[n-1] - order[0])}
	best.bits = n * best.width
	for _, rank := range [...]int{0, min(4, n-1)} {
		p := intsPlan{base: order[rank]}
		low, _ := slices.BinarySearch(order, p.base)
		// The entries before end have a slot, those from there on have not.
		end := n
		for p.width = best.width - 1; p.width >= 0; p.width-- {
			mark := uint64(1)<<p.width - 1
			for end > low && order[end-1]-p.base >= mark {
				end--
			}
			p.count = low + n - end
			if p.count > mostRare {
				break
			}
			p.bits = n*p.width + p.count*(8+rare)
			if p.bits < best.bits && p.width == wholeWidth(mark) {
				best = p
			}
		}
	}
	return best
}

// appendSlots appends the data of a mini-block.
func appendSlots(dst []byte, above []uint64, p intsPlan, rare int) []byte {
	mark := uint64(1)<<p.width - 1
	var list [mostRare]int
	exceptions := list[:0]
	w := bitWriter{b: dst}
	for i, v := range above {
		slot := v - p.base
		if p.count > 0 && (v < p.base || slot >= mark) {
			exceptions = append(exceptions, i)
			slot = mark
		}
		w.put(slot, p.width)
	}
	w = bitWriter{b: w.bytes()}
	for _, i := range exceptions {
		w.b = append(w.b, byte(i))
	}
	for _, i := range exceptions {
		w.put(above[i], rare)
	}
	return w.bytes()
}

// openInts reads a column of n entries.
func openInts(b []byte, n int) (ints, error) {
	if n == 0 && len(b) == 0 {
		return ints{}, nil
	}
	if len(b) < intsHeader {
		return ints{}, fmt.Errorf("integer column: %d bytes for %d entries", len(b), n)
	}
	c := ints{n: n, least: int64(binary.LittleEndian.Uint64(b)), rare: int(b[8])}
	if c.rare > 64 {
		return ints{}, fmt.Errorf("integer column: width %d", c.rare)
	}
	var err error
	if c.dir, c.data, err = openDirectory(b[intsHeader:], n, intsForm); err != nil {
		return ints{}, fmt.Errorf("integer column: %w", err)
	}
	return c, nil
}

// slots is a mini-block of an integer column.
type slots struct {
	n     int
	base  int64
	width int
	count int // exceptions
	b     []byte
	after uint64 // where the positions of the exceptions begin
}

// open sets s to mini-block m.
func (c *ints) open(s *slots, m int) {
	r := c.dir.mini(m)
	s.n = min(c.n-m*miniRows, miniRows)
	s.base = c.least + int64(r.base)
	s.width = min(int(r.form&(1<<slotBits-1)), 64)
	s.count = int(r.form >> slotBits)
	s.b = from(c.data, r.start)
	s.after = uint64(s.n*s.width+7) / 8
}

// position returns which entry the k-th exception is.
func (s *slots) position(k int) int { return int(byte(load(s.b, s.after+uint64(k)))) }

// exception returns the k-th exception.
func (c *ints) exception(s *slots, k int) int64 {
	pos := 8*(s.after+uint64(s.count)) + uint64(k*c.rare)
	return c.least + int64(field(s.b, pos, c.rare))
}

// at returns entry i, or 0 if there is none.
func (c *ints) at(i int) int64 {
	if uint(i) >= uint(c.n) {
		return 0
	}
	var s slots
	c.open(&s, i/miniRows)
	i %= miniRows
	slot := field(s.b, uint64(i*s.width), s.width)
	if slot == 1<<s.width-1 {
		for k := range s.count {
			if s.position(k) == i {
				return c.exception(&s, k)
			}
		}
	}
	return s.base + int64(slot)
}

// read sets dst to the entries from i on as far as they are in one mini-block,
// and returns their number.
func (c *ints) read(dst []int64, i int) int {
	if uint(i) >= uint(c.n) {
		return 0
	}
	var s slots
	c.open(&s, i/miniRows)
	i %= miniRows
	dst = dst[:min(len(dst), s.n-i)]
	b, base, width, pos := s.b, s.base, s.width, uint64(i*s.width)
	for k := range dst {
		dst[k] = base + int64(field(b, pos, width))
		pos += uint64(width)
	}
	for k := range s.count {
		if p := s.position(k) - i; p >= 0 && p < len(dst) {
			dst[p] = c.exception(&s, k)
		}
	}
	return len(dst)
}

// fill sets dst to the entries from i on.
func (c *ints) fill(dst []int64, i int) { fillFrom(c.read, dst, i) }

// fillFrom sets dst to the entries from i on of a column that reads those of
// one mini-block; entries that there are not are 0.
func fillFrom(read func(dst []int64, i int) int, dst []int64, i int) {
	for len(dst) > 0 {
		n := read(dst, i)
		if n == 0 {
			clear(dst)
			return
		}
		dst, i = dst[n:], i+n
	}
}
