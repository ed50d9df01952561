package store

import (
	"fmt"
)

// spread says, for each mini-block of 256 rows, what the indexes of its rows
// exceed their places by, at least and at most. The bytes: the length of the
// first column uint32; the integer columns of the least and of the greatest.
type spread struct{ low, high ints }

func openSpread(b []byte, rows int) (s spread, err error) {
	r := reader{b: b}
	low := r.bytes(uint64(r.uint32()))
	if s.low, err = openInts(low, minis(rows)); err != nil {
		return s, fmt.Errorf("indexes: %w", err)
	}
	if s.high, err = openInts(r.b, minis(rows)); err != nil {
		return s, fmt.Errorf("indexes: %w", err)
	}
	return s, nil
}

func (s *segment) rowOf(index uint64) (row int, ok bool, err error) {
	if index < s.footer.indexes.From || index >= s.footer.indexes.To {
		return 0, false, nil
	}
	raw, err := s.section(sectionIndexes)
	if err != nil {
		return 0, false, s.damage(err)
	}
	spread, err := openSpread(raw, s.footer.rows)
	if err != nil {
		return 0, false, s.damage(err)
	}
	place := int64(index - s.footer.indexes.From)
	for n := range s.blocks() {
		if !s.footer.mayHold(n, index) {
			continue
		}
		if row, ok, err = s.rowIn(n, place, &spread); ok || err != nil {
			return row, ok, err
		}
	}
	return 0, false, nil
}

// rowIn returns the row of block n that has a place in the order of indexes.
func (s *segment) rowIn(n int, place int64, spread *spread) (row int, ok bool, err error) {
	var low, high [chunkRows / miniRows]int64
	var found [miniRows]int64
	var b segmentBlock
	first := n * len(low)
	for m := range spread.read(&low, &high, first) {
		zero := int64(first+m) * miniRows
		if place-zero < low[m] || place-zero-(miniRows-1) > high[m] {
			continue
		}
		if b.n == 0 {
			if err := s.open(&b, n); err != nil {
				return 0, false, err
			}
		}
		for k, d := range found[:b.indexes().read(found[:], m*miniRows)] {
			if zero+int64(k)+d == place {
				return int(zero) + k, true, nil
			}
		}
	}
	return 0, false, nil
}

// read sets low and high to the entries from i on, and returns their number.
// i is a multiple of their length, which divides that of a mini-block.
func (s *spread) read(low, high *[chunkRows / miniRows]int64, i int) int {
	return min(s.low.read(low[:], i), s.high.read(high[:], i))
}
