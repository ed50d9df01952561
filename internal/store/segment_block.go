package store

import (
	"fmt"

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

// segmentBlock is a block of a segment. One goroutine uses it at a time.
type segmentBlock struct {
	of        *segment
	number    int
	n         int
	timestamp sorted
	received  receivedColumn
	duration  ints
	succeeded []byte
	indexes   ints
	packed    [numCols]packed // the codes, of columns that do not follow the identity
	ranks     [numCols]ints   // which of the identity's values it is, of the others
	columns   *codeColumns
	producer  idColumn
	requests  idColumn
	extras    textColumn
	group     textGroup // the last one used
	shared    []string  // the first texts that several rows have as extra data, by code; made when it is used
	buf       []byte    // what request returned
}

// codeColumns is what all blocks of a segment need to know of their codes.
type codeColumns struct {
	widths [numCols]int
	pairs  [numCols]*pairs // nil: the column does not follow the identity
}

// open sets s to the block with the bytes.
func (s *segmentBlock) open(b []byte, n int, columns *codeColumns) error {
	s.n, s.group.group, s.columns = n, -1, columns
	r := reader{b: b}
	var lengths [numPieces]uint64
	for i := range lengths {
		lengths[i] = uint64(r.uint32())
	}
	var pieces [numPieces][]byte
	for i, length := range lengths {
		pieces[i] = r.bytes(length)
	}
	s.succeeded = pieces[pieceSuccess]
	if size := len(s.succeeded); r.bad || len(r.b) > 0 || size != 0 && size != (n+7)/8 {
		return fmt.Errorf("block of %d rows: lengths of its pieces", n)
	}
	return s.openPieces(&pieces)
}

func (s *segmentBlock) openPieces(pieces *[numPieces][]byte) (err error) {
	n := s.n
	if s.timestamp, err = openSorted(pieces[pieceTimes], n); err != nil {
		return err
	}
	if s.received, err = openReceived(pieces[pieceReceived], n); err != nil {
		return err
	}
	if s.duration, err = openInts(pieces[pieceDuration], n); err != nil {
		return err
	}
	if s.indexes, err = openInts(pieces[pieceIndexes], n); err != nil {
		return err
	}
	for col := range s.packed {
		if piece := pieces[pieceCodes+col]; s.columns.pairs[col] != nil {
			s.ranks[col], err = openInts(piece, n)
		} else {
			s.packed[col], err = openPacked(piece, n, s.columns.widths[col])
		}
		if err != nil {
			return err
		}
	}
	if s.producer, err = openIDs(pieces[pieceProducer], n); err != nil {
		return err
	}
	if s.requests, err = openIDs(pieces[pieceRequest], n); err != nil {
		return err
	}
	s.extras, err = openTexts(pieces[pieceExtra], n)
	return err
}

func (s *segmentBlock) len() int { return s.n }

func (s *segmentBlock) base() int { return s.number << chunkBits }

func (s *segmentBlock) time(i int) audit.Time { return audit.Time(s.timestamp.at(i)) }

func (s *segmentBlock) code(col, i int) uint32 {
	if p := s.columns.pairs[col]; p != nil {
		return p.code(uint32(s.packed[colIdentity].get(i)), s.ranks[col].at(i))
	}
	return uint32(s.packed[col].get(i))
}

func (s *segmentBlock) success(i int) bool {
	return len(s.succeeded) == 0 || s.succeeded[i/8]>>(i%8)&1 == 1
}

func (s *segmentBlock) outcomes(rows []uint16, from, to int, success bool) []uint16 {
	for from < to {
		// The outcomes of up to eight rows: the bit of a row that is wanted is 1.
		word := byte(0xff)
		if len(s.succeeded) > 0 {
			word = s.succeeded[from/8]
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
	s.buf = s.requests.append(s.buf[:0], i)
	return s.buf
}

// extra returns nil if the extra data cannot be decompressed, which it can if
// the block has the right checksum.
func (s *segmentBlock) extra(i int) []byte {
	text, _ := s.extras.at(&s.group, i)
	return text
}

func (s *segmentBlock) codes(col int, buf []uint32) []uint32 {
	if cap(buf) < s.n {
		buf = make([]uint32, s.n)
	}
	buf = buf[:s.n]
	if s.columns.pairs[col] != nil {
		unpack(buf, &s.packed[colIdentity], 0)
	}
	s.fillCodes(buf, col, 0, buf)
	return buf
}

func (s *segmentBlock) find(rows []uint16, col int, codes []uint32, from, to int) ([]uint16, bool) {
	p := &s.packed[col]
	if s.columns.pairs[col] != nil || p.width == 0 {
		return rows, false
	}
	return p.find(rows, codes, from, to), true
}

// fillCodes sets dst to the codes from row i on. identities are those of the
// rows; they may be dst.
func (s *segmentBlock) fillCodes(dst []uint32, col, i int, identities []uint32) {
	p := s.columns.pairs[col]
	if p == nil {
		unpack(dst, &s.packed[col], i)
		return
	}
	var ranks [miniRows]int64
	for len(dst) > 0 {
		n := s.ranks[col].read(ranks[:min(len(dst), miniRows)], i)
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
	for i := 0; i < s.n; i += miniRows {
		for k, t := range some[:s.timestamp.read(some[:], i)] {
			buf[i+k] = audit.Time(t)
		}
	}
	return buf
}

// order returns nil: the rows of a segment are in order.
func (s *segmentBlock) order() []uint16 { return nil }

func (s *segmentBlock) index(i int) uint64 { return s.indexAt(i, s.indexes.at(i)) }

// indexAt returns the index of a row that exceeds its place by displacement.
func (s *segmentBlock) indexAt(i int, displacement int64) uint64 {
	return s.of.footer.indexes.From + uint64(int64(s.base()+i)+displacement)
}
