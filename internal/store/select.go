package store

import (
	"cmp"
	"slices"
	"sort"

	"github.com/scaivault/audit"
)

// selected returns block n and its selected rows, ascending. The plan is
// prepared.
func (p *plan) selected(n int) (block, []uint16, error) {
	if !p.in(n) {
		return nil, nil, nil
	}
	b, err := p.visit(n)
	if err != nil {
		return nil, nil, err
	}
	rows := p.candidates(b, n)
	f := p.filter
	if f.RequestID != "" {
		rows = keep(rows, func(i int) bool { return string(b.request(i)) == f.RequestID })
	}
	if len(f.Extra) > 0 {
		rows = keep(rows, func(i int) bool { return f.MatchExtra(string(b.extra(i))) })
	}
	if p.indexes().To > p.below { // the view does not see all
		rows = keep(rows, func(i int) bool { return b.index(i) < p.below })
	}
	return b, rows, nil
}

// visit returns block n.
func (p *plan) visit(n int) (block, error) {
	if s, ok := p.part.(*segment); ok && p.visited != nil {
		return p.visited, s.open(p.visited, n)
	}
	return p.block(n)
}

// candidates returns the rows of block n, ascending, that the lists, the times,
// the sets and the outcome of the plan admit.
func (p *plan) candidates(b block, n int) []uint16 {
	lo, hi := p.span(b, n)
	success, sets := p.filter.Success, p.sets
	var rows []uint16
	switch {
	case p.listed:
		list := p.within(n)
		rows = make([]uint16, 0, len(list))
		for _, row := range list {
			if i := int(row) % chunkRows; lo <= i && i < hi {
				rows = append(rows, uint16(i))
			}
		}
	case success != nil && (!*success || len(sets) == 0): // failures are few
		rows, success = b.outcomes(nil, lo, hi, *success), nil
	case len(sets) > 0:
		rows = p.find(b, &sets[0], lo, hi)
		sets = sets[1:]
	default:
		rows = make([]uint16, hi-lo)
		for i := range rows {
			rows[i] = uint16(lo + i)
		}
	}
	for i := range sets {
		if len(rows) > 0 {
			rows = p.keepCodes(rows, b, &sets[i])
		}
	}
	if success != nil {
		rows = keep(rows, func(i int) bool { return b.success(i) == *success })
	}
	if b.order() == nil || p.whole(n) {
		return rows
	}
	times := b.times(nil)
	return keep(rows, func(i int) bool { return p.from <= times[i] && times[i] < p.to })
}

// find returns the rows from lo ≤ row < hi whose code is admitted.
func (p *plan) find(b block, r *restriction, lo, hi int) []uint16 {
	if codes := r.few; len(codes) > 0 {
		var ok bool
		if p.found, ok = b.find(p.found[:0], r.col, codes, lo, hi); ok {
			return slices.Clone(p.found)
		}
	}
	p.codes = b.codes(r.col, p.codes)
	return r.find(p.codes, lo, hi)
}

// whole reports whether all rows of block n are in the plan's times.
func (p *plan) whole(n int) bool {
	least, most := p.bounds(n)
	return p.from <= least && most < p.to
}

// span returns the rows of block n that are in the plan's times, lo ≤ row < hi;
// all rows if they are not in the order of time.
func (p *plan) span(b block, n int) (lo, hi int) {
	if b.order() != nil || p.whole(n) {
		return 0, b.len()
	}
	lo = firstAt(b, p.from)
	return lo, max(lo, firstAt(b, p.to))
}

// firstAt returns the first row of a block in the order of time that is not
// before t, the number of rows if there is none.
func firstAt(b block, t audit.Time) int {
	return sort.Search(b.len(), func(i int) bool { return b.time(i) >= t })
}

// keepCodes keeps the rows whose code is admitted. Where many are left it is
// cheaper to read the whole column.
func (p *plan) keepCodes(rows []uint16, b block, r *restriction) []uint16 {
	if len(rows) > b.len()/16 {
		p.codes = b.codes(r.col, p.codes)
		return keep(rows, func(i int) bool { return r.has(p.codes[i]) })
	}
	return keep(rows, func(i int) bool { return r.has(b.code(r.col, i)) })
}

// keep keeps, in place, the rows for which ok holds.
func keep(rows []uint16, ok func(i int) bool) []uint16 {
	kept := rows[:0]
	for _, i := range rows {
		if ok(int(i)) {
			kept = append(kept, i)
		}
	}
	return kept
}

// ordered returns block n and its selected rows by (time, index).
func (p *plan) ordered(n int) (block, []uint16, error) {
	b, rows, err := p.selected(n)
	if err != nil || len(rows) < 2 || b.order() == nil {
		return b, rows, err
	}
	if len(rows) < b.len()/16 {
		slices.SortFunc(rows, func(x, y uint16) int {
			return cmp.Or(cmp.Compare(b.time(int(x)), b.time(int(y))), cmp.Compare(x, y))
		})
		return b, rows, nil
	}
	var chosen [chunkRows]bool
	for _, i := range rows {
		chosen[i] = true
	}
	rows = rows[:0]
	for _, i := range b.order() {
		if chosen[i] {
			rows = append(rows, i)
		}
	}
	return b, rows, nil
}
