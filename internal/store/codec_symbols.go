package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// symbols shortens strings that repeat the same few pieces: it is a table of
// up to 255 pieces of one to eight bytes, for each of which one byte is
// written. It is FSST, see Boncz, Neumann and Leis, "FSST: Fast Random Access
// String Compression" (VLDB 2020): a string is read without the ones before.
//
// The bytes:
//
//	count  uint8                  number of pieces
//	count × 8 bytes: the pieces, each filled with zeros
//	count × uint8: the lengths of the pieces, 1 to 8
//
// Strings are written as code bytes. A code less than count stands for that
// piece, 255 for the byte that follows; other codes do not occur. If count is
// 0 there are no codes: the bytes stand for themselves.
type symbols struct {
	pieces  []byte
	lengths []byte
}

const (
	mostPieces  = 255
	pieceSize   = 8
	literalCode = 255
)

// openSymbols reads a table from the front of b and returns the rest.
func openSymbols(b []byte) (symbols, []byte, error) {
	if len(b) == 0 || len(b) < 1+int(b[0])*(pieceSize+1) {
		return symbols{}, nil, fmt.Errorf("symbols: %d bytes", len(b))
	}
	n := int(b[0])
	pieces, b := b[1:1+n*pieceSize], b[1+n*pieceSize:]
	lengths, b := b[:n], b[n:]
	for _, l := range lengths {
		if l < 1 || l > pieceSize {
			return symbols{}, nil, fmt.Errorf("symbols: length %d", l)
		}
	}
	return symbols{pieces: pieces, lengths: lengths}, b, nil
}

// expand appends the bytes that the codes stand for.
func (s *symbols) expand(dst, codes []byte) []byte {
	if len(s.lengths) == 0 {
		return append(dst, codes...)
	}
	for i := 0; i < len(codes); i++ {
		c := int(codes[i])
		if c < len(s.lengths) {
			end := len(dst) + int(s.lengths[c])
			dst = binary.LittleEndian.AppendUint64(dst, load(s.pieces, uint64(c*pieceSize)))[:end]
			continue
		}
		if i++; i < len(codes) {
			dst = append(dst, codes[i])
		}
	}
	return dst
}

// symbolTable writes strings with a table of pieces.
type symbolTable struct {
	pieces []string
	// The codes of the pieces that begin with a byte, the longest first.
	begin [256][]int
}

func newSymbolTable(pieces []string) *symbolTable {
	t := &symbolTable{pieces: pieces}
	for c, p := range pieces {
		t.begin[p[0]] = append(t.begin[p[0]], c)
	}
	for _, codes := range t.begin {
		slices.SortStableFunc(codes, func(a, b int) int { return len(pieces[b]) - len(pieces[a]) })
	}
	return t
}

// longest returns the longest piece that s, which is not empty, begins with,
// or the literal code.
func (t *symbolTable) longest(s string) (code, length int) {
	for _, c := range t.begin[s[0]] {
		if p := t.pieces[c]; len(p) <= len(s) && s[:len(p)] == p {
			return c, len(p)
		}
	}
	return literalCode, 1
}

// appendCodes appends the codes of s.
func (t *symbolTable) appendCodes(dst []byte, s string) []byte {
	if len(t.pieces) == 0 {
		return append(dst, s...)
	}
	for len(s) > 0 {
		c, n := t.longest(s)
		if dst = append(dst, byte(c)); c == literalCode {
			dst = append(dst, s[0])
		}
		s = s[n:]
	}
	return dst
}

// appendSymbols appends the table.
func appendSymbols(dst []byte, t *symbolTable) []byte {
	dst = append(dst, byte(len(t.pieces)))
	for _, p := range t.pieces {
		var piece [pieceSize]byte
		copy(piece[:], p)
		dst = append(dst, piece[:]...)
	}
	for _, p := range t.pieces {
		dst = append(dst, byte(len(p)))
	}
	return dst
}

// learnSymbols finds the pieces that shorten the sample most. It begins with
// single bytes and writes the sample a few times, each time with the pieces
// that were used most the time before and those pairs of them that were.
func learnSymbols(sample []string) *symbolTable {
	t := newSymbolTable(nil)
	for range 5 {
		gain := make(map[string]int)
		for _, s := range sample {
			before := ""
			for len(s) > 0 {
				_, n := t.longest(s)
				piece := s[:n]
				gain[piece] += n
				if both := before + piece; before != "" && len(both) <= pieceSize {
					gain[both] += len(both)
				}
				before, s = piece, s[n:]
			}
		}
		t = newSymbolTable(mostGaining(gain))
	}
	return t
}

// mostGaining returns the pieces with the greatest gain.
func mostGaining(gain map[string]int) []string {
	pieces := make([]string, 0, len(gain))
	for p := range gain {
		pieces = append(pieces, p)
	}
	slices.SortFunc(pieces, func(a, b string) int {
		return cmp.Or(cmp.Compare(gain[b], gain[a]), cmp.Compare(a, b))
	})
	return pieces[:min(len(pieces), mostPieces)]
}
