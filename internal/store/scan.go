package store

import (
	"cmp"
	"context"
	"iter"

	"github.com/scaivault/audit"
)

// scanRows is how many records a scan reads at once: enough for what they share
// to be read once, few enough to stay in a processor's cache.
const scanRows = 2 * miniRows

// lineRows is how many lines a scan makes at once: they stay in a processor's
// cache until they are read.
const lineRows = miniRows / 2

// Scan yields the events that q selects, oldest first, those of equal times by
// index: what a walk over pages in [audit.OrderAsc] lists, in one go. q.After
// holds where an earlier scan was left and the size of the log that both see.
// A record may be changed when the next one is asked for; its strings stay.
// An error, which is ctx's if that ends first, is the last that is yielded.
func (s *Store) Scan(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[*audit.Record, error] {
	return func(yield func(*audit.Record, error) bool) {
		var records []audit.Record
		more := true
		err := s.scan(ctx, tenant, q, scanRows, func(b block, rows []uint16) (bool, error) {
			var err error
			records, err = b.records(records[:0], rows)
			for i := 0; i < len(records) && err == nil && more; i++ {
				more = yield(&records[i], nil)
			}
			return more, err
		})
		if err != nil && more {
			yield(nil, err)
		}
	}
}

// ScanLines is [Store.Scan] for who wants the canonical lines only, which takes
// half the time. The text of a line is valid until the next step.
func (s *Store) ScanLines(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[audit.Line, error] {
	return func(yield func(audit.Line, error) bool) {
		var list lineList
		more := true
		err := s.scan(ctx, tenant, q, lineRows, func(b block, rows []uint16) (bool, error) {
			list.clear()
			err := b.lines(&list, rows)
			for k := 0; k < len(list.at) && err == nil && more; k++ {
				at := list.at[k]
				more = yield(audit.Line{Text: list.line(k), Timestamp: at.time, Index: at.index}, nil)
			}
			return more, err
		})
		if err != nil && more {
			yield(audit.Line{}, err)
		}
	}
}

// scan visits the rows that q selects, oldest first, at most so many of a block
// at once, until visit returns false or an error.
func (s *Store) scan(ctx context.Context, tenant audit.TenantID, q audit.Query, most int,
	visit func(b block, rows []uint16) (more bool, err error)) (err error) {
	size := uint64(everything)
	if q.After != nil {
		size = q.After.Size
	}
	v := s.reader(tenant).view(&q.Filter, size)
	defer v.end(&err)
	if err := v.intact(); err != nil {
		return err
	}
	var failed error
	err = v.walk(ctx, false, q.After, func(r *run, rows []uint16) bool {
		more := true
		for len(rows) > 0 && more && failed == nil {
			some := rows[:min(len(rows), most)]
			rows = rows[len(some):]
			if failed = ctx.Err(); failed == nil {
				more, failed = visit(r.block, some)
			}
		}
		return more && failed == nil
	})
	return cmp.Or(failed, err)
}
