package store

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// Values lists the values of a field in a range, which is set
// ([audit.ValuesQuery.Default]). If ctx's deadline comes first, the answer is
// partial: it counts the rows that were visited.
func (s *Store) Values(ctx context.Context, tenant audit.TenantID, q audit.ValuesQuery) (audit.Values, error) {
	f := audit.Filter{From: q.From, To: q.To, Within: q.Within}
	v, p := s.reader(tenant).read(&f, math.MaxUint64)
	col := map[audit.ValuesField]int{
		audit.FieldIdentityID: colIdentity,
		audit.FieldSecretPath: colPath,
		audit.FieldSourceIP:   colIP,
		audit.FieldAction:     colAction,
		audit.FieldUserAgent:  colAgent,
	}[q.Field]
	wanted := make(codeSet, len(v.values[col]))
	for code, value := range v.values[col] {
		wanted[code] = value != "" && strings.Contains(value, q.Contains)
	}
	p.restrict(col, wanted)
	counts := make([]count, len(v.values[col]))
	err := v.each(ctx, p, func(c *chunk, i int) {
		counts[c.codes[col][i]].add(c.time[i], c.success[i])
	})
	partial := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !partial {
		return audit.Values{}, err
	}
	return audit.Values{Values: rank(v.values[col], counts, q.Contains, q.Limit), Partial: partial}, nil
}

// rank returns the first limit of the values that were counted: those that
// begin with the text first, then by count, then by name.
func rank(values []string, counts []count, text string, limit int) []audit.Value {
	list := []audit.Value{}
	for code, n := range counts {
		if n.total > 0 {
			list = append(list, audit.Value{
				Value: values[code], Count: n.total, FirstAt: n.first, LastAt: n.last})
		}
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
