package store

import (
	"fmt"
	"slices"

	"github.com/scaivault/audit"
)

// recordReader makes records of rows of a segment. It keeps the values that it
// met, so that rows that are near each other cost little.
type recordReader struct {
	block   *segmentBlock
	columns rowColumns // those of the block that were decoded last
	met     [numCols]metValues
	shared  [64][]byte // extra data that many rows of the block have, by code
	text    []byte     // of the rows that are being read
	ends    []int      // of each text
}

// metValues are values of a column that a reader met, each in the place of the
// low bits of its code. There are more of them if they do not suffice, and in
// the end, where that is not too much, all values there are.
type metValues struct {
	words  *words
	list   []metValue // a power of two
	misses int        // since list was made
	all    []string   // by code, if not nil
}

const (
	leastMet = 1 << 7
	mostMet  = 1 << 14
	mostAll  = 1 << 16
)

// metValue is a value and its code + 1; 0 says that there is none.
type metValue struct {
	code uint32
	text string
}

// value returns the value of a code.
func (m *metValues) value(code uint32) string {
	if int(code) < len(m.all) {
		return m.all[code]
	}
	met := &m.list[code&uint32(len(m.list)-1)]
	if met.code != code+1 {
		if m.misses++; m.misses > 2*len(m.list) {
			met = m.grow(code)
		}
		*met = metValue{code + 1, m.words.value(code)}
	}
	return met.text
}

// grow makes room for more values and returns the place of a code.
func (m *metValues) grow(code uint32) *metValue {
	m.misses = 0
	switch {
	case len(m.list) >= m.words.n/8 && m.words.n <= mostAll:
		m.all = m.words.all()
	case len(m.list) < mostMet:
		m.list = make([]metValue, 4*len(m.list))
	}
	return &m.list[code&uint32(len(m.list)-1)]
}

// reader returns a reader. Whoever is done with it puts it back into s.readers.
func (s *segment) reader() (*recordReader, error) {
	if r, ok := s.readers.Get().(*recordReader); ok {
		return r, nil
	}
	r := new(recordReader)
	for col := range r.met {
		w, err := s.words(col)
		if err != nil {
			return nil, err
		}
		r.met[col] = metValues{words: w, list: make([]metValue, leastMet)}
	}
	return r, nil
}

func (s *segmentBlock) records(dst []audit.Record, rows []uint16) ([]audit.Record, error) {
	r, err := s.of.reader()
	if err != nil {
		return nil, err
	}
	r.block = s
	defer func() {
		r.block = nil
		clear(r.shared[:])
		s.of.readers.Put(r)
	}()
	for some := range slices.Chunk(rows, miniRows) {
		if dst, err = r.records(dst, some); err != nil {
			return nil, s.of.damage(fmt.Errorf("block %d: %w", s.number, err))
		}
	}
	return dst, nil
}

// records appends the records of up to miniRows rows. Rows that lie close are
// decoded together.
func (r *recordReader) records(dst []audit.Record, rows []uint16) ([]audit.Record, error) {
	c := &r.columns
	first, last := slices.Min(rows), slices.Max(rows)
	close := int(last-first) < min(2*len(rows), len(c.times))
	if close {
		c.load(r.block, int(first), int(last)+1)
	}
	begin := len(dst)
	r.text, r.ends = r.text[:0], r.ends[:0]
	for _, row := range rows {
		if i := int(row); !close {
			c.load(r.block, i, i+1)
		}
		dst = append(dst, r.record(int(row)))
		if err := r.addTexts(int(row), dst[len(dst)-1].Index); err != nil {
			return nil, err
		}
	}
	r.cutTexts(dst[begin:])
	return dst, nil
}

// record returns the record of row i of the block, which is loaded, without
// its texts.
func (r *recordReader) record(i int) audit.Record {
	c := &r.columns
	k := i - c.first
	value := func(col int) string { return r.met[col].value(c.codes[col][k]) }
	return audit.Record{
		Event: audit.Event{
			Timestamp:    audit.Time(c.times[k]),
			Action:       audit.Action(value(colAction)),
			IdentityType: audit.IdentityType(value(colType)),
			IdentityID:   audit.IdentityID(value(colIdentity)),
			SecretPath:   audit.Path(value(colPath)),
			SourceIP:     value(colIP),
			UserAgent:    value(colAgent),
			Success:      r.block.success(i),
			DurationMS:   int32(c.duration[k]),
		},
		Index:      r.block.indexAt(i, c.displacement[k]),
		ReceivedAt: audit.Time(c.received[k]),
	}
}

// addTexts appends the texts of row i of the block.
func (r *recordReader) addTexts(i int, index uint64) error {
	b, begin := r.block, len(r.text)
	r.text = b.producer.append(r.text, i)
	if len(r.text) == begin {
		r.text = audit.AppendDerivedID(r.text, b.of.footer.origin, index)
	}
	r.ends = append(r.ends, len(r.text))
	r.text = b.requests.append(r.text, i)
	r.ends = append(r.ends, len(r.text))
	extra, err := r.extra(i - r.columns.first)
	r.text = append(r.text, extra...)
	r.ends = append(r.ends, len(r.text))
	return err
}

// extra returns the extra data of row k of the columns.
func (r *recordReader) extra(k int) (text []byte, err error) {
	code := r.columns.extras[k]
	if code == 0 {
		return r.block.extras.aloneText(&r.block.group, r.columns.alone[k])
	}
	if code < 0 || code >= int64(len(r.shared)) {
		return r.block.extras.sharedText(code)
	}
	if r.shared[code] == nil {
		r.shared[code], err = r.block.extras.sharedText(code)
	}
	return r.shared[code], err
}

// cutTexts gives the records their texts. They share one string: a page of
// records is kept or dropped as a whole.
func (r *recordReader) cutTexts(records []audit.Record) {
	text, at := string(r.text), 0
	for i := range records {
		e, ends := &records[i], r.ends[numTexts*i:]
		e.ID = audit.EventID(text[at:ends[textID]])
		e.RequestID = text[ends[textID]:ends[textRequest]]
		e.ExtraData = text[ends[textRequest]:ends[textExtra]]
		at = ends[textExtra]
	}
}

// rowColumns are rows of a block, decoded.
type rowColumns struct {
	first                                   int
	times, received, duration, displacement [2 * miniRows]int64
	codes                                   [numCols][2 * miniRows]uint32
	extras                                  [2 * miniRows]int64 // codes of the extra data
	alone                                   [2 * miniRows]int   // rows of the block before, whose code is 0
}

// load decodes the rows from ≤ row < to.
func (c *rowColumns) load(b *segmentBlock, from, to int) {
	n := to - from
	c.first = from
	b.timestamp.fill(c.times[:n], from)
	b.duration.fill(c.duration[:n], from)
	b.indexes.fill(c.displacement[:n], from)
	b.received.fill(c.received[:n], from, c.times[:n])
	for col := range c.codes {
		b.fillCodes(c.codes[col][:n], col, from, c.codes[colIdentity][:n])
	}
	b.extras.codes.fill(c.extras[:n], from)
	rank := -1
	for k, code := range c.extras[:n] {
		if code != 0 {
			continue
		}
		if rank < 0 {
			rank = b.extras.rank(from + k)
		}
		c.alone[k] = rank
		rank++
	}
}
