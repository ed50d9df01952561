package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// count is the counts of a set of rows.
type count struct {
	total, failed uint64
	first, last   audit.Time
}

func (n *count) add(t audit.Time, success bool) {
	if n.total == 0 || t < n.first {
		n.first = t
	}
	if n.total == 0 || t > n.last {
		n.last = t
	}
	n.total++
	if !success {
		n.failed++
	}
}

// times returns the first and the last time, nil if there is none.
func (n *count) times() (first, last *audit.Time) {
	if n.total == 0 {
		return nil, nil
	}
	return &n.first, &n.last
}

// each calls visit with every selected row of the view, in no order.
func (v *view) each(ctx context.Context, p *plan, visit func(c *chunk, i int)) error {
	if err := v.intact(); err != nil {
		return err
	}
	for n := range v.chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.each(v, n, visit)
	}
	return nil
}

// tally counts rows by the codes of a column.
type tally []uint64

func (v *view) tally(col int) tally { return make(tally, len(v.values[col])) }

// top calls add with the n values that were counted most, ties by name. The
// empty value, which is null, is not among them.
func (t tally) top(values []string, n int, add func(value string, count uint64)) {
	var codes []uint32
	for code, count := range t {
		if count > 0 && code != 0 {
			codes = append(codes, uint32(code))
		}
	}
	slices.SortFunc(codes, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t[b], t[a]), strings.Compare(values[a], values[b]))
	})
	for _, code := range codes[:min(n, len(codes))] {
		add(values[code], t[code])
	}
}

// unique returns how many values other than null were counted.
func (t tally) unique() int {
	n := 0
	for code, count := range t {
		if count > 0 && code != 0 {
			n++
		}
	}
	return n
}

// breakdown returns the counts by action.
func (t tally) breakdown(values []string) map[audit.Action]uint64 {
	m := make(map[audit.Action]uint64)
	for code, count := range t {
		if count > 0 {
			m[audit.Action(values[code])] = count
		}
	}
	return m
}

func (t tally) identities(v *view, n int) []audit.IdentityCount {
	list := []audit.IdentityCount{}
	t.top(v.values[colIdentity], n, func(value string, count uint64) {
		list = append(list, audit.IdentityCount{IdentityID: audit.IdentityID(value), Count: count})
	})
	return list
}

func (t tally) paths(v *view, n int) []audit.PathCount {
	list := []audit.PathCount{}
	t.top(v.values[colPath], n, func(value string, count uint64) {
		list = append(list, audit.PathCount{Path: audit.Path(value), Count: count})
	})
	return list
}
