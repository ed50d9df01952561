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
	rows int
	keys sorted
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
func openPostings(b []byte, rows int) (postings, error) {
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
	return postings{rows: rows, keys: keys}, nil
}

// lists returns the rows in the lists of the codes, list after list.
func (p *postings) lists(codes codeRange) []uint32 {
	lo, hi := p.span(codes)
	rows := make([]uint32, 0, hi-lo)
	var keys [miniRows]int64
	for lo < hi {
		n := p.keys.read(keys[:min(miniRows, hi-lo)], lo)
		for _, key := range keys[:n] {
			rows = append(rows, uint32(uint64(key)%uint64(p.rows)))
		}
		lo += n
	}
	return rows
}

// listed returns the number of rows in the lists of the codes.
func (p *postings) listed(codes codeRange) int {
	lo, hi := p.span(codes)
	return hi - lo
}

// span returns the keys of the codes.
func (p *postings) span(codes codeRange) (lo, hi int) {
	lo = p.keys.search(int64(codes.from)*int64(p.rows), 0, p.keys.n)
	return lo, p.keys.search(int64(codes.to)*int64(p.rows), lo, p.keys.n)
}
