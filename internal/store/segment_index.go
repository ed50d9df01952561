package store

import (
	"cmp"
	"fmt"
	"slices"
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
	err = s.indexed(index, index+1, func(_ uint64, found int) bool {
		row, ok = found, true
		return false
	})
	return row, ok, err
}

// indexedRow is a row and its index.
type indexedRow struct {
	index uint64
	row   int
}

// listIndexes returns the first n rows whose index is from ≤ index < to, by index.
func (s *segment) listIndexes(from, to uint64, n int) ([]int, error) {
	var rows []int
	for from = max(from, s.footer.indexes.From); from < to && len(rows) < n; {
		end := min(to, from+uint64(n-len(rows))) // of so many indexes most have rows
		var some []indexedRow
		err := s.indexed(from, end, func(index uint64, row int) bool {
			some = append(some, indexedRow{index, row})
			return true
		})
		if err != nil {
			return nil, err
		}
		rows = append(rows, rowsByIndex(some, len(some))...)
		from = end
	}
	return rows, nil
}

// rowsByIndex returns the first n of some rows, by index.
func rowsByIndex(some []indexedRow, n int) (rows []int) {
	slices.SortFunc(some, func(a, b indexedRow) int { return cmp.Compare(a.index, b.index) })
	for _, x := range some[:min(n, len(some))] {
		rows = append(rows, x.row)
	}
	return rows
}

// indexed calls visit with the rows whose index is from ≤ index < to, in the order
// of rows, until it returns false. Where events came in the order of their times it
// looks into a few mini-blocks, otherwise into all.
func (s *segment) indexed(from, to uint64, visit func(index uint64, row int) bool) error {
	from, to = max(from, s.footer.indexes.From), min(to, s.footer.indexes.To)
	if from >= to {
		return nil
	}
	raw, err := s.section(sectionIndexes)
	if err != nil {
		return s.damage(err)
	}
	spread, err := openSpread(raw, s.footer.rows)
	if err != nil {
		return s.damage(err)
	}
	for n := range s.blocks() {
		if least, end := s.footer.indexesOf(n); least >= to || end <= from {
			continue
		}
		if more, err := s.indexedIn(n, from, to, &spread, visit); err != nil || !more {
			return err
		}
	}
	return nil
}

// indexedIn is indexed for block n.
func (s *segment) indexedIn(n int, from, to uint64, spread *spread,
	visit func(index uint64, row int) bool) (more bool, err error) {
	var low, high [chunkRows / miniRows]int64
	var found [miniRows]int64
	var b segmentBlock
	first := n * len(low)
	least, end := int64(from-s.footer.indexes.From), int64(to-s.footer.indexes.From) // places in the order of indexes
	for m := range spread.read(&low, &high, first) {
		zero := int64(first+m) * miniRows
		if end-1-zero < low[m] || least-zero-(miniRows-1) > high[m] {
			continue
		}
		if b.n == 0 {
			if err := s.open(&b, n); err != nil {
				return false, err
			}
		}
		for k, d := range found[:b.indexes().read(found[:], m*miniRows)] {
			place := zero + int64(k) + d
			if least <= place && place < end && !visit(s.footer.indexes.From+uint64(place), int(zero)+k) {
				return false, nil
			}
		}
	}
	return true, nil
}

// read sets low and high to the entries from i on, and returns their number.
// i is a multiple of their length, which divides that of a mini-block.
func (s *spread) read(low, high *[chunkRows / miniRows]int64, i int) int {
	return min(s.low.read(low[:], i), s.high.read(high[:], i))
}
