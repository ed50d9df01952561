package store

import "encoding/binary"

// blockColumns is the rows of a block to be, as columns.
type blockColumns struct {
	times        []int64
	received     []int64
	duration     []int64
	displacement []int64
	success      []bool
	codes        [numCols][]uint32
	texts        [numTexts][][]byte
}

func newBlockColumns(n int) *blockColumns {
	b := &blockColumns{
		times: make([]int64, n), received: make([]int64, n), duration: make([]int64, n),
		displacement: make([]int64, n), success: make([]bool, n),
	}
	for col := range b.codes {
		b.codes[col] = make([]uint32, n)
	}
	for which := range b.texts {
		b.texts[which] = make([][]byte, n)
	}
	return b
}

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
