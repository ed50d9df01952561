package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// ranking holds how often each of the n values of a frontDict occurs and which
// occur most, for summaries of many columns that look at the top of each until
// nothing below can matter: Fagin, Lotem and Naor, "Optimal aggregation
// algorithms for middleware" (2001).
//
// The bytes:
//
//	ranked  uint32   number of values that occur more than once
//	a packed array of the codes of these, as wide as n - 1: those that occur
//	        more often first, then those with the lower code
//	an integer column with the number of occurrences of each code
//
// n is not stored.
type ranking struct {
	n      int
	ranked int
	order  packed
	counts ints
}

// appendRanking appends the ranking of values that occur so often, by code.
func appendRanking(dst []byte, counts []int64) []byte {
	var order []uint32
	for code, n := range counts {
		if n > 1 {
			order = append(order, uint32(code))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(order)))
	dst = appendPacked(dst, order, codeWidth(len(counts)))
	return appendInts(dst, counts)
}

// codeWidth returns the width of the codes of n values.
func codeWidth(n int) int { return widthOf(uint64(max(n, 1) - 1)) }

// openRanking reads the ranking of n values.
func openRanking(b []byte, n int) (ranking, error) {
	if len(b) < 4 || n < 0 || int64(binary.LittleEndian.Uint32(b)) > int64(n) {
		return ranking{}, fmt.Errorf("ranking: %d bytes for %d values", len(b), n)
	}
	r := ranking{n: n, ranked: int(binary.LittleEndian.Uint32(b))}
	b = b[4:]
	size := min(packedSize(r.ranked, codeWidth(n)), len(b))
	var err error
	if r.order, err = openPacked(b[:size], r.ranked, codeWidth(n)); err != nil {
		return ranking{}, fmt.Errorf("ranking: %w", err)
	}
	if r.counts, err = openInts(b[size:], n); err != nil {
		return ranking{}, fmt.Errorf("ranking: %w", err)
	}
	return r, nil
}

// count returns how often the value with this code occurs, 0 if there is none.
func (r *ranking) count(code uint32) int64 { return r.counts.at(int(code)) }

// sum returns how often the values with these codes occur, or a number beyond
// most if it is that many.
func (r *ranking) sum(codes codeRange, most int64) (n int64) {
	var some [miniRows]int64
	for code := int(codes.from); code < int(codes.to) && n <= most; {
		read := r.counts.read(some[:min(miniRows, int(codes.to)-code)], code)
		if read == 0 {
			break
		}
		for _, count := range some[:read] {
			n += count
		}
		code += read
	}
	return n
}

// all returns how often each value occurs, by code.
func (r *ranking) all() []uint32 {
	list := make([]uint32, r.n)
	var some [miniRows]int64
	for code := 0; code < r.n; {
		read := r.counts.read(some[:], code)
		if read == 0 {
			break
		}
		for i, count := range some[:read] {
			list[code+i] = uint32(count)
		}
		code += read
	}
	return list
}

// top returns a cursor before the most frequent value.
func (r *ranking) top() cursor { return &rankCursor{r: r} }

// rankCursor goes through the values of a ranking, the most frequent first.
type rankCursor struct {
	r    *ranking
	rank int // of the ranked values: the next one
	code int // of the others: the first that may be next

	counts [miniRows]int64 // of the codes from lo on, before hi
	lo, hi int
}

// next returns the code and the number of occurrences of the next value, false
// at the end.
func (c *rankCursor) next() (code uint32, count int64, ok bool) {
	if c.rank < c.r.ranked {
		code = uint32(c.r.order.get(c.rank))
		c.rank++
		return code, c.r.count(code), true
	}
	for ; c.code < c.r.n; c.code++ {
		if c.code >= c.hi {
			c.lo, c.hi = c.code, c.code+c.r.counts.read(c.counts[:], c.code)
		}
		if count = c.counts[c.code-c.lo]; count == 1 {
			c.code++
			return uint32(c.code - 1), count, true
		}
	}
	return 0, 0, false
}
