package store

import (
	"container/heap"
	"fmt"

	"github.com/scaivault/audit"
)

// merger goes through the rows of segments of one origin, by (time, index), as
// those of a segment to be. It keeps some hundred rows of each and the block that
// is being written, so that a merge takes little more memory than its dictionaries.
type merger struct {
	segmentOutline
	inputs []*mergeInput // a heap of those that have rows left, by the next one
	text   []byte        // of the rows of a block
	pause  func(rows int) error
}

// newMerger begins to merge segments. Between blocks it calls pause, with how many
// rows it has gone through since; its error ends the merge.
func newMerger(segments []*segment, pause func(rows int) error) (*merger, error) {
	m := &merger{pause: pause}
	m.origin = segments[0].footer.origin
	m.indexes = audit.IndexRange{From: segments[0].indexes().From, To: segments[len(segments)-1].indexes().To}
	for _, s := range segments {
		m.rows += s.rows()
		m.inputs = append(m.inputs, &mergeInput{segment: s})
	}
	if m.rows > maxSegmentRows {
		return nil, fmt.Errorf("%d rows; want at most %d", m.rows, maxSegmentRows)
	}
	for col := range m.words {
		if err := m.join(col); err != nil {
			return nil, err
		}
	}
	if err := m.pair(); err != nil {
		return nil, err
	}
	for _, in := range m.inputs {
		if err := in.load(0); err != nil {
			return nil, err
		}
	}
	heap.Init((*mergeHeap)(&m.inputs))
	return m, nil
}

// join makes one dictionary of a column of those of all segments.
func (m *merger) join(col int) error {
	all := newDict()
	counts := []int64{0}
	for _, in := range m.inputs {
		w, err := in.segment.words(col)
		if err != nil {
			return err
		}
		codes := make([]uint32, w.len())
		for code, n := range w.ranking.all() {
			c := all.add(w.value(uint32(code)), 0, false)
			if int(c) == len(counts) {
				counts = append(counts, 0)
			}
			codes[code] = c
			counts[c] += int64(n)
		}
		in.codes[col] = codes
	}
	m.words[col] = vocabularyOf(all.values, counts)
	for _, in := range m.inputs {
		for i, c := range in.codes[col] {
			in.codes[col][i] = m.words[col].codes[c]
		}
	}
	return nil
}

// pair counts the pairs of the columns that follow the identity: the writer has to
// know them before the first row.
func (m *merger) pair() error {
	var counts [numCols]pairCounts
	for col := range counts {
		counts[col].rows = m.rows
	}
	var b segmentBlock
	var identities, codes []uint32
	for _, in := range m.inputs {
		for n := range in.segment.blocks() {
			if err := m.pause(0); err != nil {
				return err
			}
			if err := in.segment.open(&b, n); err != nil {
				return err
			}
			identities = b.codes(colIdentity, identities)
			for col := range counts {
				if !depends[col] || counts[col].tooMany() {
					continue
				}
				codes = b.codes(col, codes)
				if err := in.pair(&counts[col], col, identities, codes); err != nil {
					return in.segment.damage(fmt.Errorf("block %d: %w", n, err))
				}
			}
		}
	}
	for col := range counts {
		if depends[col] && !counts[col].tooMany() {
			m.pairs[col] = counts[col].pairing()
		}
	}
	return nil
}

func (m *merger) outline() *segmentOutline { return &m.segmentOutline }

func (m *merger) next(b *blockColumns) error {
	if err := m.pause(len(b.times)); err != nil {
		return err
	}
	m.text = m.text[:0]
	ends := make([]int, 0, numTexts*len(b.times))
	for k := range b.times {
		if len(m.inputs) == 0 {
			return fmt.Errorf("%d rows are missing", len(b.times)-k)
		}
		in := m.inputs[0]
		err := in.copyTo(b, k)
		if err == nil {
			m.text, ends, err = in.appendTexts(m.text, ends)
		}
		if err != nil {
			return in.segment.damage(fmt.Errorf("block %d: %w", in.block.number, err))
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	at := 0
	for i, end := range ends {
		b.texts[i%numTexts][i/numTexts] = m.text[at:end:end]
		at = end
	}
	return nil
}

// advance goes on to the next row.
func (m *merger) advance() error {
	more, err := m.inputs[0].advance()
	switch {
	case err != nil:
		return err
	case !more:
		heap.Pop((*mergeHeap)(&m.inputs))
	case len(m.inputs) > 1:
		heap.Fix((*mergeHeap)(&m.inputs), 0)
	}
	return nil
}

// mergeHeap is inputs with the one first whose next row is first.
type mergeHeap []*mergeInput

func (h mergeHeap) Len() int           { return len(h) }
func (h mergeHeap) Less(i, j int) bool { return h[i].place.compare(h[j].place) < 0 }
func (h mergeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)        { *h = append(*h, x.(*mergeInput)) }
func (h *mergeHeap) Pop() any {
	last := len(*h) - 1
	in := (*h)[last]
	*h = (*h)[:last]
	return in
}

// mergeInput goes through the rows of a segment.
type mergeInput struct {
	segment *segment
	codes   [numCols][]uint32 // of the segment to be, by its own
	block   segmentBlock
	columns rowColumns // some rows of the block
	row     int        // of the block: the one that is next
	place   place      // of that
}

// load opens block n and goes to its first row.
func (in *mergeInput) load(n int) error {
	if err := in.segment.open(&in.block, n); err != nil {
		return err
	}
	in.columns.n, in.row = 0, 0
	in.begin()
	return nil
}

// begin decodes the next row, with those behind it, unless that was done.
func (in *mergeInput) begin() {
	c := &in.columns
	if c.n == 0 || in.row == c.first+c.n {
		c.load(&in.block, in.row, min(in.row+miniRows, in.block.n))
	}
	k := in.row - c.first
	in.place = place{audit.Time(c.times[k]), in.block.indexAt(in.row, c.displacement[k])}
}

// advance goes to the next row and reports whether there is one.
func (in *mergeInput) advance() (more bool, err error) {
	if in.row++; in.row < in.block.n {
		in.begin()
		return true, nil
	}
	if n := in.block.number + 1; n < in.segment.blocks() {
		return true, in.load(n)
	}
	return false, nil
}

// copyTo copies the next row, but for its texts, to row k of a block to be.
func (in *mergeInput) copyTo(b *blockColumns, k int) error {
	c, i := &in.columns, in.row-in.columns.first
	b.times[k], b.received[k], b.duration[k] = c.times[i], c.received[i], c.duration[i]
	b.indexes[k], b.success[k] = in.place.index, in.block.success(in.row)
	for col := range in.codes {
		code := c.codes[col][i]
		if int(code) >= len(in.codes[col]) {
			return fmt.Errorf("column %d: code %d of %d", col, code, len(in.codes[col]))
		}
		b.codes[col][k] = in.codes[col][code]
	}
	return nil
}

// appendTexts appends the texts of the next row, and where each of them ends.
func (in *mergeInput) appendTexts(text []byte, ends []int) ([]byte, []int, error) {
	b, begin := &in.block, len(text)
	text = b.producer().append(text, in.row)
	ends = append(ends, len(text))
	text = b.requests().append(text, in.row)
	ends = append(ends, len(text))
	text, err := in.columns.appendExtra(text, b, in.row)
	if size := len(text) - begin; err == nil && size > textPiece {
		err = fmt.Errorf("texts of %d bytes, at most %d", size, textPiece)
	}
	return text, append(ends, len(text)), err
}

// pair counts the pairs of rows.
func (in *mergeInput) pair(counts *pairCounts, col int, identities, codes []uint32) error {
	for i, identity := range identities {
		if int(identity) >= len(in.codes[colIdentity]) || int(codes[i]) >= len(in.codes[col]) {
			return fmt.Errorf("column %d: code %d of identity %d", col, codes[i], identity)
		}
		counts.add(in.codes[colIdentity][identity], in.codes[col][codes[i]], 1)
	}
	return nil
}
