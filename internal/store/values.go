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
	for _, p := range v.parts {
		if err := p.prepare(); err != nil {
			return audit.Values{}, err
		}
		if err := p.contain(col, q.Contains); err != nil {
			return audit.Values{}, err
		}
	}
	err := v.each(ctx, c.add)
	partial := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !partial {
		return audit.Values{}, err
	}
	return audit.Values{Values: c.rank(q.Contains, q.Limit), Partial: partial}, nil
}

// contain admits only rows whose value in the column, which is not null,
// contains a text.
func (p *plan) contain(col int, text string) error {
	if p.none {
		return nil
	}
	d, err := p.dictionary(col)
	if err != nil {
		return err
	}
	set := codeSet{member: make([]bool, d.len())}
	for code := range set.member {
		v := d.value(uint32(code))
		set.member[code] = v != "" && strings.Contains(v, text)
	}
	return p.admit(col, set)
}

// valueCounter counts rows by the values of a column.
type valueCounter struct {
	col    int
	all    map[string]*count
	plan   *plan
	dict   dictionary
	byCode map[uint32]*count // of the present part
}

func (c *valueCounter) add(p *plan, b block, rows []uint16) (err error) {
	if c.plan != p {
		c.plan, c.byCode = p, make(map[uint32]*count)
		if c.dict, err = p.dictionary(c.col); err != nil {
			return err
		}
	}
	for _, i := range rows {
		code := b.code(c.col, int(i))
		n := c.byCode[code]
		if n == nil {
			n = c.open(code)
		}
		n.add(b.time(int(i)), b.success(int(i)))
	}
	return nil
}

// open returns the count of a value that is new in the present part.
func (c *valueCounter) open(code uint32) *count {
	value := c.dict.value(code)
	n := c.all[value]
	if n == nil {
		n = new(count)
		c.all[value] = n
	}
	c.byCode[code] = n
	return n
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
