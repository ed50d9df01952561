package store

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/scaivault/audit"
)

// columnOf is the column of a field.
var columnOf = map[audit.ValuesField]int{
	audit.FieldIdentityID: colIdentity,
	audit.FieldSecretPath: colPath,
	audit.FieldSourceIP:   colIP,
	audit.FieldAction:     colAction,
	audit.FieldUserAgent:  colAgent,
}

// values returns a view of the rows of a range whose values of a column will be
// counted, and which prefixes bound these: those of paths do, and for other
// columns they say which rows count.
func (l *tenantLog) values(col int, from, to *audit.Time, within []audit.Path, size uint64) (*view, []audit.Path) {
	if col == colPath {
		return l.read(&audit.Filter{From: from, To: to}, size), within
	}
	return l.read(&audit.Filter{From: from, To: to, Within: within}, size), nil
}

// Values lists the values of a field in a range, which is set
// ([audit.ValuesQuery.Default]). If ctx's deadline comes first, the answer is
// partial: it counts the rows of the parts of the log that were counted before.
func (s *Store) Values(ctx context.Context, tenant audit.TenantID, q audit.ValuesQuery) (_ audit.Values, err error) {
	col := columnOf[q.Field]
	v, within := s.reader(tenant).values(col, q.From, q.To, q.Within, everything)
	defer v.end(&err)
	parts, err := v.countValues(ctx, col, within)
	partial := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !partial {
		return audit.Values{}, err
	}
	list := rankValues(newValueUnion(parts, q.Contains), q.Contains, q.Limit)
	first, err := valueTimes(parts, list, false)
	if err != nil {
		return audit.Values{}, err
	}
	last, err := valueTimes(parts, list, true)
	for i := range list {
		if err == nil {
			list[i].FirstAt, list[i].LastAt = first[i], last[i]
		}
	}
	return audit.Values{Values: list, Partial: partial}, err
}

// valueTimes returns the first or the last times of values that occur in parts.
func valueTimes(parts []*valueCounts, list []audit.Value, last bool) ([]audit.Time, error) {
	return times(parts, len(list), last, func(c *valueCounts, i int, use func(codeRange)) {
		c.only(list[i].Value, use)
	})
}

// value returns the value of a rank.
func (c *valueCounts) value(rank uint32) string { return string(c.values.from(rank).next()) }

// only calls use with the rank of a value, if the part has it.
func (c *valueCounts) only(value string, use func(codeRange)) {
	if rank, ok := c.values.rank(value); ok {
		use(codeRange{rank, rank + 1})
	}
}

// rankValues returns the first limit of the values, without their times: those
// that begin with the text first, then by count, then by name.
func rankValues(u *valueUnion, text string, limit int) []audit.Value {
	list := first[audit.Value]{n: limit, compare: func(a, b audit.Value) int {
		return cmp.Or(cmp.Compare(later(a.Value, text), later(b.Value, text)), cmp.Compare(b.Count, a.Count),
			strings.Compare(a.Value, b.Value))
	}}
	for u.next() {
		n := u.count()
		if last, full := list.last(); full { // as values ascend, this one stands behind its equals
			if a, b := later(u.value, text), later(last.Value, text); a > b || a == b && n <= last.Count {
				continue
			}
		}
		list.add(audit.Value{Value: string(u.value), Count: n})
	}
	return list.all()
}

// later is 0 for a value that begins with the text, else 1.
func later[T []byte | string](value T, text string) int {
	if len(value) >= len(text) && string(value[:len(text)]) == text {
		return 0
	}
	return 1
}
