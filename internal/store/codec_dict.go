package store

import (
	"encoding/binary"
	"fmt"
)

// frontDict is a list of distinct strings in the order of their bytes; the
// position of a string, from 0, is its code. In blocks of 16 strings all but
// the first are stored as what tells them from the one before.
//
// The bytes:
//
//	n      uint32
//	a table of symbols
//	start  uint8   width of the entries of the array, 0 to 32
//	a packed array with an entry a block: where it begins, in bytes after the
//	       array
//	the blocks
//
// A block: the length of its first string, a uvarint; the string; for each
// further string the change from the one before. The last block may be shorter.
//
// A change keeps the first bytes of a string and adds others. It is a byte
// whose low four bits tell how many are kept: by how much more than in the
// change to the string before, where that is none for the first string, as 2d
// for d ≥ 0 and -2d-1 for d < 0. The high four bits are the number of codes to
// add. Then for each that is 15 a uvarint by which it exceeds 15; then the
// codes, which are those of the table of symbols.
type frontDict struct {
	n       int
	symbols symbols
	starts  packed
	blocks  []byte
}

const (
	blockRows  = 16
	most4Bits  = 15
	mostStarts = 32
)

// blocksOf returns the number of blocks of n strings.
func blocksOf(n int) int { return (n + blockRows - 1) / blockRows }

// openFrontDict reads a frontDict.
func openFrontDict(b []byte) (frontDict, error) {
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)) {
		return frontDict{}, fmt.Errorf("frontDict: %d bytes", len(b))
	}
	d := frontDict{n: int(binary.LittleEndian.Uint32(b))}
	var err error
	if d.symbols, b, err = openSymbols(b[4:]); err != nil {
		return frontDict{}, fmt.Errorf("frontDict: %w", err)
	}
	if len(b) == 0 || b[0] > mostStarts {
		return frontDict{}, fmt.Errorf("frontDict: %d strings: no blocks", d.n)
	}
	width, b := int(b[0]), b[1:]
	size := min(packedSize(blocksOf(d.n), width), len(b))
	if d.starts, err = openPacked(b[:size], blocksOf(d.n), width); err != nil {
		return frontDict{}, fmt.Errorf("frontDict: %w", err)
	}
	d.blocks = b[size:]
	return d, nil
}

// first returns the first string of block k and the change to the next one,
// nothing if the block is damaged.
func (d *frontDict) first(k int) (value, rest []byte) {
	n, b := cutUvarint(from(d.blocks, d.starts.get(k)))
	if n > uint64(len(b)) {
		return nil, nil
	}
	return b[:n], b[n:]
}

// cutUvarint returns the uvarint at the front of b, and the bytes after it.
func cutUvarint(b []byte) (uint64, []byte) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:]
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil
	}
	return v, b[n:]
}

// cutChange reads a change from the front of b, where the one before keeps
// kept bytes. It returns keep < 0 if it is damaged.
func cutChange(b []byte, kept int) (keep int, add, rest []byte) {
	if len(b) == 0 {
		return -1, nil, nil
	}
	more, n := uint64(b[0]&most4Bits), uint64(b[0]>>4)
	b = b[1:]
	if more == most4Bits {
		more, b = cutUvarint(b)
		more += most4Bits
	}
	if n == most4Bits {
		n, b = cutUvarint(b)
		n += most4Bits
	}
	if n > uint64(len(b)) {
		return -1, nil, nil
	}
	return kept + int(more>>1^-(more&1)), b[:n], b[n:]
}

// text is a string that is read change by change.
type text struct {
	d     *frontDict
	b     []byte // the string is b[begin:]
	begin int
	keep  int // what the change to it kept
}

// step goes on to the next string, to which b has the change, and returns the
// bytes after that. The string is "" if the change is damaged.
func (t *text) step(b []byte) (rest []byte) {
	keep, add, rest := cutChange(b, t.keep)
	if keep < 0 || keep > len(t.b)-t.begin {
		t.b, t.keep = t.b[:t.begin], 0
		return nil
	}
	t.keep = keep
	t.b = t.d.symbols.expand(t.b[:t.begin+keep], add)
	return rest
}

// open sets t to the string with this code, appended to dst, and returns the
// change to the next one if that is in the same block.
func (t *text) open(d *frontDict, dst []byte, code uint32) (rest []byte) {
	first, rest := d.first(int(code / blockRows))
	*t = text{d: d, b: append(dst, first...), begin: len(dst)}
	for range code % blockRows {
		rest = t.step(rest)
	}
	return rest
}

// appendValue appends the string with this code, nothing if there is none.
func (d *frontDict) appendValue(dst []byte, code uint32) []byte {
	if int64(code) >= int64(d.n) {
		return dst
	}
	var t text
	t.open(d, dst, code)
	return t.b
}

// all returns all strings, by code.
func (d *frontDict) all() []string {
	list := make([]string, d.n)
	var t text
	var rest []byte
	for code := range list {
		if code%blockRows == 0 {
			rest = t.open(d, t.b[:0], uint32(code))
		} else {
			rest = t.step(rest)
		}
		list[code] = string(t.b)
	}
	return list
}

// value returns the string with this code, "" if there is none.
func (d *frontDict) value(code uint32) string {
	var buf [128]byte
	return string(d.appendValue(buf[:0], code))
}
