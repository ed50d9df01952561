package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

const (
	// maxWidth is the widest entry of a packed array: the eight bytes from the
	// byte where an entry begins hold it, whatever the bit it begins at.
	maxWidth = 57
	// padding is the number of zero bytes after the last bit field of an
	// array, so that eight bytes can be loaded wherever a field begins.
	padding = 7
)

// packed is an array of unsigned integers of the same width, 0 to 57 bits.
//
// The bytes: entry i is the bits [i·width, (i+1)·width) of the array, where
// bit k is bit k mod 8, counted from the lowest, of byte k/8, and an entry's
// lowest bit comes first. The last byte is filled with zero bits, and seven
// zero bytes follow. An array without entries or of width 0 has no bytes at
// all. Neither the number of entries nor the width is stored: whoever embeds
// the array knows them.
type packed struct {
	b     []byte
	width uint64
	mask  uint64
}

// widthOf returns the width of a packed array whose greatest entry is most.
func widthOf[T uint32 | uint64](most T) int { return bits.Len64(uint64(most)) }

// packedSize returns the number of bytes of an array of n entries.
func packedSize(n, width int) int {
	if n == 0 || width == 0 {
		return 0
	}
	return (n*width+7)/8 + padding
}

// appendPacked appends the array of the entries, each less than 2^width.
func appendPacked[T uint32 | uint64](dst []byte, entries []T, width int) []byte {
	if packedSize(len(entries), width) == 0 {
		return dst
	}
	w := bitWriter{b: dst}
	for _, v := range entries {
		w.put(uint64(v), width)
	}
	return append(w.bytes(), make([]byte, padding)...)
}

// openPacked reads an array of n entries, which takes exactly b.
func openPacked(b []byte, n, width int) (packed, error) {
	if n < 0 || width < 0 || width > maxWidth || len(b) != packedSize(n, width) {
		return packed{}, fmt.Errorf("packed array: %d bytes for %d entries of %d bits", len(b), n, width)
	}
	return packed{b: b, width: uint64(width), mask: 1<<width - 1}, nil
}

// get returns entry i. What it returns for an i out of range means nothing.
func (p *packed) get(i int) uint64 {
	pos := uint64(i) * p.width
	return load(p.b, pos>>3) >> (pos & 7) & p.mask
}

// unpack sets dst to the entries from i on.
func unpack[T uint32 | uint64](dst []T, p *packed, i int) {
	b, pos, mask, width := p.b, uint64(i)*p.width, p.mask, p.width&63
	twice, thrice := 2*width&63, 3*width&63
	for width <= maxWidth/4 && len(dst) >= 4 {
		four := load(b, pos>>3) >> (pos & 7)
		dst[0], dst[1] = T(four&mask), T(four>>width&mask)
		dst[2], dst[3] = T(four>>twice&mask), T(four>>thrice&mask)
		dst = dst[4:]
		pos += 4 * width
	}
	for width <= maxWidth/3 && len(dst) >= 3 {
		three := load(b, pos>>3) >> (pos & 7)
		dst[0], dst[1], dst[2] = T(three&mask), T(three>>width&mask), T(three>>twice&mask)
		dst = dst[3:]
		pos += 3 * width
	}
	for width <= maxWidth/2 && len(dst) >= 2 {
		pair := load(b, pos>>3) >> (pos & 7)
		dst[0], dst[1] = T(pair&mask), T(pair>>width&mask)
		dst = dst[2:]
		pos += 2 * width
	}
	for k := range dst {
		dst[k] = T(load(b, pos>>3) >> (pos & 7) & mask)
		pos += width
	}
}

// load returns the eight bytes of b from byte i on, the first one lowest, or 0
// if b does not reach that far: a damaged position yields a wrong number, not
// a panic.
func load(b []byte, i uint64) uint64 {
	if i+8 > uint64(len(b)) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[i : i+8])
}

// field returns the width bits, at most 57, of b that begin at bit pos. Up to
// 64 may be read where pos is a multiple of 8.
func field(b []byte, pos uint64, width int) uint64 {
	return load(b, pos>>3) >> (pos & 7) & (1<<width - 1)
}

// bitWriter appends bit fields to b, each with its lowest bit first.
type bitWriter struct {
	b     []byte
	acc   uint64 // the last bits put, not yet in b
	count int    // how many
}

// put appends the low width bits of v, 0 to 64; the others must be zero.
func (w *bitWriter) put(v uint64, width int) {
	w.acc |= v << w.count
	w.count += width
	if w.count < 64 {
		return
	}
	w.b = binary.LittleEndian.AppendUint64(w.b, w.acc)
	w.count -= 64
	w.acc = v >> (width - w.count)
}

// bytes fills the last byte with zero bits and returns all that was written.
func (w *bitWriter) bytes() []byte {
	for ; w.count > 0; w.count -= 8 {
		w.b = append(w.b, byte(w.acc))
		w.acc >>= 8
	}
	w.count = 0
	return w.b
}
