package store

import (
	"context"
	"iter"

	"github.com/scaivault/audit"
)

// scanRows is how many records a scan reads at once: enough for what they share
// to be read once, few enough to stay in a processor's cache.
const scanRows = 2 * miniRows

// Scan yields the events that q selects, oldest first, those of equal times by
// index: what a walk over pages in [audit.OrderAsc] lists, in one go. q.After
// holds where an earlier scan was left and the size of the log that both see.
// A record may be changed when the next one is asked for; its strings stay.
// An error, which is ctx's if that ends first, is the last that is yielded.
func (s *Store) Scan(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[*audit.Record, error] {
	return func(yield func(*audit.Record, error) bool) {
		size := uint64(everything)
		if q.After != nil {
			size = q.After.Size
		}
		v := s.reader(tenant).read(&q.Filter, size)
		defer v.close()
		if err := v.intact(); err != nil {
			yield(nil, err)
			return
		}
		c := scanner{ctx: ctx, yield: yield}
		if err := v.walk(ctx, false, q.After, c.visit); err != nil && !c.ended {
			yield(nil, err)
		}
	}
}

// scanner yields the records of the rows that a walk visits.
type scanner struct {
	ctx     context.Context
	yield   func(*audit.Record, error) bool
	records []audit.Record
	ended   bool // nothing may be yielded any more
}

func (c *scanner) visit(r *run, rows []uint16) bool {
	for len(rows) > 0 && !c.ended {
		some := rows[:min(len(rows), scanRows)]
		rows = rows[len(some):]
		c.pass(r, some)
	}
	return !c.ended
}

// pass yields the records of some rows.
func (c *scanner) pass(r *run, rows []uint16) {
	err := c.ctx.Err()
	if err == nil {
		c.records, err = r.block.records(c.records[:0], rows)
	}
	if err != nil {
		c.yield(nil, err)
		c.ended = true
		return
	}
	for i := range c.records {
		if !c.yield(&c.records[i], nil) {
			c.ended = true
			return
		}
	}
}
