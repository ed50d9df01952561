package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/scaivault/audit"
)

// segmentSource is where the rows of a segment come from, in the order of
// (time, index).
type segmentSource interface {
	// outline returns what is known before the first row is read.
	outline() *segmentOutline
	// next sets the columns of b, but for displacements, to the next rows, for
	// as many as b has room. Texts are valid until it is called again.
	next(b *blockColumns) error
}

// segmentOutline is what has to be known of all rows before one is written.
type segmentOutline struct {
	origin  uint16
	rows    int
	indexes audit.IndexRange
	words   [numCols]*vocabulary
	pairs   [numCols]*pairing // of the columns that follow the identity
}

// segmentWriter writes a segment. In memory it keeps the block that it writes,
// and what the sections are made of: some 30 bytes a row.
type segmentWriter struct {
	out    io.Writer
	behind uint64 // bytes that are written
	dst    []byte // that follow them
	source segmentSource
	footer footer
	words  *[numCols]*vocabulary
	pairs  *[numCols]*pairing
	widths [numCols]int

	columns blockColumns // of the block that is being written

	// What the sections behind the blocks are made of.
	codes [numCols][]uint32 // of posted columns, by row of the segment
	low   []int64           // least displacement of each mini-block
	high  []int64           // greatest displacement of each mini-block
	hours []hourCount
	keys  [2]lookupKeys // of request ids and producers' ids
}

// writeSegment writes a segment of the rows of a source.
func writeSegment(out io.Writer, tenant audit.TenantID, source segmentSource) error {
	o := source.outline()
	w := &segmentWriter{out: out, dst: appendSegmentHeader(nil), source: source, words: &o.words, pairs: &o.pairs}
	w.footer = footer{tenant: tenant, origin: o.origin, rows: o.rows, indexes: o.indexes}
	for col, words := range w.words {
		w.footer.values[col] = len(words.values)
		w.widths[col] = widthOf(uint32(len(words.values) - 1))
		if posted[col] {
			w.codes[col] = make([]uint32, 0, o.rows)
		}
	}
	for first := 0; first < o.rows; first += chunkRows {
		if err := w.block(first); err != nil {
			return fmt.Errorf("write segment: %w", err)
		}
	}
	if err := w.sections(); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	w.dst = w.footer.append(w.dst)
	return w.flush(0)
}

// flush writes what is due, if it is more than so many bytes.
func (w *segmentWriter) flush(most int) error {
	if len(w.dst) <= most {
		return nil
	}
	_, err := w.out.Write(w.dst)
	w.behind += uint64(len(w.dst))
	w.dst = w.dst[:0]
	return err
}

// writeAtOnce is how many bytes are gathered before they are written.
const writeAtOnce = 1 << 20

// extent returns where what was appended from at on is.
func (w *segmentWriter) extent(at int) (extent, error) {
	b := w.dst[at:]
	if len(b) > math.MaxUint32 {
		return extent{}, fmt.Errorf("a piece of %d bytes", len(b))
	}
	return extent{offset: w.behind + uint64(at), length: uint32(len(b)), crc: crc32.Checksum(b, castagnoli)}, nil
}

// block writes the block of the rows from first on.
func (w *segmentWriter) block(first int) error {
	w.columns.resize(min(chunkRows, w.footer.rows-first))
	if err := w.source.next(&w.columns); err != nil {
		return err
	}
	at := len(w.dst)
	entry := w.note(first)
	var err error
	if w.dst, err = w.columns.append(w.dst, &w.widths, w.pairs); err != nil {
		return err
	}
	if entry.extent, err = w.extent(at); err != nil {
		return err
	}
	w.footer.blocks = entry.append(w.footer.blocks)
	return w.flush(writeAtOnce)
}

// note keeps what the footer and the sections need of a block.
func (w *segmentWriter) note(first int) blockEntry {
	b := &w.columns
	e := blockEntry{least: audit.Time(b.times[0]), most: audit.Time(b.times[len(b.times)-1]), from: math.MaxUint64}
	if first == 0 {
		w.footer.least = e.least
	}
	w.footer.most = e.most
	for k, index := range b.indexes {
		b.displacement[k] = int64(index - w.footer.indexes.From - uint64(first+k))
		e.from, e.to = min(e.from, index), max(e.to, index+1)
		w.count(audit.Time(b.times[k]), b.success[k])
		w.footer.received = max(w.footer.received, audit.Time(b.received[k]))
	}
	for d := range slices.Chunk(b.displacement, miniRows) {
		w.low, w.high = append(w.low, slices.Min(d)), append(w.high, slices.Max(d))
	}
	for col := range w.codes {
		if posted[col] {
			w.codes[col] = append(w.codes[col], b.codes[col]...)
		}
	}
	w.keys[0].add(b.texts[textRequest], first>>chunkBits, w.footer.rows)
	w.keys[1].add(b.texts[textID], first>>chunkBits, w.footer.rows)
	return e
}

// count counts a row, in its hour and among the successes.
func (w *segmentWriter) count(t audit.Time, success bool) {
	hour := hourOf(t)
	if n := len(w.hours); n == 0 || w.hours[n-1].hour != hour {
		w.hours = append(w.hours, hourCount{hour: hour})
	}
	h := &w.hours[len(w.hours)-1]
	h.total++
	if success {
		w.footer.successes++
	} else {
		h.failed++
	}
}

// sections writes the sections.
func (w *segmentWriter) sections() error {
	for i := range w.footer.sections {
		at := len(w.dst)
		w.section(i)
		sums := len(w.dst)
		if isPaged(i) {
			w.dst = appendSums(w.dst, w.dst[at:])
		}
		x, err := w.extent(at)
		if err != nil {
			return err
		}
		if isPaged(i) {
			x.crc = crc32.Checksum(w.dst[sums:], castagnoli)
		}
		w.footer.sections[i] = x
		if err := w.flush(writeAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// section appends a section. What it was made of is not needed any more.
func (w *segmentWriter) section(i int) {
	switch {
	case i < sectionPostings:
		w.dst = w.words[i-sectionDictionary].append(w.dst)
	case i < sectionPairs:
		if col := i - sectionPostings; posted[col] {
			w.dst = appendPostings(w.dst, w.codes[col], w.footer.values[col])
			w.codes[col] = nil
		}
	case i < sectionRequests:
		if col := i - sectionPairs; w.pairs[col] != nil {
			w.dst = w.pairs[col].append(w.dst, w.footer.values[colIdentity], w.widths[col])
		}
	case i < sectionIndexes:
		k := i - sectionRequests
		w.dst = w.keys[k].append(w.dst, w.footer.numBlocks())
		w.keys[k] = nil
	case i == sectionIndexes:
		at := len(w.dst)
		w.dst = appendInts(binary.LittleEndian.AppendUint32(w.dst, 0), w.low)
		binary.LittleEndian.PutUint32(w.dst[at:], uint32(len(w.dst)-at-4))
		w.dst = appendInts(w.dst, w.high)
	case i == sectionHours:
		w.dst = appendHours(w.dst, w.hours)
	}
}
