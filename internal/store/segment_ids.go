package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// A column of ids, most of which have the same shape: so many hex digits, or
// characters of base64url, at the same places, and the same characters at the
// others. Where a program makes ids, 4 or 6 bits a character are all they say.
//
// The bytes:
//
//	bits      uint8   of a slot's symbol: 4 or 6
//	length    uint8   of the shape
//	shape     length bytes; ff is the place of a symbol
//	odd       uint16  number of the rows whose ids have another shape
//	rows, ends, text  uint32 each: lengths of what follows the slots
//	a slot a row: its symbols, bits each, filled with zero bits to whole bytes
//	the rows of another shape: a sorted column of odd entries
//	where their ids end in the text: a sorted column of odd entries
//	the text
//	seven zero bytes
type idColumn struct {
	n     int
	shape idShape
	odd   int
	slots []byte // with what follows, at least seven bytes
	rows  sorted
	ends  sorted
	text  []byte
}

const (
	symbolMark = 0xff // never a byte of UTF-8
	maxShape   = 255
	hexDigits  = "0123456789abcdef"
	base64url  = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)

// idShape is what the ids of a column have in common.
type idShape struct {
	bits    int
	pattern []byte
	symbols int
	size    int  // of a slot, in bytes
	plain   bool // an id of the shape stands for itself in a JSON string
	digits  int  // where eight or more symbols begin that are hex digits and all there are, or -1
}

func newShape(bits int, pattern []byte) idShape {
	s := idShape{bits: bits, pattern: pattern, plain: true, digits: -1}
	for _, c := range pattern {
		if c == symbolMark {
			s.symbols++
		} else if c < ' ' || c == '"' || c == '\\' {
			s.plain = false
		}
	}
	s.size = (s.symbols*bits + 7) / 8
	first, last := bytes.IndexByte(pattern, symbolMark), bytes.LastIndexByte(pattern, symbolMark)
	if bits == 4 && s.symbols >= 8 && last-first+1 == s.symbols {
		s.digits = first
	}
	return s
}

// symbolsOf returns what each byte stands for in an alphabet of 2^bits
// characters, 0xff if it is not one of them.
func symbolsOf(bits int) *[256]byte {
	if bits == 4 {
		return &hexSymbols
	}
	return &base64Symbols
}

var hexSymbols, base64Symbols = symbolsIn(hexDigits), symbolsIn(base64url)

func symbolsIn(alphabet string) (t [256]byte) {
	for c := range t {
		t[c] = byte(strings.IndexByte(alphabet, byte(c)))
	}
	return t
}

// alphabet returns the characters of the symbols of so many bits.
func alphabet(bits int) string {
	if bits == 4 {
		return hexDigits
	}
	return base64url
}

// shapeOf returns the shape of an id, with the characters before from fixed.
func shapeOf(id []byte, from, bits int) idShape {
	pattern, symbols := bytes.Clone(id), symbolsOf(bits)
	for i, c := range id {
		if symbols[c] != symbolMark && i >= from {
			pattern[i] = symbolMark
		}
	}
	return newShape(bits, pattern)
}

// fits reports whether the id has the shape.
func (s *idShape) fits(id []byte) bool {
	if len(id) != len(s.pattern) {
		return false
	}
	symbols := symbolsOf(s.bits)
	for i, c := range s.pattern {
		if c == symbolMark && symbols[id[i]] == symbolMark || c != symbolMark && c != id[i] {
			return false
		}
	}
	return true
}

// append appends the slot of an id that fits.
func (s *idShape) append(dst, id []byte) []byte {
	w, symbols := bitWriter{b: dst}, symbolsOf(s.bits)
	for i, c := range s.pattern {
		if c == symbolMark {
			w.put(uint64(symbols[id[i]]), s.bits)
		}
	}
	return w.bytes()
}

// openIDs reads a column of n ids.
func openIDs(b []byte, n int) (idColumn, error) {
	r := reader{b: b}
	bits, length := int(r.uint8()), int(r.uint8())
	c := idColumn{n: n, shape: newShape(bits, r.bytes(uint64(length)))}
	c.odd = int(r.uint16())
	rows, ends, text := int(r.uint32()), int(r.uint32()), int(r.uint32())
	c.slots = r.b
	r.bytes(uint64(n * c.shape.size))
	rowBytes, endBytes := r.bytes(uint64(rows)), r.bytes(uint64(ends))
	c.text = r.bytes(uint64(text))
	if r.bad || len(r.b) != padding || bits != 4 && bits != 6 || c.odd > n {
		return idColumn{}, fmt.Errorf("id column: %d bytes for %d ids", len(b), n)
	}
	var err error
	if c.rows, err = openSorted(rowBytes, c.odd); err != nil {
		return idColumn{}, fmt.Errorf("id column: rows: %w", err)
	}
	if c.ends, err = openSorted(endBytes, c.odd); err != nil {
		return idColumn{}, fmt.Errorf("id column: ends: %w", err)
	}
	return c, nil
}

// append appends the id of a row.
func (c *idColumn) append(dst []byte, row int) []byte {
	if k := c.oddAt(row); k >= 0 {
		return append(dst, c.oddID(k)...)
	}
	s := &c.shape
	begin := len(dst)
	dst = append(dst, s.pattern...)
	id := dst[begin:]
	if s.digits >= 0 {
		c.fillDigits(id[s.digits:][:s.symbols], uint64(row*s.size)*8)
		return dst
	}
	chars, mask := alphabet(s.bits), uint64(1)<<s.bits-1
	pos := uint64(row*s.size) * 8
	for i := 0; i < len(id); i++ {
		if id[i] != symbolMark {
			continue
		}
		if i+8 <= len(id) && s.bits == 4 && binary.LittleEndian.Uint64(id[i:]) == math.MaxUint64 {
			hexOf(id[i:i+8], uint32(load(c.slots, pos>>3)>>(pos&7)))
			i, pos = i+7, pos+8*4
			continue
		}
		id[i] = chars[load(c.slots, pos>>3)>>(pos&7)&mask]
		pos += uint64(s.bits)
	}
	return dst
}

// fillDigits sets dst to the hex digits from bit pos on, eight at a time, the
// last ones perhaps twice.
func (c *idColumn) fillDigits(dst []byte, pos uint64) {
	for k := 0; ; k += 8 {
		k = min(k, len(dst)-8)
		at := pos + 4*uint64(k)
		hexOf(dst[k:k+8], uint32(load(c.slots, at>>3)>>(at&7)))
		if k == len(dst)-8 {
			return
		}
	}
}

// hexOf sets dst to the eight hex digits of v, its lowest four bits first.
func hexOf(dst []byte, v uint32) {
	// Each byte of x gets four bits, and becomes the digit: '0' plus the bits,
	// plus what lies between '9' and 'a' where they are 10 or more.
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	binary.LittleEndian.PutUint64(dst, x+0x3030303030303030+letters*('a'-'9'-1))
}

// oddAt returns which of the odd rows row is, or a number below 0.
func (c *idColumn) oddAt(row int) int {
	if c.odd == 0 {
		return -1
	}
	k := c.rows.search(int64(row), 0, c.odd)
	if k < c.odd && c.rows.at(k) == int64(row) {
		return k
	}
	return -1
}

func (c *idColumn) oddID(k int) []byte {
	start := int64(0)
	if k > 0 {
		start = c.ends.at(k - 1)
	}
	end := c.ends.at(k)
	if start < 0 || end < start || end > int64(len(c.text)) {
		return nil
	}
	return c.text[start:end]
}

// find appends the rows that have the id, with base added.
func (c *idColumn) find(dst []uint32, id []byte, base uint32) []uint32 {
	if !c.shape.fits(id) {
		for k := range c.odd {
			if row := c.rows.at(k); string(c.oddID(k)) == string(id) && row >= 0 && row < int64(c.n) {
				dst = append(dst, base+uint32(row))
			}
		}
		return dst
	}
	return c.findSlot(dst, c.shape.append(nil, id), base)
}

// findSlot appends the rows that have the slot and no other id.
func (c *idColumn) findSlot(dst []uint32, slot []byte, base uint32) []uint32 {
	size := len(slot)
	if size == 0 { // every row that is not odd has the one id of the shape
		for row := range c.n {
			if c.oddAt(row) < 0 {
				dst = append(dst, base+uint32(row))
			}
		}
		return dst
	}
	for at := 0; at < c.n*size; {
		i := bytes.Index(c.slots[at:c.n*size], slot)
		if i < 0 {
			return dst
		}
		row := (at + i) / size
		if at += i + 1; (at-1)%size == 0 {
			if c.oddAt(row) < 0 {
				dst = append(dst, base+uint32(row))
			}
			at += size - 1
		}
	}
	return dst
}
