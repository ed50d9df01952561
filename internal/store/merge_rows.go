package store

import (
	"fmt"

	"github.com/scaivault/audit"
)

// merger collects the rows of segments of one origin as those of a segment to be.
type merger struct {
	origin  uint16
	chunks  []*chunk
	dicts   [numCols]dict
	indexes []uint64 // by row
	columns rowColumns

	id, request []byte // of a row
}

func newMerger(origin uint16) *merger {
	m := &merger{origin: origin}
	for col := range m.dicts {
		m.dicts[col] = newDict()
	}
	return m
}

// rows returns what was added.
func (m *merger) rows() *segmentRows {
	r := &segmentRows{
		origin: m.origin, rows: len(m.indexes), chunks: m.chunks,
		index: func(row int) uint64 { return m.indexes[row] },
	}
	for col := range r.values {
		r.values[col] = m.dicts[col].values
	}
	return r
}

// add adds the rows of a segment, unless it is stopped.
func (m *merger) add(s *segment, stopped func() bool) error {
	codes, err := m.codesOf(s)
	if err != nil {
		return err
	}
	var b segmentBlock
	for n := range s.blocks() {
		if stopped() {
			return errStopped
		}
		if err := s.open(&b, n); err != nil {
			return err
		}
		for i := 0; i < b.n; i += miniRows {
			end := min(i+miniRows, b.n)
			m.columns.load(&b, i, end)
			for row := i; row < end; row++ {
				m.indexes = append(m.indexes, b.indexAt(row, m.columns.displacement[row-i]))
				if err := m.addRow(&b, row, row-i, &codes); err != nil {
					return s.damage(fmt.Errorf("block %d: %w", n, err))
				}
			}
		}
	}
	return nil
}

// codesOf returns, for each code of the segment, the code of its value here.
func (m *merger) codesOf(s *segment) (codes [numCols][]uint32, err error) {
	for col := range codes {
		d, err := s.dictionary(col)
		if err != nil {
			return codes, err
		}
		codes[col] = make([]uint32, d.len())
		for code := range codes[col] {
			codes[col][code] = m.dicts[col].add(d.value(uint32(code)), 0, false)
		}
	}
	return codes, nil
}

// addRow adds row i of a block, which is row k of the columns.
func (m *merger) addRow(b *segmentBlock, i, k int, codes *[numCols][]uint32) error {
	if n := len(m.chunks); n == 0 || m.chunks[n-1].len() == chunkRows {
		m.chunks = append(m.chunks, nextChunk(m.chunks))
	}
	c := m.chunks[len(m.chunks)-1]
	c.times = append(c.times, audit.Time(m.columns.times[k]))
	c.received = append(c.received, audit.Time(m.columns.received[k]))
	c.duration = append(c.duration, int32(m.columns.duration[k]))
	c.outcomes = append(c.outcomes, b.success(i))
	for col := range codes {
		old := m.columns.codes[col][k]
		if int(old) >= len(codes[col]) {
			return fmt.Errorf("column %d: code %d of %d", col, old, len(codes[col]))
		}
		c.codes[col] = append(c.codes[col], codes[col][old])
	}
	m.id, m.request = b.producer().append(m.id[:0], i), b.requests().append(m.request[:0], i)
	extra, err := b.extras().at(&b.group, i)
	if size := len(m.id) + len(m.request) + len(extra); err == nil && size > textPiece {
		err = fmt.Errorf("texts of %d bytes, at most %d", size, textPiece)
	}
	if err == nil {
		addTexts(&c.texts, [numTexts][]byte{m.id, m.request, extra})
	}
	return err
}
