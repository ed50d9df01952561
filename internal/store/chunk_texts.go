package store

// chunkTexts is the texts of rows, [numTexts] of each, one after the other in pieces
// that are filled one by one. What is full never moves: a row that had to wait
// until megabytes are copied would keep all writers of its log waiting.
type chunkTexts struct {
	pieces [][]byte
	ends   []uint32 // of each text; the first piece begins at 0, the next at textPiece, …
}

const (
	textPieceBits = 16
	// textPiece is the size of a piece in bytes. The texts of a row are in one:
	// an event has less than that.
	textPiece = 1 << textPieceBits
)

// addTexts appends the texts of the next row.
func addTexts[T string | []byte](x *chunkTexts, texts [numTexts]T) {
	size := 0
	for _, s := range texts {
		size += len(s)
	}
	n := len(x.pieces)
	switch {
	case n == 0:
		x.pieces, n = make([][]byte, 1), 1 // grows: hundreds of tenants have little in memory
	case len(x.pieces[n-1])+size > textPiece:
		x.pieces, n = append(x.pieces, make([]byte, 0, textPiece)), n+1
	}
	p := &x.pieces[n-1]
	for _, s := range texts {
		*p = append(*p, s...)
		x.ends = append(x.ends, uint32((n-1)<<textPieceBits+len(*p)))
	}
}

// row returns the texts of a row in one, whose bytes never change, and where in
// it each of them ends.
func (x *chunkTexts) row(i int) (text []byte, ends [numTexts]uint32) {
	copy(ends[:], x.ends[numTexts*i:])
	end := ends[numTexts-1]
	if end == 0 { // texts without a byte
		return nil, ends
	}
	n := (end - 1) >> textPieceBits
	start := n << textPieceBits
	if i > 0 {
		start = max(start, x.ends[numTexts*i-1])
	}
	for k := range ends {
		ends[k] = max(ends[k], start) - start
	}
	first := n << textPieceBits
	return x.pieces[n][start-first : end-first], ends
}

// at returns one of the texts of a row.
func (x *chunkTexts) at(i, which int) []byte {
	text, ends := x.row(i)
	if which == 0 {
		return text[:ends[0]]
	}
	return text[ends[which-1]:ends[which]]
}
