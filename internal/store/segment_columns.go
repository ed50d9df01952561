package store

import (
	"encoding/binary"
	"slices"
)

// blockColumns is the rows of a block to be, as columns.
type blockColumns struct {
	times        []int64
	received     []int64
	duration     []int64
	indexes      []uint64
	displacement []int64 // the writer's
	success      []bool
	codes        [numCols][]uint32
	texts        [numTexts][][]byte
}

// resize makes room for n rows, which are to be set.
func (r *blockColumns) resize(n int) {
	for _, c := range [...]*[]int64{&r.times, &r.received, &r.duration, &r.displacement} {
		*c = sized(*c, n)
	}
	r.indexes = sized(r.indexes, n)
	r.success = sized(r.success, n)
	for col := range r.codes {
		r.codes[col] = sized(r.codes[col], n)
	}
	for which := range r.texts {
		r.texts[which] = sized(r.texts[which], n)
	}
}

// sized returns a slice of n elements, in the place of list if it is there.
func sized[T any](list []T, n int) []T { return slices.Grow(list[:0], n)[:n] }

// append appends the block.
func (r *blockColumns) append(dst []byte, widths *[numCols]int, pairs *[numCols]*pairing) ([]byte, error) {
	at := len(dst)
	dst = append(dst, make([]byte, 4*numPieces)...)
	start, piece := len(dst), 0
	end := func() {
		binary.LittleEndian.PutUint32(dst[at+4*piece:], uint32(len(dst)-start))
		start, piece = len(dst), piece+1
	}
	dst = appendSorted(dst, r.times)
	end()
	dst = r.appendReceived(dst)
	end()
	dst = appendInts(dst, r.duration)
	end()
	dst = r.appendSuccess(dst)
	end()
	dst = appendInts(dst, r.displacement)
	end()
	for col, codes := range r.codes {
		if pairs[col] != nil {
			dst = appendInts(dst, r.ranks(pairs[col], col))
		} else {
			dst = appendPacked(dst, codes, widths[col])
		}
		end()
	}
	dst = appendIDs(dst, r.texts[textID])
	end()
	dst = appendIDs(dst, r.texts[textRequest])
	end()
	dst, err := appendTexts(dst, r.texts[textExtra])
	if err != nil {
		return nil, err
	}
	end()
	return dst, nil
}

// ranks returns which of the values of the identity the rows have.
func (r *blockColumns) ranks(p *pairing, col int) []int64 {
	ranks := make([]int64, len(r.times))
	for i, code := range r.codes[col] {
		ranks[i] = p.rank(r.codes[colIdentity][i], code)
	}
	return ranks
}

func (r *blockColumns) appendSuccess(dst []byte) []byte {
	bits := make([]byte, (len(r.success)+7)/8)
	all := true
	for i, ok := range r.success {
		if ok {
			bits[i/8] |= 1 << (i % 8)
		}
		all = all && ok
	}
	if all {
		return dst
	}
	return append(dst, bits...)
}
