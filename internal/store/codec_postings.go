package store

import (
	"encoding/binary"
	"fmt"
)

// listedUpTo is the share of the rows up to which a value has a list: one in
// 512. Above, finding the rows by scanning the column of codes costs less than
// a microsecond each, and the lists of such values would take as much space as
// all the others together.
const listedUpTo = 512

// postings lists, for the values of a column, the rows they occur in.
//
// All lists are one sorted column of keys: code × rows + row. Its mini-blocks
// adapt to long lists and to many short ones alike, it needs no directory of
// lists, and the lists of neighbouring codes, as those of paths with the same
// prefix, are neighbours.
//
// The bytes:
//
//	n      uint32   number of keys
//	the sorted column of n keys
//
// A value that occurs in more than one row of 512 has no keys. As every value
// of a frontDict occurs in some row, a value without keys is one whose rows
// must be found by scanning. The number of rows is not stored.
type postings struct {
	rows  int
	keys  sorted
	pages *paged
}

// appendPostings appends the lists of a column with the given code for each
// row, all less than n.
func appendPostings(dst []byte, codes []uint32, n int) []byte {
	count := make([]int, n)
	for _, c := range codes {
		count[c]++
	}
	next := make([]int, n) // where the next key of each value goes
	total := 0
	for c := range next {
		next[c] = total
		if count[c]*listedUpTo <= len(codes) {
			total += count[c]
		} else {
			next[c] = -1
		}
	}
	keys := make([]int64, total)
	for row, c := range codes {
		if i := next[c]; i >= 0 {
			keys[i] = int64(c)*int64(len(codes)) + int64(row)
			next[c]++
		}
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(total))
	return appendSorted(dst, keys)
}

// openPostings reads the lists of a column of the given number of rows.
func openPostings(pages *paged, rows int) (postings, error) {
	const header = 4 + sortedHeader + directoryHeader
	if err := pages.need(0, header); err != nil {
		return postings{}, err
	}
	b := pages.b
	if len(b) < 4 || rows < 0 {
		return postings{}, fmt.Errorf("postings: %d bytes for %d rows", len(b), rows)
	}
	n := binary.LittleEndian.Uint32(b)
	if int64(n) > int64(rows) {
		return postings{}, fmt.Errorf("postings: %d keys for %d rows", n, rows)
	}
	keys, err := openSorted(b[4:], int(n))
	if err != nil {
		return postings{}, fmt.Errorf("postings: %w", err)
	}
	return postings{rows: rows, keys: keys, pages: pages}, pages.need(0, len(b)-len(keys.data))
}

// lists returns the rows in the lists of the codes, list after list.
func (p *postings) lists(codes codeRange) ([]uint32, error) {
	lo, hi, err := p.span(codes)
	if err == nil && lo < hi {
		err = p.need(lo/miniRows, minis(hi))
	}
	if err != nil {
		return nil, err
	}
	rows := make([]uint32, 0, hi-lo)
	var keys [miniRows]int64
	for lo < hi {
		n := p.keys.read(keys[:min(miniRows, hi-lo)], lo)
		for _, key := range keys[:n] {
			rows = append(rows, uint32(uint64(key)%uint64(p.rows)))
		}
		lo += n
	}
	return rows, nil
}

// listed returns the number of rows in the lists of the codes.
func (p *postings) listed(codes codeRange) (int, error) {
	lo, hi, err := p.span(codes)
	return hi - lo, err
}

// near returns the first row from ≤ row < to in the list of a code, or the last;
// -1 if there is none. listed is false if the code has no list.
func (p *postings) near(code uint32, from, to int, last bool) (row int, listed bool, err error) {
	first, at := p.keyOf(code), from
	if last {
		at = to
	}
	i, err := p.search(first+int64(at), 0) // what stands there and before is of the list, if there is one
	if err != nil {
		return -1, false, err
	}
	before, err := p.rowAt(i-1, first)
	if err != nil {
		return -1, false, err
	}
	after, err := p.rowAt(i, first)
	if row = after; last {
		row = before
	}
	if row < from || row >= to {
		row = -1
	}
	return row, before >= 0 || after >= 0, err
}

// rowAt returns the row of key i if it is of the code whose keys begin at first,
// else -1.
func (p *postings) rowAt(i int, first int64) (int, error) {
	if i < 0 || i >= p.keys.n {
		return -1, nil
	}
	if err := p.need(i/miniRows, i/miniRows+1); err != nil {
		return -1, err
	}
	if row := p.keys.at(i) - first; 0 <= row && row < int64(p.rows) {
		return int(row), nil
	}
	return -1, nil
}

// keyOf returns the key of a code's row 0.
func (p *postings) keyOf(code uint32) int64 { return int64(code) * int64(p.rows) }

// span returns the keys of the codes.
func (p *postings) span(codes codeRange) (lo, hi int, err error) {
	if lo, err = p.search(p.keyOf(codes.from), 0); err == nil {
		hi, err = p.search(p.keyOf(codes.to), lo)
	}
	return lo, hi, err
}

// search returns the first place from lo on whose key is not below a key.
func (p *postings) search(key int64, lo int) (int, error) {
	if m := p.keys.searched(key, lo, p.keys.n); m >= 0 {
		if err := p.need(m, m+1); err != nil {
			return 0, err
		}
	}
	return p.keys.search(key, lo, p.keys.n), nil
}

// need is [paged.need] for the mini-blocks from ≤ m < to of the keys.
func (p *postings) need(from, to int) error {
	data := len(p.pages.b) - len(p.keys.data)
	first, end := p.keys.extent(from, to)
	return p.pages.need(data+first, data+end)
}
