package store

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A column of texts, as extra data is: few texts in many rows, and many that
// are alone but look like each other. Those that several rows have are kept
// once and as they are, so that most rows need no decompression; the others
// are compressed in groups.
//
// The bytes:
//
//	shared   uint16  number of texts that several rows have
//	alone    uint16  number of rows whose texts are in groups
//	groups   uint16
//	codes, ends, text, packs  uint32 each: lengths of the parts below
//	codes    the integer column of an entry a row: 0, or 1 + the shared text
//	before   a uint16 a mini-block of 256 rows: the rows before it with code 0
//	ends     of the shared texts in their text: a sorted column
//	text     the shared texts
//	a record a group: first uint16, the number of rows with code 0 before the
//	         group; end uint32, where the group ends in packs
//	packs    the groups, each a Zstandard frame (RFC 8878)
//
// A group, decompressed: the lengths of its texts as uvarints, the texts.
type textColumn struct {
	n      int
	shared int
	alone  int
	groups int
	codes  ints
	before []byte
	ends   sorted
	text   []byte
	record []byte
	packs  []byte
}

const (
	groupRecord = 2 + 4
	// A text that so many rows of a block have is shared.
	sharedRows = 4
	// A group is full at so many texts or bytes.
	groupRows = 128
	groupSize = 16 << 10
	// maxText is the longest text of a column in bytes.
	maxText = 1<<16 - 1
	// maxGroup bounds what a group decompresses to.
	maxGroup = 1 << 17
)

// unpacker returns the decompressor of texts. It is safe for concurrent use.
var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxGroup))
})

// openTexts reads a column of n texts.
func openTexts(b []byte, n int) (textColumn, error) {
	r := reader{b: b}
	c := textColumn{n: n, shared: int(r.uint16()), alone: int(r.uint16()), groups: int(r.uint16())}
	codes, ends, text, packs := r.uint32(), r.uint32(), r.uint32(), r.uint32()
	codeBytes := r.bytes(uint64(codes))
	c.before = r.bytes(uint64(2 * minis(n)))
	endBytes := r.bytes(uint64(ends))
	c.text = r.bytes(uint64(text))
	c.record = r.bytes(uint64(groupRecord * c.groups))
	c.packs = r.bytes(uint64(packs))
	if r.bad || len(r.b) != 0 {
		return textColumn{}, fmt.Errorf("text column: %d bytes for %d texts", len(b), n)
	}
	var err error
	if c.codes, err = openInts(codeBytes, n); err != nil {
		return textColumn{}, fmt.Errorf("text column: codes: %w", err)
	}
	if c.ends, err = openSorted(endBytes, c.shared); err != nil {
		return textColumn{}, fmt.Errorf("text column: ends: %w", err)
	}
	return c, nil
}

// sharedText returns the text with a code from 1 on.
func (c *textColumn) sharedText(code int64) ([]byte, error) {
	start := int64(0)
	if code > 1 {
		start = c.ends.at(int(code - 2))
	}
	end := c.ends.at(int(code - 1))
	if code < 1 || code > int64(c.shared) || start < 0 || end < start || end > int64(len(c.text)) {
		return nil, fmt.Errorf("text column: no shared text %d", code)
	}
	return c.text[start:end], nil
}

// rank returns how many rows before row have code 0.
func (c *textColumn) rank(row int) int {
	m := row / miniRows
	rank := int(binary.LittleEndian.Uint16(c.before[2*m:]))
	var codes [miniRows]int64
	for _, code := range codes[:c.codes.read(codes[:row%miniRows], m*miniRows)] {
		if code == 0 {
			rank++
		}
	}
	return rank
}

// groupOf returns the group that holds text rank of those that are alone.
func (c *textColumn) groupOf(rank int) int {
	g, end := 0, c.groups
	for end-g > 1 {
		if mid := (g + end) / 2; c.firstOf(mid) <= rank {
			g = mid
		} else {
			end = mid
		}
	}
	return g
}

func (c *textColumn) firstOf(group int) int {
	return int(binary.LittleEndian.Uint16(c.record[groupRecord*group:]))
}

func (c *textColumn) endOf(group int) uint32 {
	return binary.LittleEndian.Uint32(c.record[groupRecord*group+2:])
}

// textGroup is a group of texts, decompressed.
type textGroup struct {
	group int // -1: none
	first int
	raw   []byte
	begin uint32   // where the texts begin in raw
	ends  []uint32 // where each ends, from there on
}

// read sets g to a group of the column.
func (g *textGroup) read(c *textColumn, group int) error {
	g.group = -1
	if group >= c.groups {
		return fmt.Errorf("text column: no group %d", group)
	}
	start, end := uint32(0), c.endOf(group)
	if group > 0 {
		start = c.endOf(group - 1)
	}
	if start > end || end > uint32(len(c.packs)) {
		return fmt.Errorf("text column: group %d from %d to %d", group, start, end)
	}
	dec, err := unpacker()
	if err == nil {
		g.raw, err = dec.DecodeAll(c.packs[start:end], g.raw[:0])
	}
	if err != nil {
		return fmt.Errorf("text column: group %d: %w", group, err)
	}
	g.first = c.firstOf(group)
	next := c.alone
	if group+1 < c.groups {
		next = c.firstOf(group + 1)
	}
	if err := g.index(next - g.first); err != nil {
		return fmt.Errorf("text column: group %d: %w", group, err)
	}
	g.group = group
	return nil
}

// index finds the texts of the group.
func (g *textGroup) index(rows int) error {
	r := reader{b: g.raw}
	g.ends = g.ends[:0]
	sum := uint64(0)
	for range rows {
		sum = min(sum+r.uint(), maxGroup)
		g.ends = append(g.ends, uint32(sum))
	}
	if r.bad || uint64(len(r.b)) != sum {
		return fmt.Errorf("%d bytes for %d texts", len(g.raw), rows)
	}
	g.begin = uint32(len(g.raw) - len(r.b))
	return nil
}

// holds reports whether the group has text rank.
func (g *textGroup) holds(rank int) bool {
	return g.group >= 0 && rank >= g.first && rank < g.first+len(g.ends)
}

// text returns text rank of those of the column that are alone.
func (g *textGroup) text(rank int) ([]byte, error) {
	i := rank - g.first
	if i < 0 || i >= len(g.ends) {
		return nil, fmt.Errorf("text column: no text %d in group %d", rank, g.group)
	}
	start := uint32(0)
	if i > 0 {
		start = g.ends[i-1]
	}
	return g.raw[g.begin+start : g.begin+g.ends[i]], nil
}

// at returns the text of a row. It is valid as long as the group is.
func (c *textColumn) at(g *textGroup, row int) ([]byte, error) {
	if code := c.codes.at(row); code != 0 {
		return c.sharedText(code)
	}
	return c.aloneText(g, c.rank(row))
}

// aloneText returns text rank of those that are alone, as long as the group is.
func (c *textColumn) aloneText(g *textGroup, rank int) ([]byte, error) {
	if g.holds(rank) {
		return g.text(rank)
	}
	group := c.groupOf(rank)
	if g.group != group {
		if err := g.read(c, group); err != nil {
			return nil, err
		}
	}
	return g.text(rank)
}
