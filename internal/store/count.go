package store

import (
	"context"

	"github.com/scaivault/audit"
)

// count is the counts of a set of rows.
type count struct {
	total, failed uint64
	first, last   audit.Time
}

func (n *count) add(t audit.Time, success bool) {
	n.at(t)
	n.total++
	if !success {
		n.failed++
	}
}

// at extends the times to t, which is the first of them if nothing is counted.
func (n *count) at(t audit.Time) {
	if n.total == 0 || t < n.first {
		n.first = t
	}
	if n.total == 0 || t > n.last {
		n.last = t
	}
}

// rows counts rows of a block, which ascend.
func (n *count) rows(b block, rows []uint16) {
	if b.order() != nil {
		for _, i := range rows {
			n.add(b.time(int(i)), b.success(int(i)))
		}
		return
	}
	n.at(b.time(int(rows[0])))
	n.total += uint64(len(rows))
	n.at(b.time(int(rows[len(rows)-1])))
	for _, i := range rows {
		if !b.success(int(i)) {
			n.failed++
		}
	}
}

// times returns the first and the last time, nil if there is none.
func (n *count) times() (first, last *audit.Time) {
	if n.total == 0 {
		return nil, nil
	}
	return &n.first, &n.last
}

// each calls visit with every block of the view that has selected rows, which
// ascend, in no order of time.
func (v *view) each(ctx context.Context, visit func(p *plan, b block, rows []uint16) error) error {
	if err := v.intact(); err != nil {
		return err
	}
	for _, p := range v.parts {
		aheadOfParts(v.parts, p, false)
		if err := p.each(ctx, visit); err != nil {
			return err
		}
	}
	return nil
}

// each is [view.each] for a part.
func (p *plan) each(ctx context.Context, visit func(p *plan, b block, rows []uint16) error) error {
	if err := p.prepare(); err != nil {
		return err
	}
	var blocks []int
	for n := range p.blocks() {
		if p.in(n) {
			blocks = append(blocks, n)
		}
	}
	p.aheadOfList(blocks)
	for _, n := range blocks {
		p.aheadOfNext()
		if err := ctx.Err(); err != nil {
			return err
		}
		b, rows, err := p.selected(n)
		if err == nil && len(rows) > 0 {
			err = visit(p, b, rows)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
