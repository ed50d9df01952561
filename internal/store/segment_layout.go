package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/scaivault/audit"
)

// A segment is a file that is written once; docs/format.md describes it.
//
//	header   "SVASEG" | format version u16
//	blocks   see [segmentBlock]
//	sections in the order of their numbers
//	footer   see [footer]
//	trailer  length of the footer u32 | CRC-32C of the footer and the length u32 |
//	         the header again
const (
	segmentMagic   = "SVASEG"
	segmentVersion = 2
	pagesVersion   = 2 // the first one with pages in sections; version 1 is read
	segmentHeader  = len(segmentMagic) + 2
	segmentTrailer = 4 + 4 + segmentHeader
)

// The sections.
const (
	sectionDictionary = 0                           // one a column
	sectionPostings   = sectionDictionary + numCols // one a column; no bytes if it is not posted
	sectionPairs      = sectionPostings + numCols   // one a column; no bytes if it does not follow the identity
	sectionRequests   = sectionPairs + numCols
	sectionProducers  = sectionRequests + 1
	sectionIndexes    = sectionProducers + 1
	sectionHours      = sectionIndexes + 1
	numSections       = sectionHours + 1
)

// extent is where a section or a block is in the file, and its CRC-32C.
type extent struct {
	offset uint64
	length uint32
	crc    uint32
}

const extentSize = 8 + 4 + 4

func (x extent) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, x.offset)
	dst = binary.LittleEndian.AppendUint32(dst, x.length)
	return binary.LittleEndian.AppendUint32(dst, x.crc)
}

func (r *reader) extent() extent {
	return extent{offset: r.uint64(), length: r.uint32(), crc: r.uint32()}
}

// blockEntry is what the footer says of a block.
type blockEntry struct {
	extent
	least, most audit.Time // of its rows
	from, to    uint64     // from ≤ index < to
}

const blockEntrySize = extentSize + 4*8

func (e *blockEntry) append(dst []byte) []byte {
	dst = e.extent.append(dst)
	for _, v := range [...]uint64{uint64(e.least), uint64(e.most), e.from, e.to} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return dst
}

func (r *reader) blockEntry() blockEntry {
	return blockEntry{
		extent: r.extent(),
		least:  audit.Time(r.uint64()), most: audit.Time(r.uint64()),
		from: r.uint64(), to: r.uint64(),
	}
}

// footer is what is known of a segment without reading the rest of it.
type footer struct {
	version   uint16
	tenant    audit.TenantID
	origin    uint16
	rows      int
	indexes   audit.IndexRange
	least     audit.Time
	most      audit.Time
	received  audit.Time // the latest receipt
	successes int
	values    [numCols]int
	sections  [numSections]extent
	blocks    []byte   // the entries of the blocks
	middle    interval // the times of most rows: see middleOf
}

// footerHead is where the entries of the blocks begin in a footer.
const footerHead = 2 + 4 + 5*8 + 4 + numCols*4 + numSections*extentSize

// append appends the footer and the trailer.
func (f *footer) append(dst []byte) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = le.AppendUint16(dst, f.origin)
	dst = le.AppendUint32(dst, uint32(f.rows))
	dst = le.AppendUint64(dst, f.indexes.From)
	dst = le.AppendUint64(dst, f.indexes.To)
	dst = le.AppendUint64(dst, uint64(f.least))
	dst = le.AppendUint64(dst, uint64(f.most))
	dst = le.AppendUint64(dst, uint64(f.received))
	dst = le.AppendUint32(dst, uint32(f.successes))
	for _, n := range f.values {
		dst = le.AppendUint32(dst, uint32(n))
	}
	for _, x := range f.sections {
		dst = x.append(dst)
	}
	dst = append(dst, f.blocks...)
	dst = append(append(dst, byte(len(f.tenant))), f.tenant...)
	dst = le.AppendUint32(dst, uint32(len(dst)-start))
	dst = le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return appendSegmentHeader(dst)
}

func appendSegmentHeader(dst []byte) []byte {
	return binary.LittleEndian.AppendUint16(append(dst, segmentMagic...), segmentVersion)
}

// readSegmentHeader returns the version of the segment that b is the header of.
// The error is that of one that this program cannot read.
func readSegmentHeader(b []byte) (version uint16, err error) {
	if len(b) < segmentHeader || string(b[:len(segmentMagic)]) != segmentMagic {
		return 0, fmt.Errorf("not a segment")
	}
	version = binary.LittleEndian.Uint16(b[len(segmentMagic):])
	if version == 0 || version > segmentVersion {
		return 0, fmt.Errorf("format %d; this program reads 1 to %d", version, segmentVersion)
	}
	return version, nil
}

// segmentEnds is the first bytes of a segment's file and the last.
type segmentEnds struct {
	head, tail []byte
	buf        [segmentHeader + usualFooter]byte // where they are, if they were read
}

// usualFooter is more than the footers of most segments have bytes.
const usualFooter = 8 << 10

// readFooter reads the footer of the segment with the bytes b and the ends, which
// must fit the file exactly. It looks at no other bytes, unless the footer is
// longer than the tail.
func readFooter(b []byte, ends *segmentEnds) (*footer, error) {
	if len(b) < segmentHeader+segmentTrailer {
		return nil, fmt.Errorf("%d bytes are not a segment", len(b))
	}
	version, err := readSegmentHeader(ends.head)
	if err != nil {
		return nil, err
	}
	tail := ends.tail
	trailer := tail[len(tail)-segmentTrailer:]
	if end, err := readSegmentHeader(trailer[8:]); err != nil {
		return nil, fmt.Errorf("end: %w", err)
	} else if end != version {
		return nil, fmt.Errorf("format %d at the begin, %d at the end", version, end)
	}
	length := uint64(binary.LittleEndian.Uint32(trailer))
	if length > uint64(len(b)-segmentHeader-segmentTrailer) {
		return nil, fmt.Errorf("footer of %d bytes in %d", length, len(b))
	}
	if length > uint64(len(tail)-segmentTrailer) {
		tail = b
	}
	end := len(tail) - segmentTrailer
	raw := tail[end-int(length) : end+4]
	if crc32.Checksum(raw, castagnoli) != binary.LittleEndian.Uint32(trailer[4:]) {
		return nil, fmt.Errorf("footer: checksum mismatch")
	}
	f, ok := parseFooter(raw[:length])
	start := len(b) - segmentTrailer - int(length)
	if !ok || !f.tiles(start) {
		return nil, fmt.Errorf("footer: does not describe the file")
	}
	f.version, f.middle = version, f.middleOf() // of bytes that were read
	f.blocks = b[start+footerHead:][:len(f.blocks)]
	return f, nil
}

func parseFooter(b []byte) (*footer, bool) {
	r := reader{b: b}
	f := &footer{
		origin:  r.uint16(),
		rows:    int(r.uint32()),
		indexes: audit.IndexRange{From: r.uint64(), To: r.uint64()},
		least:   audit.Time(r.uint64()), most: audit.Time(r.uint64()),
		received:  audit.Time(r.uint64()),
		successes: int(r.uint32()),
	}
	for col := range f.values {
		f.values[col] = int(r.uint32())
	}
	for i := range f.sections {
		f.sections[i] = r.extent()
	}
	if f.rows <= 0 || f.rows > maxSegmentRows || slices.Min(f.values[:]) <= 0 {
		return nil, false
	}
	f.blocks = r.bytes(uint64(f.numBlocks() * blockEntrySize))
	f.tenant = audit.TenantID(string(r.bytes(uint64(r.uint8()))))
	return f, !r.bad && len(r.b) == 0
}

// indexesOf returns the bounds of the indexes of block n: least ≤ index < end.
func (f *footer) indexesOf(n int) (least, end uint64) {
	b := f.blocks[(n+1)*blockEntrySize-16 : (n+1)*blockEntrySize]
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// timesOf returns the bounds of the times of block n.
func (f *footer) timesOf(n int) (least, most audit.Time) {
	b := f.blocks[n*blockEntrySize+extentSize:][:16]
	return audit.Time(binary.LittleEndian.Uint64(b)), audit.Time(binary.LittleEndian.Uint64(b[8:]))
}

func (f *footer) numBlocks() int { return (f.rows + chunkRows - 1) >> chunkBits }

// block returns the entry of block n.
func (f *footer) block(n int) blockEntry {
	r := reader{b: f.blocks[n*blockEntrySize : (n+1)*blockEntrySize]}
	return r.blockEntry()
}

// tiles reports whether blocks and sections follow each other from the header
// to end: no byte of the file is without a checksum.
func (f *footer) tiles(end int) bool {
	at := uint64(segmentHeader)
	follows := func(x extent) bool {
		ok := x.offset == at
		at += uint64(x.length)
		return ok
	}
	for n := range f.numBlocks() {
		if !follows(f.block(n).extent) {
			return false
		}
	}
	for _, x := range f.sections {
		if !follows(x) {
			return false
		}
	}
	return at == uint64(end)
}
