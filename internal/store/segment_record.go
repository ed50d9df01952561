package store

import (
	"fmt"

	"github.com/scaivault/audit"
)

// recordReader makes records of rows. It keeps the last block and the values
// that it met, so that rows that are near each other cost little.
type recordReader struct {
	segment *segment
	number  int // of the block; -1: none
	block   segmentBlock
	met     [numCols]metValues
	buf     []byte
}

// metValues are values of a column that a reader met, each in the place of the
// low bits of its code. There are more of them if they do not suffice.
type metValues struct {
	words  *words
	list   []metValue // a power of two
	misses int        // since list was made
}

const (
	leastMet = 1 << 7
	mostMet  = 1 << 12
)

// metValue is a value and its code + 1; 0 says that there is none.
type metValue struct {
	code uint32
	text string
}

// value returns the value of a code.
func (m *metValues) value(code uint32) string {
	met := &m.list[code&uint32(len(m.list)-1)]
	if met.code == code+1 {
		return met.text
	}
	if m.misses++; m.misses > 2*len(m.list) && len(m.list) < min(mostMet, m.words.n) {
		*m = metValues{words: m.words, list: make([]metValue, 4*len(m.list))}
		met = &m.list[code&uint32(len(m.list)-1)]
	}
	*met = metValue{code + 1, m.words.value(code)}
	return met.text
}

// reader returns a reader whose block is that of the row. Whoever is done with
// it puts it back into s.readers.
func (s *segment) reader(row int) (*recordReader, error) {
	if row < 0 || row >= s.footer.rows {
		return nil, fmt.Errorf("read row %d of a segment of %d", row, s.footer.rows)
	}
	r, _ := s.readers.Get().(*recordReader)
	if r == nil {
		r = &recordReader{segment: s, number: -1}
		for col := range r.met {
			w, err := s.words(col)
			if err != nil {
				return nil, err
			}
			r.met[col] = metValues{words: w, list: make([]metValue, leastMet)}
		}
	}
	if n := row >> chunkBits; r.number != n {
		r.number = -1
		if err := s.open(&r.block, n); err != nil {
			return nil, err
		}
		r.number = n
	}
	return r, nil
}

// record returns the record of a row.
func (s *segment) record(row int) (audit.Record, error) {
	r, err := s.reader(row)
	if err != nil {
		return audit.Record{}, err
	}
	defer s.readers.Put(r)
	return r.record(row)
}

func (r *recordReader) indexOf(row int) uint64 {
	return r.segment.footer.indexes.From + uint64(int64(row)+r.block.displacement(row%chunkRows))
}

func (r *recordReader) record(row int) (audit.Record, error) {
	b, i := &r.block, row%chunkRows
	index := r.indexOf(row)
	id, request, extra, err := r.texts(i, index)
	if err != nil {
		return audit.Record{}, r.segment.damage(fmt.Errorf("block %d: %w", r.number, err))
	}
	t := b.time(i)
	return audit.Record{
		Event: audit.Event{
			ID:           audit.EventID(id),
			Timestamp:    t,
			Action:       audit.Action(r.value(colAction, i)),
			IdentityType: audit.IdentityType(r.value(colType, i)),
			IdentityID:   audit.IdentityID(r.value(colIdentity, i)),
			SecretPath:   audit.Path(r.value(colPath, i)),
			SourceIP:     r.value(colIP, i),
			UserAgent:    r.value(colAgent, i),
			Success:      b.success(i),
			DurationMS:   int32(b.duration.at(i)),
			RequestID:    request,
			ExtraData:    extra,
		},
		Index:      index,
		ReceivedAt: b.received.at(i, t),
	}, nil
}

// texts returns the texts of row i of the block.
func (r *recordReader) texts(i int, index uint64) (id, request, extra string, err error) {
	b := &r.block
	r.buf = b.producer.append(r.buf[:0], i)
	if len(r.buf) == 0 {
		r.buf = append(r.buf, audit.DerivedID(r.segment.footer.origin, index)...)
	}
	ends := [2]int{0: len(r.buf)}
	r.buf = b.requests.append(r.buf, i)
	ends[1] = len(r.buf)
	data, err := b.extras.at(&b.group, i)
	r.buf = append(r.buf, data...)
	text := string(r.buf)
	return text[:ends[0]], text[ends[0]:ends[1]], text[ends[1]:], err
}

// value returns the value of a column in row i of the block.
func (r *recordReader) value(col, i int) string { return r.met[col].value(r.block.code(col, i)) }
