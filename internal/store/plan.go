package store

import (
	"slices"

	"github.com/scaivault/audit"
)

// plan is a filter in terms of a log's rows: which codes a row may have, and
// in which rows to look.
type plan struct {
	filter   *audit.Filter
	from, to audit.Time // from ≤ time < to
	sets     [numCols]codeSet
	none     bool // no row can match
	// rows, if narrow, holds every row that can match, ascending.
	rows   []uint32
	narrow bool
}

// plan prepares what needs the log's indexes. The caller holds mu for reading.
func (l *tenantLog) plan(f *audit.Filter) *plan {
	p := &plan{filter: f, to: audit.MaxTime + 1}
	if f.From != nil {
		p.from = *f.From
	}
	if f.To != nil {
		p.to = min(p.to, *f.To)
	}
	p.only(l, colIdentity, texts(f.IdentityID))
	p.only(l, colType, texts(f.IdentityType))
	p.only(l, colPath, texts(f.SecretPath))
	p.only(l, colAction, texts(f.Actions...))
	p.only(l, colIP, f.SourceIPs)
	p.not(l, colIdentity, texts(f.NotIdentityID))
	p.not(l, colAction, texts(f.NotActions...))
	p.not(l, colIP, f.NotSourceIPs)
	if f.RequestID != "" {
		rows := l.reqs.rows(f.RequestID, l.keyOf(textRequest))
		slices.Reverse(rows)
		p.look(rows)
	}
	p.none = p.none || p.from >= p.to
	return p
}

// texts returns the values that are set as strings.
func texts[S ~string](values ...S) []string {
	var list []string
	for _, v := range values {
		if v != "" {
			list = append(list, string(v))
		}
	}
	return list
}

// only admits the rows whose value in the column is one of values, if there
// are any.
func (p *plan) only(l *tenantLog, col int, values []string) {
	if len(values) == 0 {
		return
	}
	d := &l.dicts[col]
	set := make(codeSet, len(d.values))
	var codes []uint32
	for _, v := range values {
		if code, ok := d.codes[v]; ok && !set[code] {
			set[code] = true
			codes = append(codes, code)
		}
	}
	if posted[col] {
		p.look(d.rowsOf(codes))
	}
	p.restrict(col, set)
}

// not leaves out the rows whose value in the column is one of values.
func (p *plan) not(l *tenantLog, col int, values []string) {
	if len(values) == 0 {
		return
	}
	p.restrictFunc(col, l.dicts[col].values, func(v string) bool {
		return v == "" || !slices.Contains(values, v)
	})
}

// paths applies the filter's rules about paths. It walks all paths, so it is
// called without the lock.
func (p *plan) paths(v *view) {
	if f := p.filter; f.PathPrefix != "" || f.NotPathPrefix != "" || len(f.Within) > 0 {
		p.restrictFunc(colPath, v.values[colPath], func(v string) bool { return f.MatchPath(audit.Path(v)) })
	}
}

func (p *plan) restrictFunc(col int, values []string, ok func(string) bool) {
	set := make(codeSet, len(values))
	for code, v := range values {
		set[code] = ok(v)
	}
	p.restrict(col, set)
}

// restrict admits only rows whose code in the column is in the set.
func (p *plan) restrict(col int, set codeSet) {
	if old := p.sets[col]; old != nil {
		for code := range set {
			set[code] = set[code] && old.has(uint32(code))
		}
	}
	p.sets[col] = set
	p.none = p.none || !slices.Contains(set, true)
}

// look says that only these rows, which ascend, can match.
func (p *plan) look(rows []uint32) {
	if p.narrow {
		rows = intersect(p.rows, rows)
	}
	p.rows, p.narrow = rows, true
	p.none = p.none || len(rows) == 0
}

// match reports whether a row of a chunk is selected, its time aside.
func (p *plan) match(c *chunk, i int) bool {
	for col, set := range p.sets {
		if set != nil && !set.has(c.codes[col][i]) {
			return false
		}
	}
	f := p.filter
	return (f.Success == nil || c.success[i] == *f.Success) &&
		(f.RequestID == "" || string(c.textOf(i, textRequest)) == f.RequestID) &&
		(len(f.Extra) == 0 || f.MatchExtra(string(c.textOf(i, textExtra))))
}

// in reports whether the chunk may hold a selected row.
func (p *plan) in(c *chunk) bool { return c.min < p.to && c.max >= p.from }

// within returns the part of p.rows that lies in chunk number n.
func (p *plan) within(n int) []uint32 {
	first := uint32(n) << chunkBits
	rows := p.rows[gallop(p.rows, first):]
	return rows[:gallop(rows, first+chunkRows)]
}

// each calls visit with the selected rows of chunk number n, in no order.
func (p *plan) each(v *view, n int, visit func(c *chunk, i int)) {
	c := v.chunks[n]
	if p.none || !p.in(c) {
		return
	}
	span := v.span(n)
	whole := p.from <= c.min && c.max < p.to
	check := func(i int) {
		if i < span && (whole || p.from <= c.time[i] && c.time[i] < p.to) && p.match(c, i) {
			visit(c, i)
		}
	}
	if p.narrow {
		for _, row := range p.within(n) {
			check(int(row) % chunkRows)
		}
		return
	}
	for i := range span {
		check(i)
	}
}

// ordered returns the selected rows of chunk number n by (time, row).
func (p *plan) ordered(v *view, n int) []uint16 {
	c := v.chunks[n]
	var rows []uint16
	if p.narrow {
		if few := p.within(n); len(few) < c.len()/16 {
			p.each(v, n, func(_ *chunk, i int) { rows = append(rows, uint16(i)) })
			slices.SortFunc(rows, func(a, b uint16) int { return c.compare(a, b) })
			return rows
		}
	}
	span := v.span(n)
	for _, i := range c.order[c.firstAt(p.from):c.firstAt(p.to)] {
		if int(i) < span && p.match(c, int(i)) {
			rows = append(rows, i)
		}
	}
	return rows
}
