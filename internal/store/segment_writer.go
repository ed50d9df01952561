package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/scaivault/audit"
)

// segmentWriter makes the bytes of a segment.
type segmentWriter struct {
	start  int // where the file begins in dst
	dst    []byte
	rows   *segmentRows
	places []segmentPlace // the rows in the order of the segment
	footer footer
	words  [numCols]*vocabulary
	widths [numCols]int
	pairs  [numCols]*pairing // of the columns that follow the identity

	columns blockColumns // of the block that is being written

	// What the sections behind the blocks are made of.
	codes [numCols][]uint32 // of posted columns, by row of the segment
	low   []int64           // least displacement of each mini-block
	high  []int64           // greatest displacement of each mini-block
	hours []hourCount
	keys  [2]lookupKeys // of request ids and producers' ids
}

// appendRows appends a segment of the rows, in the order of (time, index).
func appendRows(dst []byte, tenant audit.TenantID, rows *segmentRows) ([]byte, error) {
	if err := rows.check(); err != nil {
		return nil, fmt.Errorf("write segment: %w", err)
	}
	w := &segmentWriter{start: len(dst), dst: appendSegmentHeader(dst), rows: rows}
	w.footer = footer{tenant: tenant, origin: rows.origin, rows: rows.rows}
	w.places, w.footer.indexes = rows.order()
	w.footer.least, w.footer.most = w.places[0].time, w.places[len(w.places)-1].time
	for col := range w.words {
		words, err := rows.vocabulary(col)
		if err != nil {
			return nil, fmt.Errorf("write segment: %w", err)
		}
		w.words[col] = words
		w.footer.values[col] = len(words.values)
		w.widths[col] = widthOf(uint32(len(words.values) - 1))
		if posted[col] {
			w.codes[col] = make([]uint32, 0, rows.rows)
		}
	}
	for col := range w.pairs {
		if depends[col] {
			w.pairs[col] = rows.pairing(w.words[colIdentity], w.words[col], col)
		}
	}
	for first := 0; first < rows.rows; first += chunkRows {
		if err := w.block(first); err != nil {
			return nil, fmt.Errorf("write segment: %w", err)
		}
	}
	if err := w.sections(); err != nil {
		return nil, fmt.Errorf("write segment: %w", err)
	}
	return w.footer.append(w.dst), nil
}

// extent returns where what was appended from at on is.
func (w *segmentWriter) extent(at int) (extent, error) {
	b := w.dst[at:]
	if len(b) > math.MaxUint32 {
		return extent{}, fmt.Errorf("a piece of %d bytes", len(b))
	}
	return extent{offset: uint64(at - w.start), length: uint32(len(b)), crc: crc32.Checksum(b, castagnoli)}, nil
}

// block writes the block of the rows from first on.
func (w *segmentWriter) block(first int) error {
	at := len(w.dst)
	rows, entry := w.gather(first)
	var err error
	if w.dst, err = rows.append(w.dst, &w.widths, &w.pairs); err != nil {
		return err
	}
	if entry.extent, err = w.extent(at); err != nil {
		return err
	}
	w.footer.blocks = entry.append(w.footer.blocks)
	return nil
}

// gather collects the rows of a block, and what the sections need of them.
func (w *segmentWriter) gather(first int) (*blockColumns, blockEntry) {
	places := w.places[first:min(first+chunkRows, len(w.places))]
	n := len(places)
	b := &w.columns
	b.resize(n)
	e := blockEntry{least: places[0].time, most: places[n-1].time, from: math.MaxUint64}
	for k, p := range places {
		c, i := w.rows.at(p.row)
		b.times[k] = int64(p.time)
		b.received[k] = int64(c.received[i])
		b.duration[k] = int64(c.duration[i])
		b.success[k] = c.outcomes[i]
		for col := range b.codes {
			b.codes[col][k] = w.words[col].codes[c.codes[col][i]]
		}
		for which := range b.texts {
			b.texts[which][k] = c.texts.at(i, which)
		}
		b.displacement[k] = int64(p.index - w.footer.indexes.From - uint64(first+k))
		e.from, e.to = min(e.from, p.index), max(e.to, p.index+1)
		w.count(p.time, c.outcomes[i])
		w.footer.received = max(w.footer.received, c.received[i])
	}
	for d := range slices.Chunk(b.displacement, miniRows) {
		w.low, w.high = append(w.low, slices.Min(d)), append(w.high, slices.Max(d))
	}
	for col := range w.codes {
		if posted[col] {
			w.codes[col] = append(w.codes[col], b.codes[col]...)
		}
	}
	w.keys[0].add(b.texts[textRequest], first>>chunkBits, w.rows.rows)
	w.keys[1].add(b.texts[textID], first>>chunkBits, w.rows.rows)
	return b, e
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
	}
	return nil
}

func (w *segmentWriter) section(i int) {
	switch {
	case i < sectionPostings:
		w.dst = w.words[i-sectionDictionary].append(w.dst)
	case i < sectionPairs:
		if col := i - sectionPostings; posted[col] {
			w.dst = appendPostings(w.dst, w.codes[col], w.footer.values[col])
		}
	case i < sectionRequests:
		if col := i - sectionPairs; w.pairs[col] != nil {
			w.dst = w.pairs[col].append(w.dst, w.footer.values[colIdentity], w.widths[col])
		}
	case i < sectionIndexes:
		w.dst = w.keys[i-sectionRequests].append(w.dst, w.footer.numBlocks())
	case i == sectionIndexes:
		at := len(w.dst)
		w.dst = appendInts(binary.LittleEndian.AppendUint32(w.dst, 0), w.low)
		binary.LittleEndian.PutUint32(w.dst[at:], uint32(len(w.dst)-at-4))
		w.dst = appendInts(w.dst, w.high)
	case i == sectionHours:
		w.dst = appendHours(w.dst, w.hours)
	}
}
