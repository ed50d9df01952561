package store

import (
	"cmp"
	"context"
	"maps"
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

// each calls visit with every part of the view that has selected rows, block
// by block, in no order of time.
func (v *view) each(ctx context.Context, visit func(p *plan, b block, rows []uint16)) error {
	if err := v.intact(); err != nil {
		return err
	}
	for _, p := range v.parts {
		for n := range p.blocks() {
			if err := ctx.Err(); err != nil {
				return err
			}
			b, rows, err := p.selected(n)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				visit(p, b, rows)
			}
		}
	}
	return nil
}

// tally counts rows by the values of a column, over all parts.
type tally struct {
	col    int
	counts map[string]uint64
	// Of the part that is being counted: its dictionary and counts by code.
	plan   *plan
	dict   dictionary
	byCode []uint64
	codes  []uint32 // scratch
	err    error
}

func newTally(col int) *tally { return &tally{col: col, counts: make(map[string]uint64)} }

// add counts rows of a block.
func (t *tally) add(p *plan, b block, rows []uint16) {
	if t.plan != p {
		t.fold()
		t.plan = p
		if t.dict, t.err = p.dictionary(t.col); t.err != nil {
			return
		}
		t.byCode = make([]uint64, t.dict.len())
	}
	if t.err != nil {
		return
	}
	if len(rows) < b.len()/16 {
		for _, i := range rows {
			t.byCode[b.code(t.col, int(i))]++
		}
		return
	}
	codes := b.codes(t.col, t.codes)
	for _, i := range rows {
		t.byCode[codes[i]]++
	}
}

// fold adds the counts of the part to those of all.
func (t *tally) fold() {
	for code, n := range t.byCode {
		if n > 0 {
			t.counts[t.dict.value(uint32(code))] += n
		}
	}
	t.byCode = nil
}

// done ends counting; null is not among the values.
func (t *tally) done() error {
	if t.err == nil {
		t.fold()
		delete(t.counts, "")
	}
	return t.err
}

// top returns the n values that were counted most, ties by name.
func (t *tally) top(n int) []string {
	values := slices.Collect(maps.Keys(t.counts))
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(t.counts[b], t.counts[a]), strings.Compare(a, b))
	})
	return values[:min(n, len(values))]
}

// breakdown returns the counts by action.
func (t *tally) breakdown() map[audit.Action]uint64 {
	m := make(map[audit.Action]uint64, len(t.counts))
	for value, n := range t.counts {
		m[audit.Action(value)] = n
	}
	return m
}

func (t *tally) identities(n int) []audit.IdentityCount {
	list := []audit.IdentityCount{}
	for _, value := range t.top(n) {
		list = append(list, audit.IdentityCount{IdentityID: audit.IdentityID(value), Count: t.counts[value]})
	}
	return list
}

func (t *tally) paths(n int) []audit.PathCount {
	list := []audit.PathCount{}
	for _, value := range t.top(n) {
		list = append(list, audit.PathCount{Path: audit.Path(value), Count: t.counts[value]})
	}
	return list
}
