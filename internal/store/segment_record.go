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
	text    []byte // of the rows that are being read
	ends    []int  // of each text
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
	s.aheadOfSections(sectionDictionary, sectionDictionary+numCols-1)
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
	close := c.loadClose(r.block, rows)
	begin := len(dst)
	dst = slices.Grow(dst, len(rows))[:begin+len(rows)]
	r.text, r.ends = r.text[:0], r.ends[:0]
	for k, row := range rows {
		if !close {
			c.loadRow(r.block, int(row))
		}
		e := &dst[begin+k]
		r.record(e, int(row))
		if err := r.addTexts(int(row), e); err != nil {
			return nil, err
		}
	}
	r.cutTexts(dst[begin:])
	return dst, nil
}

// record sets e to the record of row i of the block, which is loaded, but for
// its texts. It sets one member after the other: moving a record takes longer.
func (r *recordReader) record(e *audit.Record, i int) {
	c := &r.columns
	k := i - c.first
	e.Timestamp = audit.Time(c.times[k])
	e.Action = audit.Action(r.met[colAction].value(c.codes[colAction][k]))
	e.IdentityType = audit.IdentityType(r.met[colType].value(c.codes[colType][k]))
	e.IdentityID = audit.IdentityID(r.met[colIdentity].value(c.codes[colIdentity][k]))
	e.SecretPath = audit.Path(r.met[colPath].value(c.codes[colPath][k]))
	e.SourceIP = r.met[colIP].value(c.codes[colIP][k])
	e.UserAgent = r.met[colAgent].value(c.codes[colAgent][k])
	e.Success = r.block.success(i)
	e.DurationMS = int32(c.duration[k])
	e.Index = r.block.indexAt(i, c.displacement[k])
	e.ReceivedAt = audit.Time(c.received[k])
}

// addTexts appends the texts of row i of the block, whose record is e, but for
// extra data that it can share.
func (r *recordReader) addTexts(i int, e *audit.Record) error {
	b, begin := r.block, len(r.text)
	r.text = b.producer().append(r.text, i)
	if len(r.text) == begin {
		r.text = audit.AppendDerivedID(r.text, b.of.footer.origin, e.Index)
	}
	r.ends = append(r.ends, len(r.text))
	r.text = b.requests().append(r.text, i)
	r.ends = append(r.ends, len(r.text))
	var err error
	if e.ExtraData = r.columns.sharedExtra(b, i); e.ExtraData == "" {
		r.text, err = r.columns.appendExtra(r.text, b, i)
	}
	r.ends = append(r.ends, len(r.text))
	return err
}

// cutTexts gives the records their texts. They share one string: a page of
// records is kept or dropped as a whole.
func (r *recordReader) cutTexts(records []audit.Record) {
	text, at := string(r.text), 0
	for i := range records {
		e, ends := &records[i], r.ends[numTexts*i:]
		e.ID = audit.EventID(text[at:ends[textID]])
		e.RequestID = text[ends[textID]:ends[textRequest]]
		if ends[textExtra] > ends[textRequest] {
			e.ExtraData = text[ends[textRequest]:ends[textExtra]]
		}
		at = ends[textExtra]
	}
}

const (
	// leastShared is of how many rows it pays to keep what they may share.
	leastShared = 16
	// mostShared bounds the codes of the extra data that is kept.
	mostShared = 32
)

// rowColumns are rows of a block, decoded.
type rowColumns struct {
	first, n                                int
	times, received, duration, displacement [2 * miniRows]int64
	codes                                   [numCols][2 * miniRows]uint32
	extras                                  [2 * miniRows]int64 // codes of the extra data
	alone                                   [2 * miniRows]int   // rows of the block before, whose code is 0
}

// loadClose decodes the rows from the first to the last of some if they lie
// close, and reports whether they do.
func (c *rowColumns) loadClose(b *segmentBlock, rows []uint16) bool {
	first, last := slices.Min(rows), slices.Max(rows)
	if int(last-first) >= min(2*len(rows), len(c.times)) {
		return false
	}
	c.load(b, int(first), int(last)+1)
	return true
}

// sharedExtra returns the extra data of row i of the block, which is loaded, if
// it is among the first of those that several rows have, else "". Where rows
// lie close, it is made a string once a block.
func (c *rowColumns) sharedExtra(b *segmentBlock, i int) string {
	code := c.extras[i-c.first]
	if code < 1 || code >= mostShared || c.n < leastShared {
		return ""
	}
	if b.shared == nil {
		b.shared = make([]string, mostShared)
	}
	if b.shared[code] == "" {
		text, _ := b.extras().sharedText(code) // an error comes again
		b.shared[code] = string(text)
	}
	return b.shared[code]
}

// appendExtra appends the extra data of row i of the block, which is loaded.
func (c *rowColumns) appendExtra(dst []byte, b *segmentBlock, i int) ([]byte, error) {
	var text []byte
	var err error
	if code := c.extras[i-c.first]; code == 0 {
		text, err = b.extras().aloneText(&b.group, c.alone[i-c.first])
	} else {
		text, err = b.extras().sharedText(code)
	}
	return append(dst, text...), err
}

// load decodes the rows from ≤ row < to.
func (c *rowColumns) load(b *segmentBlock, from, to int) {
	n := to - from
	c.first, c.n = from, n
	b.timestamps().fill(c.times[:n], from)
	b.duration().fill(c.duration[:n], from)
	b.indexes().fill(c.displacement[:n], from)
	b.received().fill(c.received[:n], from, c.times[:n])
	for col := range c.codes {
		b.fillCodes(c.codes[col][:n], col, from, c.codes[colIdentity][:n])
	}
	b.extras().codes.fill(c.extras[:n], from)
	rank := -1
	for k, code := range c.extras[:n] {
		if code != 0 {
			continue
		}
		if rank < 0 {
			rank = b.extras().rank(from + k)
		}
		c.alone[k] = rank
		rank++
	}
}

// loadRow decodes row i alone.
func (c *rowColumns) loadRow(b *segmentBlock, i int) {
	c.first, c.n = i, 1
	c.times[0], c.duration[0], c.displacement[0] = b.timestamps().at(i), b.duration().at(i), b.indexes().at(i)
	b.received().fill(c.received[:1], i, c.times[:1])
	for col := range c.codes {
		c.codes[col][0] = b.code(col, i)
	}
	if c.extras[0] = b.extras().codes.at(i); c.extras[0] == 0 {
		c.alone[0] = b.extras().rank(i)
	}
}
