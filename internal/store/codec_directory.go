package store

import "fmt"

// miniRows is the number of rows of a mini-block, the unit in which a column
// adapts to its data.
const miniRows = 256

// minis returns the number of mini-blocks of n rows.
func minis(n int) int { return (n-1)>>8 + 1 }

// mini says how and where a column keeps a mini-block.
type mini struct {
	base  uint64 // what all its entries are relative to
	form  uint64 // how they are coded: the column's own affair
	start uint64 // of its data, in bytes after the directory
}

// directory is the list of a column's mini-blocks.
//
// The bytes:
//
//	base   uint8   width of a record's field base, 0 to 64
//	start  uint8   width of its field start, 0 to 32
//	then one record a mini-block, its fields base, form and start as in a
//	packed array, filled with zero bits to whole bytes
//
// The number of records and the width of form depend on the column.
type directory struct {
	b      []byte // the records and what follows
	size   uint8  // of a record, in bytes
	base   uint8  // widths of the fields
	form   uint8
	starts uint8
}

const (
	directoryHeader = 2
	mostBase        = 64
	mostStart       = 32
)

// appendDirectory appends the directory of the mini-blocks.
func appendDirectory(dst []byte, list []mini, form int) []byte {
	base, start := 0, 0
	for _, m := range list {
		base, start = max(base, widthOf(m.base)), max(start, widthOf(m.start))
	}
	dst = append(dst, byte(base), byte(start))
	for _, m := range list {
		w := bitWriter{b: dst}
		w.put(m.base, base)
		w.put(m.form, form)
		w.put(m.start, start)
		dst = w.bytes()
	}
	return dst
}

// openDirectory reads the directory of a column of n entries from the front of
// b and returns the rest.
func openDirectory(b []byte, n, form int) (directory, []byte, error) {
	if n <= 0 || len(b) < directoryHeader {
		return directory{}, nil, fmt.Errorf("directory: %d bytes for %d entries", len(b), n)
	}
	d := directory{b: b[directoryHeader:], base: b[0], form: uint8(form), starts: b[1]}
	if d.base > mostBase || d.starts > mostStart {
		return directory{}, nil, fmt.Errorf("directory: widths %d and %d", d.base, d.starts)
	}
	d.size = (d.base + d.form + d.starts + 7) / 8
	size := int(d.size)
	if len(d.b)/size < minis(n) {
		return directory{}, nil, fmt.Errorf("directory: %d bytes for %d entries", len(b), n)
	}
	return d, d.b[minis(n)*size:], nil
}

// baseOf returns the base of mini-block m.
func (d *directory) baseOf(m int) uint64 {
	return field(d.b, uint64(m)*uint64(d.size)*8, int(d.base))
}

// mini returns the record of mini-block m.
func (d *directory) mini(m int) mini {
	pos := uint64(m) * uint64(d.size) * 8
	form := pos + uint64(d.base)
	return mini{
		base:  field(d.b, pos, int(d.base)),
		form:  field(d.b, form, int(d.form)),
		start: field(d.b, form+uint64(d.form), int(d.starts)),
	}
}

// from returns the bytes of b from start on, none if it is not in there.
func from(b []byte, start uint64) []byte {
	return b[min(start, uint64(len(b))):]
}
