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

// span returns the keys of the codes.
func (p *postings) span(codes codeRange) (lo, hi int, err error) {
	if lo, err = p.search(codes.from, 0); err == nil {
		hi, err = p.search(codes.to, lo)
	}
	return lo, hi, err
}

// search returns the first key from lo on that is not of a code below.
func (p *postings) search(code uint32, lo int) (int, error) {
	key := int64(code) * int64(p.rows)
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
