package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// depends says which columns follow the identity closely: each identity is of
// one type, acts from a few addresses and with a few programs. Their rows hold
// no codes but which of the identity's values it is, the most frequent first.
var depends = [numCols]bool{colType: true, colIP: true, colAgent: true}

// pairs are the values of a column that each identity has.
//
// The bytes: their number uint32; for each identity where its values begin, a
// packed array as wide as that number; the codes of the values, a packed array
// as wide as those of the column. No bytes say that the column does not follow
// the identity, and its blocks hold codes.
type pairs struct {
	starts packed
	codes  packed
}

func openPairs(b []byte, identities, width int) (*pairs, error) {
	r := reader{b: b}
	n := r.uint32()
	if n > maxSegmentRows {
		return nil, fmt.Errorf("%d pairs", n)
	}
	starts := r.bytes(uint64(packedSize(identities, widthOf(n))))
	p := &pairs{}
	var err error
	if p.starts, err = openPacked(starts, identities, widthOf(n)); err != nil {
		return nil, fmt.Errorf("pairs: %w", err)
	}
	if p.codes, err = openPacked(r.b, int(n), width); err != nil {
		return nil, fmt.Errorf("pairs: %w", err)
	}
	return p, nil
}

// code returns the code of a value of an identity.
func (p *pairs) code(identity uint32, rank int64) uint32 {
	return uint32(p.codes.get(int(p.starts.get(int(identity))) + int(rank)))
}

// pairing is the pairs of a segment to be.
type pairing struct {
	list  []pairCount
	ranks map[uint64]int64 // by identity<<32 | code
}

type pairCount struct {
	pair  uint64 // identity<<32 | code
	count int
}

// pairCounts counts pairs of a segment of so many rows.
type pairCounts struct {
	rows int
	n    map[uint64]int // by identity<<32 | code; made when it is used
}

// add counts rows with a pair.
func (c *pairCounts) add(identity, code uint32, rows int) {
	if c.n == nil {
		c.n = make(map[uint64]int)
	}
	c.n[uint64(identity)<<32|uint64(code)] += rows
}

// tooMany reports whether there are so many pairs that codes take less.
func (c *pairCounts) tooMany() bool {
	const rowsPerPair = 16
	return len(c.n)*rowsPerPair > c.rows+rowsPerPair*rowsPerPair
}

// pairing returns the pairs.
func (c *pairCounts) pairing() *pairing {
	p := &pairing{ranks: make(map[uint64]int64, len(c.n))}
	for pair, n := range c.n {
		p.list = append(p.list, pairCount{pair, n})
	}
	slices.SortFunc(p.list, func(a, b pairCount) int {
		return cmp.Or(cmp.Compare(a.pair>>32, b.pair>>32), cmp.Compare(b.count, a.count),
			cmp.Compare(a.pair, b.pair))
	})
	rank := int64(0)
	for i, e := range p.list {
		if rank++; i == 0 || e.pair>>32 != p.list[i-1].pair>>32 {
			rank = 0
		}
		p.ranks[e.pair] = rank
	}
	return p
}

// rank returns which of the values of the identity the code is.
func (p *pairing) rank(identity, code uint32) int64 {
	return p.ranks[uint64(identity)<<32|uint64(code)]
}

// append appends the pairs of so many identities, codes of a width.
func (p *pairing) append(dst []byte, identities, width int) []byte {
	starts := make([]uint32, identities)
	codes := make([]uint32, len(p.list))
	next := 0
	for identity := range starts {
		starts[identity] = uint32(next)
		for next < len(p.list) && p.list[next].pair>>32 == uint64(identity) {
			next++
		}
	}
	for i, e := range p.list {
		codes[i] = uint32(e.pair)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p.list)))
	dst = appendPacked(dst, starts, widthOf(uint32(len(p.list))))
	return appendPacked(dst, codes, width)
}
