package store

import (
	"context"
	"math"
	"slices"

	"github.com/scaivault/audit"
)

// reader returns the tenant's log, or an empty one if it has none.
func (s *Store) reader(tenant audit.TenantID) *tenantLog {
	if l := s.find(tenant); l != nil {
		return l
	}
	return newTenantLog(tenant, s.opts.Origin, s.lost)
}

// Query lists the events that the query selects, one page of them. The first
// page of a walk fixes the size of the log for the pages behind it (q.After).
// The error is ctx's if that ends first.
func (s *Store) Query(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.Page, error) {
	size := uint64(math.MaxUint64)
	if q.After != nil {
		size = q.After.Size
	}
	if q.Limit == 0 {
		q.Limit = audit.DefaultLimit
	}
	v, p := s.reader(tenant).read(&q.Filter, size)
	rows, more, err := v.list(ctx, p, &q)
	if err != nil {
		return audit.Page{}, err
	}
	return v.page(rows, more), nil
}

// list returns the rows of a page, and whether anything follows.
func (v *view) list(ctx context.Context, p *plan, q *audit.Query) (rows []int, more bool, err error) {
	if q.Order == audit.OrderIndex {
		return v.listByIndex(ctx, p, q)
	}
	if err := v.intact(); err != nil {
		return nil, false, err
	}
	var after *place
	if q.After != nil {
		after = &place{q.After.Time, rowAt(v.jumps, v.rows, q.After.Index)}
	}
	err = v.walk(ctx, p, q.Order != audit.OrderAsc, after, func(row int) bool {
		more = len(rows) == q.Limit
		if !more {
			rows = append(rows, row)
		}
		return !more
	})
	return rows, more, err
}

// listByIndex is list in the order of appending. Where indexes are damaged a
// page ends, and the next one begins with the error.
func (v *view) listByIndex(ctx context.Context, p *plan, q *audit.Query) (rows []int, more bool, err error) {
	from := q.FromIndex
	if q.After != nil {
		from = max(from, q.After.Index+1)
	}
	end, damaged := v.damagedAt(from)
	start, stop := rowAt(v.jumps, v.rows, from), rowAt(v.jumps, v.rows, end)
	for n := start >> chunkBits; n < len(v.chunks) && !more; n++ {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		p.each(v, n, func(_ *chunk, i int) {
			if row := n<<chunkBits + i; row < start || row >= stop {
				return
			} else if more = more || len(rows) == q.Limit; !more {
				rows = append(rows, row)
			}
		})
	}
	if !more && damaged && len(rows) == 0 {
		return nil, false, v.intactIn(from, audit.MaxIndex)
	}
	return rows, more || damaged, nil
}

// page returns the page of the rows.
func (v *view) page(rows []int, more bool) audit.Page {
	page := audit.Page{Records: make([]audit.Record, len(rows))}
	for i, row := range rows {
		page.Records[i] = v.record(row)
	}
	if more {
		last := &page.Records[len(rows)-1]
		page.Next = &audit.Cursor{Size: v.size(), Time: last.Timestamp, Index: last.Index}
	}
	return page
}

// Event returns the event with the id, the first one if a producer used it
// twice, if its path lies within the row scope. The error has
// [audit.CodeEventNotFound] if there is none.
func (s *Store) Event(_ context.Context, tenant audit.TenantID, id audit.EventID,
	within []audit.Path) (audit.Record, error) {
	l := s.reader(tenant)
	l.mu.RLock()
	v := l.durable(math.MaxUint64)
	rows := l.rowsOf(id)
	l.mu.RUnlock()
	scope := audit.Filter{Within: within}
	for _, row := range rows {
		if row >= v.rows {
			continue
		}
		if r := v.record(row); scope.MatchPath(r.SecretPath) {
			return r, nil
		}
	}
	err := v.intact()
	if origin, index, ok := id.Derived(); ok && origin == s.opts.Origin {
		err = v.intactIn(index, index+1)
	}
	if err == nil {
		err = audit.Errorf(audit.CodeEventNotFound, "no event %q", id)
	}
	return audit.Record{}, err
}

// rowsOf returns the rows that have the id, the first one first.
func (l *tenantLog) rowsOf(id audit.EventID) []int {
	if origin, index, ok := id.Derived(); ok && origin == l.origin {
		row := rowAt(l.jumps, l.rows, index)
		if row >= l.rows || l.indexOf(row) != index || len(l.keyOf(textID)(uint32(row))) > 0 {
			return nil // no such row, or its producer named it otherwise
		}
		return []int{row}
	}
	var rows []int
	for _, row := range l.ids.rows(string(id), l.keyOf(textID)) {
		rows = append(rows, int(row))
	}
	slices.Reverse(rows)
	return rows
}
