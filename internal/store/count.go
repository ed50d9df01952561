package store

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

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

// times returns the first and the last time, nil if there is none.
func (n *count) times() (first, last *audit.Time) {
	if n.total == 0 {
		return nil, nil
	}
	return &n.first, &n.last
}

// beside calls count with parts of the view, with several at the same time, as
// many as there are processors.
func (v *view) beside(ctx context.Context, parts []*plan, count func(context.Context, *plan) error) error {
	if err := v.intact(); err != nil {
		return err
	}
	read := func(ctx context.Context, p *plan) (err error) {
		defer caught(&err)
		defer faulted(panicOnFault(), p.segments(), &err)
		return count(ctx, p)
	}
	processors := runtime.GOMAXPROCS(0)
	if processors == 1 || len(parts) == 1 {
		for _, p := range parts { // in the caller's goroutine, whose stack has grown already
			aheadOfParts(v.parts, p, false)
			if err := read(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(processors)
	for _, p := range parts {
		aheadOfParts(v.parts, p, false)
		group.Go(func() error { return read(ctx, p) })
	}
	return group.Wait()
}

// caught makes an error of a panic of a goroutine of a reader, which its caller
// could not recover from.
func caught(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("read the log: panic: %v\n%s", x, debug.Stack())
	}
}

// each calls visit with every block of the part that has selected rows, which
// ascend. A block is nobody's after the visit.
func (p *plan) each(ctx context.Context, visit func(p *plan, b block, rows []uint16) error) error {
	if err := p.prepare(); err != nil {
		return err
	}
	blocks := p.blocksIn()
	p.aheadOfList(blocks)
	p.visited = new(segmentBlock)
	defer func() { p.visited = nil }()
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
