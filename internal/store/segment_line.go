package store

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/scaivault/audit"
)

// lineReader makes canonical lines ([audit.Event.AppendLine]) of rows of a
// segment. It keeps the values that it met as they stand in lines, so that a
// line is put together of pieces that are only copied.
type lineReader struct {
	columns rowColumns
	pieces  [numCols]pieces
	minute  minute
}

// fields are the names of the members with the values of a column, as they
// stand before them.
var fields = [numCols]string{
	colIdentity: `,"identity_id":`,
	colType:     `,"identity_type":`,
	colPath:     `,"secret_path":`,
	colIP:       `,"source_ip":`,
	colAgent:    `,"user_agent":`,
	colAction:   `","action":`, // ends the time
}

// nullable says which columns have null for the empty value.
var nullable = [numCols]bool{colPath: true, colIP: true}

// liner returns a reader. Whoever is done with it puts it back into s.liners.
func (s *segment) liner() (*lineReader, error) {
	if r, ok := s.liners.Get().(*lineReader); ok {
		return r, nil
	}
	s.aheadOfSections(sectionDictionary, sectionDictionary+numCols-1)
	r := new(lineReader)
	for col := range r.pieces {
		w, err := s.words(col)
		if err != nil {
			return nil, err
		}
		r.pieces[col] = newPieces(w, fields[col], nullable[col])
	}
	return r, nil
}

func (s *segmentBlock) lines(dst *lineList, rows []uint16) error {
	r, err := s.of.liner()
	if err != nil {
		return err
	}
	defer s.of.liners.Put(r)
	for some := range slices.Chunk(rows, miniRows) {
		if err := r.lines(dst, s, some); err != nil {
			return s.of.damage(fmt.Errorf("block %d: %w", s.number, err))
		}
	}
	return nil
}

// lines appends the lines of up to miniRows rows. Rows that lie close are
// decoded together.
func (r *lineReader) lines(dst *lineList, b *segmentBlock, rows []uint16) error {
	c := &r.columns
	close := c.loadClose(b, rows)
	for _, row := range rows {
		i := int(row)
		if !close {
			c.loadRow(b, i)
		}
		at := place{audit.Time(c.times[i-c.first]), b.indexAt(i, c.displacement[i-c.first])}
		var err error
		if dst.text, err = r.append(dst.text, b, i, at); err != nil {
			return err
		}
		dst.end(at)
	}
	return nil
}

// append appends the line of row i of a block, which is loaded.
func (r *lineReader) append(dst []byte, b *segmentBlock, i int, at place) ([]byte, error) {
	c := &r.columns
	k := i - c.first
	dst = append(dst, `{"id":"`...)
	begin := len(dst)
	if dst = b.producer().append(dst, i); len(dst) == begin {
		dst = audit.AppendDerivedID(dst, b.of.footer.origin, at.index)
	}
	dst = append(dst, `","timestamp":"`...)
	dst = r.minute.append(dst, at.time)
	for _, col := range [...]int{colAction, colType, colIdentity, colPath, colIP, colAgent} {
		dst = r.pieces[col].append(dst, c.codes[col][k])
	}
	if b.success(i) {
		dst = append(dst, `,"success":true,"duration_ms":`...)
	} else {
		dst = append(dst, `,"success":false,"duration_ms":`...)
	}
	dst = strconv.AppendInt(dst, int64(int32(c.duration[k])), 10)
	dst = append(dst, `,"request_id":`...)
	dst = b.requests().appendJSON(dst, i)
	dst = append(dst, `,"extra_data":`...)
	var err error
	begin = len(dst)
	if extra := c.sharedExtra(b, i); extra != "" {
		dst = append(dst, extra...)
	} else if dst, err = c.appendExtra(dst, b, i); len(dst) == begin {
		dst = append(dst, "{}"...)
	}
	return append(dst, '}'), err
}

// appendJSON appends the id of a row as a JSON string.
func (c *idColumn) appendJSON(dst []byte, row int) []byte {
	if c.oddAt(row) >= 0 || !c.shape.plain {
		return audit.AppendString(dst, string(c.append(nil, row)))
	}
	return append(c.append(append(dst, '"'), row), '"')
}

// pieces are the values of a column as they stand in lines, each after its name.
type pieces struct {
	words *words
	name  string
	empty string // the value ""
	pages []*piecePage
	text  []byte
}

// piecePage says of the values of a block of the dictionary where they stand in
// the text, as from<<16 | length; 0 is nowhere.
type piecePage [blockRows]uint64

// mostPieceText bounds the text of the pieces of a column in bytes.
const mostPieceText = 16 << 20

func newPieces(w *words, name string, null bool) pieces {
	p := pieces{words: w, name: name, empty: `""`, pages: make([]*piecePage, blocksOf(w.n))}
	if null {
		p.empty = "null"
	}
	return p
}

// append appends the piece with the value of a code, or that of code 0 if there
// is none.
func (p *pieces) append(dst []byte, code uint32) []byte {
	if int(code) >= p.words.n {
		code = 0
	}
	page := p.pages[code/blockRows]
	if page == nil || page[code%blockRows] == 0 {
		page = p.read(code / blockRows)
	}
	at := page[code%blockRows]
	return append(dst, p.text[at>>16:][:at&0xffff]...)
}

// read reads a block of the dictionary.
func (p *pieces) read(block uint32) *piecePage {
	if len(p.text) > mostPieceText {
		clear(p.pages)
		p.text = p.text[:0]
	}
	page := new(piecePage)
	p.pages[block] = page
	first := block * blockRows
	var t text
	var rest []byte
	for k := range min(blockRows, uint32(p.words.n)-first) {
		if k == 0 {
			rest = t.open(&p.words.frontDict, nil, first)
		} else {
			rest = t.step(rest)
		}
		from := len(p.text)
		p.text = append(p.text, p.name...)
		if len(t.b) == 0 {
			p.text = append(p.text, p.empty...)
		} else {
			p.text = audit.AppendString(p.text, string(t.b))
		}
		page[k] = uint64(from)<<16 | uint64(len(p.text)-from)
	}
	return page
}

// minute is the text of a time down to the minute, for rows that are near each
// other.
type minute struct {
	start audit.Time
	text  []byte // 2006-01-02T15:04:, if any
}

// append appends a time as [audit.Time.Append] does.
func (m *minute) append(dst []byte, t audit.Time) []byte {
	us := uint64(t - m.start)
	if us >= uint64(audit.Minute) || len(m.text) == 0 {
		us = uint64(t % audit.Minute)
		m.start = t - audit.Time(us)
		m.text = m.start.Append(m.text[:0])[:len("2006-01-02T15:04:")]
	}
	dst = append(dst, m.text...)
	seconds, micros := us/uint64(audit.Second), us%uint64(audit.Second)
	return append(dst, digits[2*seconds], digits[2*seconds+1], '.',
		digits[micros/10000*2], digits[micros/10000*2+1],
		digits[micros/100%100*2], digits[micros/100%100*2+1],
		digits[micros%100*2], digits[micros%100*2+1], 'Z')
}

// digits are the numbers below 100, two digits each.
var digits = func() (d [200]byte) {
	for i := range 100 {
		d[2*i], d[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return d
}()
