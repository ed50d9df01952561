package store

import (
	"fmt"
	"hash/crc32"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// segment is a sealed part of a log: a file that is mapped into memory and
// never changes. The checksum of a piece is compared when the piece is first
// read. It is safe for concurrent use.
type segment struct {
	b             []byte
	file          *vfs.Mapping // nil if b is of no file
	users         atomic.Int64 // the log that it is part of, and views; unmapped when none is left
	alone         bool         // it cannot be merged; the sealer's
	footer        *footer
	sections      atomic.Uint32   // a bit a section that has its checksum
	sectionsAhead atomic.Uint32   // a bit a section that was read ahead
	checked       []atomic.Uint64 // a bit a block that has its checksum and pieces that can be opened
	advised       []atomic.Uint64 // a bit a block that was read ahead
	pages         [numSections]atomic.Pointer[paged]
	dictionaries  [numCols]atomic.Pointer[words]
	lookups       [numSections]atomic.Pointer[lookup]
	columns       atomic.Pointer[codeColumns]
	era           atomic.Pointer[era] // that it is the first of; see there
	readers       sync.Pool           // of *recordReader
	liners        sync.Pool           // of *lineReader
}

// openSegment returns the segment with these bytes, which must stay as long as
// it is used. Only the footer is read.
func openSegment(b []byte) (*segment, error) {
	return openEnds(b, &segmentEnds{head: b[:min(len(b), segmentHeader)], tail: b})
}

// openEnds is openSegment where the ends of the bytes were read before: nothing
// else is, and they are not kept.
func openEnds(b []byte, ends *segmentEnds) (*segment, error) {
	f, err := readFooter(b, ends)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	words := (f.numBlocks() + 63) / 64
	s := &segment{b: b, footer: f, checked: make([]atomic.Uint64, words), advised: make([]atomic.Uint64, words)}
	s.users.Store(1)
	return s, nil
}

// hold keeps the segment mapped until release.
func (s *segment) hold() { s.users.Add(1) }

// release ends a hold, or that of the log when another segment has taken its
// place.
func (s *segment) release() {
	if s.users.Add(-1) == 0 && s.file != nil {
		_ = s.file.Close() // fails only for what is no mapping
	}
}

// damage returns the error of a piece that cannot be read, nil for nil.
func (s *segment) damage(err error) error {
	if err == nil {
		return nil
	}
	lost := s.indexes()
	return &audit.Error{
		Code:    audit.CodeDataDamaged,
		Message: fmt.Sprintf("events %d to %d of the log cannot be read", lost.From, lost.To-1),
		Damaged: []audit.IndexRange{lost},
		Err:     err,
	}
}

// bytes returns the bytes of an extent and whether they have its checksum.
func (s *segment) bytes(x extent) ([]byte, bool) {
	b := s.b[x.offset:][:x.length:x.length]
	return b, crc32.Checksum(b, castagnoli) == x.crc
}

// section returns the bytes of a section.
func (s *segment) section(i int) ([]byte, error) {
	x := s.footer.sections[i]
	if s.sections.Load()>>i&1 == 1 {
		return s.b[x.offset:][:x.length:x.length], nil
	}
	s.ahead(x, x)
	b, ok := s.bytes(x)
	if !ok {
		return nil, fmt.Errorf("section %d: checksum mismatch", i)
	}
	s.sections.Or(1 << i)
	return b, nil
}

// ahead begins to read the file from one extent to another: what is looked at
// first is compared with its checksum, all of it.
func (s *segment) ahead(from, to extent) {
	if s.file != nil {
		s.file.Ahead(from.offset, to.offset+uint64(to.length))
	}
}

// aheadOfSections begins to read the sections from ≤ i ≤ to that were not, from
// the first to the last of them. It does so once.
func (s *segment) aheadOfSections(from, to int) {
	all := uint32(1)<<(to+1) - uint32(1)<<from
	done := s.sections.Load() | s.sectionsAhead.Load()
	if due := all &^ done; due != 0 {
		s.sectionsAhead.Or(due)
		s.ahead(s.footer.sections[bits.TrailingZeros32(due)], s.footer.sections[31-bits.LeadingZeros32(due)])
	}
}

// aheadOf begins to read block n, if there is one, unless it was read or begun
// before.
func (s *segment) aheadOf(n int) {
	if n < 0 || n >= s.blocks() || s.wasRead(n) || s.advised[n/64].Load()>>(n%64)&1 == 1 {
		return
	}
	s.advised[n/64].Or(1 << (n % 64))
	s.ahead(s.footer.block(n).extent, s.footer.block(n).extent)
}

// wasRead reports whether block n was found to be sound.
func (s *segment) wasRead(n int) bool { return s.checked[n/64].Load()>>(n%64)&1 == 1 }

// verify reads all of the segment.
func (s *segment) verify() error {
	for _, x := range s.extents() {
		if _, ok := s.bytes(x); !ok {
			return s.damage(fmt.Errorf("%d bytes at %d: checksum mismatch", x.length, x.offset))
		}
	}
	return nil
}

// open sets b to block n.
func (s *segment) open(b *segmentBlock, n int) error {
	x := s.footer.block(n).extent
	raw := s.b[x.offset:][:x.length:x.length]
	first := !s.wasRead(n)
	if first {
		s.ahead(x, x)
		if _, ok := s.bytes(x); !ok {
			return s.damage(fmt.Errorf("block %d: checksum mismatch", n))
		}
	}
	columns, err := s.codeColumns()
	if err != nil {
		return s.damage(err)
	}
	b.of, b.number = s, n
	err = b.open(raw, min(chunkRows, s.footer.rows-n<<chunkBits), columns)
	if first && err == nil {
		err = b.openAll()
	}
	if err != nil {
		return s.damage(fmt.Errorf("block %d: %w", n, err))
	}
	if first {
		s.checked[n/64].Or(1 << (n % 64))
	}
	return nil
}

// codeColumns returns what the blocks need to read their codes.
func (s *segment) codeColumns() (*codeColumns, error) {
	if c := s.columns.Load(); c != nil {
		return c, nil
	}
	s.aheadOfSections(sectionPairs, sectionPairs+numCols-1)
	c := new(codeColumns)
	for col, n := range s.footer.values {
		c.widths[col] = widthOf(uint32(n - 1))
		b, err := s.section(sectionPairs + col)
		if err != nil {
			return nil, err
		}
		if len(b) > 0 && col != colIdentity {
			if c.pairs[col], err = openPairs(b, s.footer.values[colIdentity], c.widths[col]); err != nil {
				return nil, fmt.Errorf("column %d: %w", col, err)
			}
		}
	}
	s.columns.Store(c)
	return c, nil
}

func (s *segment) rows() int { return s.footer.rows }

func (s *segment) indexes() audit.IndexRange { return s.footer.indexes }

func (s *segment) times() (least, most audit.Time) { return s.footer.least, s.footer.most }

func (s *segment) blocks() int { return s.footer.numBlocks() }

func (s *segment) bounds(n int) (least, most audit.Time) {
	return s.footer.timesOf(n)
}

func (s *segment) block(n int) (block, error) {
	b := new(segmentBlock)
	if err := s.open(b, n); err != nil {
		return nil, err
	}
	return b, nil
}

// words returns the values of a column and their counts.
func (s *segment) words(col int) (*words, error) {
	if w := s.dictionaries[col].Load(); w != nil {
		return w, nil
	}
	b, err := s.section(sectionDictionary + col)
	if err != nil {
		return nil, s.damage(err)
	}
	w, err := openWords(b, s.footer.values[col])
	if err != nil {
		return nil, s.damage(err)
	}
	s.dictionaries[col].Store(w)
	return w, nil
}

func (s *segment) dictionary(col int) (dictionary, error) {
	w, err := s.words(col)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// mostListed is the share of the rows that lists may hold to be of use: one in
// eight. Above, reading the codes of all rows costs less.
const mostListed = 8

// lists returns the lists of a column.
func (s *segment) lists(col int) (postings, error) {
	pages, err := s.paged(sectionPostings + col)
	if err != nil {
		return postings{}, err
	}
	return openPostings(pages, s.footer.rows)
}

func (s *segment) postings(col int, codes codeRange) (rows []uint32, listed bool, err error) {
	if !posted[col] {
		return nil, false, nil
	}
	p, err := s.lists(col)
	if err != nil {
		return nil, false, s.damage(err)
	}
	n, err := p.listed(codes)
	if err != nil || n*mostListed > s.footer.rows {
		return nil, false, s.damage(err)
	}
	w, err := s.words(col)
	if err != nil || w.ranking.sum(codes, int64(n)) > int64(n) {
		return nil, false, err
	}
	rows, err = p.lists(codes)
	return rows, err == nil, s.damage(err)
}

func (s *segment) near(col int, code uint32, from, to int, last bool) (row int, listed bool, err error) {
	if !posted[col] {
		return -1, false, nil
	}
	p, err := s.lists(col)
	if err == nil {
		row, listed, err = p.near(code, from, to, last)
	}
	return row, listed, s.damage(err)
}

func (s *segment) counted() bool { return true }

// counts returns how often the values of a column occur.
func (s *segment) counts(col int) (*ranking, error) {
	w, err := s.words(col)
	if err != nil {
		return nil, err
	}
	return &w.ranking, nil
}

func (s *segment) failures() uint64 { return uint64(s.footer.rows - s.footer.successes) }

func (s *segment) requests(id string) ([]uint32, error) {
	return s.look(sectionRequests, id, func(b *segmentBlock) *idColumn { return b.requests() })
}

func (s *segment) producers(id string) ([]uint32, error) {
	return s.look(sectionProducers, id, func(b *segmentBlock) *idColumn { return b.producer() })
}

// look returns the rows that have the id in a column of the blocks.
func (s *segment) look(section int, id string, column func(*segmentBlock) *idColumn) ([]uint32, error) {
	if s.footer.sections[section].length == 0 || id == "" {
		return nil, nil
	}
	blocks, err := s.lookUp(section, hashOf(id))
	if err != nil {
		return nil, s.damage(err)
	}
	var rows []uint32
	for _, n := range blocks {
		if int(n) >= s.blocks() {
			return nil, s.damage(fmt.Errorf("section %d: block %d of %d", section, n, s.blocks()))
		}
		var block segmentBlock
		if err := s.open(&block, int(n)); err != nil {
			return nil, err
		}
		rows = column(&block).find(rows, []byte(id), n<<chunkBits)
	}
	return rows, nil
}

// lookUp returns the blocks that an id with this hash may be in.
func (s *segment) lookUp(section int, hash uint64) ([]uint32, error) {
	if l := s.lookups[section].Load(); l != nil {
		return l.find(nil, hash)
	}
	pages, err := s.paged(section)
	if err != nil {
		return nil, err
	}
	l, err := openLookup(pages)
	if err != nil {
		return nil, err
	}
	s.lookups[section].Store(&l)
	return l.find(nil, hash)
}

// hours returns how many rows there are in each hour that has any, ascending.
func (s *segment) hours() ([]hourCount, error) {
	b, err := s.section(sectionHours)
	if err != nil {
		return nil, s.damage(err)
	}
	list, err := readHours(b, s.footer.rows)
	return list, s.damage(err)
}
