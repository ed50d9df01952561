package store

import (
	"fmt"
	"math"

	"github.com/scaivault/audit"
)

// A block holds all columns of chunkRows rows, or fewer in the last block, so
// that a row is one read away. It begins with the lengths of its pieces, a
// uint32 each; the pieces follow.
//
//	times     a sorted column
//	received  see receivedColumn
//	duration  an integer column
//	success   a bit a row, the first row lowest; no bytes say that all succeeded
//	indexes   an integer column: what the index exceeds the segment's first
//	          index and the row's place in the segment by
//	codes     one a column: a packed array as wide as the greatest code, or, of
//	          a column that follows the identity, an integer column; see pairs
//	producer  an id column; "" where the id is derived from the index
//	request   an id column
//	extra     a text column
const (
	pieceTimes = iota
	pieceReceived
	pieceDuration
	pieceSuccess
	pieceIndexes
	pieceCodes
	pieceProducer = pieceCodes + numCols
	pieceRequest  = pieceProducer + 1
	pieceExtra    = pieceRequest + 1
	numPieces     = pieceExtra + 1
)

// segmentBlock is a block of a segment. One goroutine uses it at a time. A piece
// is opened when it is first asked for: most questions look at few of them, and
// the first look at each waits for the memory.
type segmentBlock struct {
	of      *segment
	number  int
	n       int
	columns *codeColumns
	raw     []byte                // the pieces, one after the other
	ends    [numPieces + 1]uint32 // where they end in raw, from 1 on
	opened  uint16                // a bit a piece
	pieces  blockPieces
	group   textGroup // the last one used
	shared  []string  // the first texts that several rows have as extra data, by code; made when it is used
	buf     []byte    // what request returned
}

// blockPieces is the pieces of a block that were opened.
type blockPieces struct {
	times    sorted
	received receivedColumn
	duration ints
	success  []byte
	indexes  ints
	packed   [numCols]packed // the codes, of columns that do not follow the identity
	ranks    [numCols]ints   // which of the identity's values it is, of the others
	producer idColumn
	requests idColumn
	extras   textColumn
}

// codeColumns is what all blocks of a segment need to know of their codes.
type codeColumns struct {
	widths [numCols]int
	pairs  [numCols]*pairs // nil: the column does not follow the identity
}

// open sets s to the block with the bytes.
func (s *segmentBlock) open(b []byte, n int, columns *codeColumns) error {
	s.n, s.group.group, s.columns, s.opened, s.shared = n, -1, columns, 0, nil
	r, end := reader{b: b}, uint64(0)
	for i := range numPieces {
		end += uint64(r.uint32())
		s.ends[i+1] = uint32(min(end, math.MaxUint32))
	}
	if s.raw = r.b; r.bad || end != uint64(len(s.raw)) {
		return fmt.Errorf("block of %d rows: lengths of its pieces", n)
	}
	return nil
}

// openAll opens all pieces. A block for which that went well once needs to look
// for no errors when it is opened again.
func (s *segmentBlock) openAll() error {
	for piece := range numPieces {
		if err := s.openPiece(piece); err != nil {
			return err
		}
	}
	return nil
}

// use opens a piece unless it is open.
func (s *segmentBlock) use(piece int) *blockPieces {
	if s.opened>>piece&1 == 0 {
		_ = s.openPiece(piece) // no error: openAll found none
	}
	return &s.pieces
}

func (s *segmentBlock) openPiece(piece int) (err error) {
	s.opened |= 1 << piece
	b, p := s.raw[s.ends[piece]:s.ends[piece+1]], &s.pieces
	switch piece {
	case pieceTimes:
		p.times, err = openSorted(b, s.n)
	case pieceReceived:
		p.received, err = openReceived(b, s.n)
	case pieceDuration:
		p.duration, err = openInts(b, s.n)
	case pieceSuccess:
		if p.success = b; len(b) != 0 && len(b) != (s.n+7)/8 {
			err = fmt.Errorf("block of %d rows: %d bytes of outcomes", s.n, len(b))
		}
	case pieceIndexes:
		p.indexes, err = openInts(b, s.n)
	case pieceProducer:
		p.producer, err = openIDs(b, s.n)
	case pieceRequest:
		p.requests, err = openIDs(b, s.n)
	case pieceExtra:
		p.extras, err = openTexts(b, s.n)
	default:
		col := piece - pieceCodes
		if s.columns.pairs[col] != nil {
			p.ranks[col], err = openInts(b, s.n)
		} else {
			p.packed[col], err = openPacked(b, s.n, s.columns.widths[col])
		}
	}
	return err
}

func (s *segmentBlock) timestamps() *sorted       { return &s.use(pieceTimes).times }
func (s *segmentBlock) received() *receivedColumn { return &s.use(pieceReceived).received }
func (s *segmentBlock) duration() *ints           { return &s.use(pieceDuration).duration }
func (s *segmentBlock) indexes() *ints            { return &s.use(pieceIndexes).indexes }
func (s *segmentBlock) outcome() []byte           { return s.use(pieceSuccess).success }
func (s *segmentBlock) packed(col int) *packed    { return &s.use(pieceCodes + col).packed[col] }
func (s *segmentBlock) ranks(col int) *ints       { return &s.use(pieceCodes + col).ranks[col] }
func (s *segmentBlock) producer() *idColumn       { return &s.use(pieceProducer).producer }
func (s *segmentBlock) requests() *idColumn       { return &s.use(pieceRequest).requests }
func (s *segmentBlock) extras() *textColumn       { return &s.use(pieceExtra).extras }

func (s *segmentBlock) len() int { return s.n }

func (s *segmentBlock) base() int { return s.number << chunkBits }

func (s *segmentBlock) time(i int) audit.Time { return audit.Time(s.timestamps().at(i)) }

func (s *segmentBlock) code(col, i int) uint32 {
	if p := s.columns.pairs[col]; p != nil {
		return p.code(uint32(s.packed(colIdentity).get(i)), s.ranks(col).at(i))
	}
	return uint32(s.packed(col).get(i))
}

func (s *segmentBlock) success(i int) bool {
	b := s.outcome()
	return len(b) == 0 || b[i/8]>>(i%8)&1 == 1
}

func (s *segmentBlock) outcomes(rows []uint16, from, to int, success bool) []uint16 {
	b := s.outcome()
	for from < to {
		// The outcomes of up to eight rows: the bit of a row that is wanted is 1.
		word := byte(0xff)
		if len(b) > 0 {
			word = b[from/8]
		}
		if !success {
			word = ^word
		}
		end := min(to, from/8*8+8)
		for word >>= from % 8; word != 0 && from < end; word >>= 1 {
			if word&1 == 1 {
				rows = append(rows, uint16(from))
			}
			from++
		}
		from = end
	}
	return rows
}

func (s *segmentBlock) request(i int) []byte {
	s.buf = s.requests().append(s.buf[:0], i)
	return s.buf
}

// extra returns nil if the extra data cannot be decompressed, which it can if
// the block has the right checksum.
func (s *segmentBlock) extra(i int) []byte {
	text, _ := s.extras().at(&s.group, i)
	return text
}

func (s *segmentBlock) codes(col int, buf []uint32) []uint32 {
	if cap(buf) < s.n {
		buf = make([]uint32, s.n)
	}
	buf = buf[:s.n]
	if s.columns.pairs[col] != nil {
		unpack(buf, s.packed(colIdentity), 0)
	}
	s.fillCodes(buf, col, 0, buf)
	return buf
}

func (s *segmentBlock) find(rows []uint16, col int, codes []uint32, from, to int) ([]uint16, bool) {
	if s.columns.pairs[col] != nil {
		return rows, false
	}
	p := s.packed(col)
	if p.width == 0 {
		return rows, false
	}
	return p.find(rows, codes, from, to), true
}

// fillCodes sets dst to the codes from row i on. identities are those of the
// rows; they may be dst.
func (s *segmentBlock) fillCodes(dst []uint32, col, i int, identities []uint32) {
	p := s.columns.pairs[col]
	if p == nil {
		unpack(dst, s.packed(col), i)
		return
	}
	var ranks [miniRows]int64
	for len(dst) > 0 {
		n := s.ranks(col).read(ranks[:min(len(dst), miniRows)], i)
		if n == 0 { // a damaged column has no more
			clear(dst)
			return
		}
		for k, rank := range ranks[:n] {
			dst[k] = p.code(identities[k], rank)
		}
		dst, identities, i = dst[n:], identities[n:], i+n
	}
}

func (s *segmentBlock) times(buf []audit.Time) []audit.Time {
	if cap(buf) < s.n {
		buf = make([]audit.Time, s.n)
	}
	buf = buf[:s.n]
	var some [miniRows]int64
	stamps := s.timestamps()
	for i := 0; i < s.n; i += miniRows {
		for k, t := range some[:stamps.read(some[:], i)] {
			buf[i+k] = audit.Time(t)
		}
	}
	return buf
}

// order returns nil: the rows of a segment are in order.
func (s *segmentBlock) order() []uint16 { return nil }

func (s *segmentBlock) index(i int) uint64 { return s.indexAt(i, s.indexes().at(i)) }

// indexAt returns the index of a row that exceeds its place by displacement.
func (s *segmentBlock) indexAt(i int, displacement int64) uint64 {
	return s.of.footer.indexes.From + uint64(int64(s.base()+i)+displacement)
}
