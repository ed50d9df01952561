package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// Values lists the values of a field in a range, which is set
// ([audit.ValuesQuery.Default]). If ctx's deadline comes first, the answer is
// partial: it counts the rows that were visited.
func (s *Store) Values(ctx context.Context, tenant audit.TenantID, q audit.ValuesQuery) (audit.Values, error) {
	f := audit.Filter{From: q.From, To: q.To, Within: q.Within}
	v := s.reader(tenant).read(&f, everything)
	defer v.close()
	col := map[audit.ValuesField]int{
		audit.FieldIdentityID: colIdentity,
		audit.FieldSecretPath: colPath,
		audit.FieldSourceIP:   colIP,
		audit.FieldAction:     colAction,
		audit.FieldUserAgent:  colAgent,
	}[q.Field]
	c := valueCounter{col: col, all: make(map[string]*count)}
	if err := v.intact(); err != nil {
		return audit.Values{}, err
	}
	var err error
	for _, p := range v.parts {
		if err = ctx.Err(); err == nil {
			err = c.part(ctx, p, q.Contains)
		}
		if err != nil {
			break
		}
	}
	partial := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !partial {
		return audit.Values{}, err
	}
	return audit.Values{Values: c.rank(q.Contains, q.Limit), Partial: partial}, nil
}

// valueCounter counts rows by the values of a column.
type valueCounter struct {
	col    int
	all    map[string]*count
	dict   dictionary
	byCode []*count // of the present part
	codes  []uint32
	times  []audit.Time
}

// part counts the selected rows of a part whose value, which is not null,
// contains a text.
func (c *valueCounter) part(ctx context.Context, p *plan, text string) (err error) {
	if err := p.prepare(); err != nil || p.none {
		return err
	}
	if c.dict, err = p.dictionary(c.col); err != nil {
		return err
	}
	c.byCode = make([]*count, c.dict.len())
	set := c.dict.containing(text)
	s, ok, err := p.spanOf()
	if err != nil {
		return err
	}
	if ok && s.from == 0 && s.to == s.rows() {
		return c.whole(&s, set)
	}
	if err := p.admit(c.col, set); err != nil {
		return err
	}
	return p.each(ctx, c.add)
}

// add counts rows of a block.
func (c *valueCounter) add(_ *plan, b block, rows []uint16) error {
	if len(rows) < b.len()/16 {
		for _, i := range rows {
			c.of(b.code(c.col, int(i))).add(b.time(int(i)), true)
		}
		return nil
	}
	c.codes, c.times = b.codes(c.col, c.codes), b.times(c.times)
	for _, i := range rows {
		c.of(c.codes[i]).add(c.times[i], true)
	}
	return nil
}

// of returns the count of the value with a code of the present part.
func (c *valueCounter) of(code uint32) *count {
	if int(code) < len(c.byCode) && c.byCode[code] != nil {
		return c.byCode[code]
	}
	value := c.dict.value(code)
	n := c.all[value]
	if n == nil {
		n = new(count)
		c.all[value] = n
	}
	if int(code) < len(c.byCode) { // a damaged code is none
		c.byCode[code] = n
	}
	return n
}

// whole counts the rows of a span of all rows of a part: how many there are of
// each value the part knows, so that only the first and the last are looked for.
func (c *valueCounter) whole(s *span, set codeSet) error {
	counts, err := s.counts(c.col)
	if err != nil {
		return err
	}
	e := ends{span: s, col: c.col, blocks: make([]block, s.blocks())}
	all := counts.all()
	var unlisted []uint32
	for code, n := range all {
		code := uint32(code)
		if n == 0 || !set.has(code) {
			continue
		}
		rows, listed, err := s.postings(c.col, codeRange{code, code + 1})
		if err == nil && listed && len(rows) > 0 {
			err = e.note(c.of(code), uint64(n), rows[0], rows[len(rows)-1])
		} else {
			unlisted = append(unlisted, code)
		}
		if err != nil {
			return err
		}
	}
	first, err := e.find(unlisted, false)
	if err != nil {
		return err
	}
	last, err := e.find(unlisted, true)
	for _, code := range unlisted {
		if err == nil {
			err = e.note(c.of(code), uint64(all[code]), first[code], last[code])
		}
	}
	return err
}

// ends finds the first and the last rows of values of a column.
type ends struct {
	*span
	col    int
	blocks []block // those that were opened
	codes  []uint32
}

// open returns block n.
func (e *ends) open(n int) (b block, err error) {
	if e.blocks[n] == nil {
		e.blocks[n], err = e.block(n)
	}
	return e.blocks[n], err
}

// note adds rows to a count, of which two are the first and the last.
func (e *ends) note(n *count, rows uint64, first, last uint32) error {
	for _, row := range [...]uint32{first, last} {
		b, err := e.open(int(row >> chunkBits))
		if err != nil {
			return err
		}
		n.at(b.time(int(row % chunkRows)))
		n.total += rows
		rows = 0
	}
	return nil
}

// find returns the first row of each of the codes, or the last one.
func (e *ends) find(codes []uint32, last bool) (map[uint32]uint32, error) {
	rows := make(map[uint32]uint32, len(codes))
	wanted := make([]bool, 1+slices.Max(append(codes, 0)))
	for _, code := range codes {
		wanted[code] = true
	}
	for k := 0; k < len(e.blocks) && len(rows) < len(codes); k++ {
		n := k
		if last {
			n = len(e.blocks) - 1 - k
		}
		b, err := e.open(n)
		if err != nil {
			return nil, err
		}
		e.codes = b.codes(e.col, e.codes)
		for j := range e.codes {
			i := j
			if last {
				i = len(e.codes) - 1 - j
			}
			if code := e.codes[i]; int(code) < len(wanted) && wanted[code] {
				wanted[code] = false
				rows[code] = uint32(n<<chunkBits + i)
			}
		}
	}
	return rows, nil
}

// rank returns the first limit of the values that were counted: those that
// begin with the text first, then by count, then by name.
func (c *valueCounter) rank(text string, limit int) []audit.Value {
	list := []audit.Value{}
	for value, n := range c.all {
		list = append(list, audit.Value{Value: value, Count: n.total, FirstAt: n.first, LastAt: n.last})
	}
	later := func(v audit.Value) int {
		if strings.HasPrefix(v.Value, text) {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b audit.Value) int {
		return cmp.Or(cmp.Compare(later(a), later(b)), cmp.Compare(b.Count, a.Count),
			strings.Compare(a.Value, b.Value))
	})
	return list[:min(limit, len(list))]
}
