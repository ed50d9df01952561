package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/scaivault/audit"
)

// reader returns the tenant's log, or an empty one if it has none.
func (s *Store) reader(tenant audit.TenantID) *tenantLog {
	if l := s.find(tenant); l != nil {
		return l
	}
	return s.newLog(tenant, s.lost)
}

// Query lists the events that the query selects, one page of them. The first
// page of a walk fixes the size of the log for the pages behind it (q.After).
// The error is ctx's if that ends first.
func (s *Store) Query(ctx context.Context, tenant audit.TenantID, q audit.Query) (_ audit.Page, err error) {
	size := uint64(everything)
	if q.After != nil {
		size = q.After.Size
	}
	if q.Limit == 0 {
		q.Limit = audit.DefaultLimit
	}
	v := s.reader(tenant).read(&q.Filter, size)
	defer v.end(&err)
	rows, more, err := v.list(ctx, &q)
	if err != nil {
		return audit.Page{}, err
	}
	return v.page(rows, more, q.Order == audit.OrderIndex)
}

// list returns the rows of a page, and whether anything follows.
func (v *view) list(ctx context.Context, q *audit.Query) (rows choice, more bool, err error) {
	if q.Order == audit.OrderIndex {
		return v.listByIndex(ctx, q)
	}
	if err := v.intact(); err != nil {
		return rows, false, err
	}
	err = v.walk(ctx, q.Order != audit.OrderAsc, q.After, func(r *run, some []uint16) bool {
		n := min(len(some), q.Limit-rows.n)
		rows.add(r.plan, r.number, r.block, some[:n]...)
		more = n < len(some)
		return !more
	})
	return rows, more, err
}

// listByIndex is list in the order of appending. Where indexes are damaged a
// page ends, and the next one begins with the error; so it is, too, where a
// segment turns out to be.
func (v *view) listByIndex(ctx context.Context, q *audit.Query) (rows choice, more bool, err error) {
	from := q.FromIndex
	if q.After != nil {
		from = max(from, q.After.Index+1)
	}
	end, damaged := v.damagedAt(from)
	for _, p := range v.parts {
		r := p.indexes()
		if r.To <= from || r.From >= end {
			continue
		}
		next, err := p.listByIndex(ctx, from, q.Limit+1-rows.n)
		if rows.n > 0 && audit.ErrorCode(err) == audit.CodeDataDamaged {
			return rows, true, nil
		}
		if err != nil {
			return rows, false, err
		}
		if len(next) > q.Limit-rows.n {
			rows.addRows(p, next[:q.Limit-rows.n])
			return rows, true, nil
		}
		rows.addRows(p, next)
	}
	if damaged && rows.n == 0 {
		return rows, false, v.intactIn(from, audit.MaxIndex)
	}
	return rows, damaged, nil
}

// listByIndex returns the first n of the part's selected rows whose index is
// not below from, by index.
func (p *plan) listByIndex(ctx context.Context, from uint64, n int) (_ []int, err error) {
	defer faulted(panicOnFault(), p.segments(), &err)
	if err := cmp.Or(ctx.Err(), p.prepare()); err != nil {
		return nil, err
	}
	if p.free() && p.from <= p.least && p.most < p.to && p.dense() {
		return p.listAll(max(from, p.indexes().From), n)
	}
	var all []indexedRow
	for b := range p.blocks() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		block, rows, err := p.selected(b)
		if err != nil {
			return nil, err
		}
		for _, i := range rows {
			if index := block.index(int(i)); index >= from {
				all = append(all, indexedRow{index, b<<chunkBits + int(i)})
			}
		}
		if _, grows := p.part.(*tailView); grows && len(all) >= n {
			break // the rows of a tail are in this order
		}
	}
	return rowsByIndex(all, n), nil
}

// dense reports whether at least half of the part's indexes have rows: they can
// be tried one after the other.
func (p *plan) dense() bool {
	r := p.indexes()
	return (r.To-r.From)/2 <= uint64(p.rows())
}

// listAll is listByIndex where every row is selected.
func (p *plan) listAll(from uint64, n int) ([]int, error) {
	to := min(p.indexes().To, p.below)
	if s, ok := p.part.(*segment); ok {
		return s.listIndexes(from, to, n)
	}
	var rows []int
	for index := from; index < to && len(rows) < n; index++ {
		row, ok, err := p.rowOf(index)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// page returns the page of the rows. One in the order of indexes ends before a
// row that is damaged.
func (v *view) page(rows choice, more, byIndex bool) (page audit.Page, err error) {
	page.Records, err = rows.records()
	if n := len(page.Records); byIndex && n > 0 && audit.ErrorCode(err) == audit.CodeDataDamaged {
		more, err = true, nil
	}
	if err != nil {
		return audit.Page{}, err
	}
	if more {
		last := &page.Records[len(page.Records)-1]
		page.Next = &audit.Cursor{Size: v.size, Time: last.Timestamp, Index: last.Index}
	}
	return page, nil
}

// Event returns the event with the id, the first one if a producer used it
// twice, if its path lies within the row scope. The error has
// [audit.CodeEventNotFound] if there is none.
func (s *Store) Event(_ context.Context, tenant audit.TenantID, id audit.EventID,
	within []audit.Path) (audit.Record, error) {
	l := s.reader(tenant)
	records, err := l.known(id)
	if err != nil {
		return audit.Record{}, err
	}
	scope := audit.Filter{Within: within}
	for _, r := range records {
		if scope.MatchPath(r.SecretPath) {
			return r, nil
		}
	}
	from, to := uint64(0), uint64(audit.MaxIndex)
	if origin, index, ok := id.Derived(); ok && origin == s.opts.Origin {
		from, to = index, index+1
	}
	if err := damageIn(l.damage(), from, to); err != nil {
		return audit.Record{}, err
	}
	return audit.Record{}, audit.Errorf(audit.CodeEventNotFound, "no event %q", id)
}

// known returns the durable events with the id, by index.
func (l *tenantLog) known(id audit.EventID) (records []audit.Record, err error) {
	v := l.read(&audit.Filter{}, everything)
	defer v.end(&err)
	for _, p := range v.parts {
		found, err := withID(p, l.origin, id)
		if err != nil {
			return nil, err
		}
		records = append(records, found...)
	}
	return records, nil
}

// withID returns the events of a part that have the id, by index.
func withID(p part, origin uint16, id audit.EventID) ([]audit.Record, error) {
	var rows []uint32
	if o, index, ok := id.Derived(); ok && o == origin {
		row, ok, err := p.rowOf(index)
		if err != nil || !ok {
			return nil, err
		}
		rows = []uint32{uint32(row)}
	} else {
		var err error
		if rows, err = p.producers(string(id)); err != nil {
			return nil, err
		}
	}
	var records []audit.Record
	for _, row := range rows {
		if int(row) >= p.rows() {
			continue // not durable yet
		}
		r, err := recordOf(p, int(row))
		if err != nil {
			return nil, err
		}
		if r.ID == id { // a producer may have named the event of this index otherwise
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b audit.Record) int { return cmp.Compare(a.Index, b.Index) })
	return records, nil
}
