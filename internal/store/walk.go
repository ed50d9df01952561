package store

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"

	"github.com/scaivault/audit"
)

// place is where a row stands in the order of lists.
type place struct {
	time  audit.Time
	index uint64
}

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.index, b.index))
}

// run is the selected rows of one block that a walk has still to visit.
type run struct {
	plan  *plan
	block block
	first int      // row of the block's first row in its part
	rows  []uint16 // in the order of the walk
	place place    // of the first of them
}

// locate finds the place of the run's first row.
func (r *run) locate() error {
	i := int(r.rows[0])
	index, err := r.plan.indexOf(r.first + i)
	r.place = place{r.block.time(i), index}
	return err
}

// runs is a heap of runs, ordered by the place of each.
type runs struct {
	list []*run
	desc bool
}

func (h *runs) before(a, b place) bool {
	if h.desc {
		a, b = b, a
	}
	return a.compare(b) < 0
}

func (h *runs) Len() int           { return len(h.list) }
func (h *runs) Less(i, j int) bool { return h.before(h.list[i].place, h.list[j].place) }
func (h *runs) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *runs) Push(x any)         { h.list = append(h.list, x.(*run)) }
func (h *runs) Pop() any {
	r := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return r
}

// drop removes the first row of the first run.
func (h *runs) drop() error {
	r := h.list[0]
	if r.rows = r.rows[1:]; len(r.rows) == 0 {
		heap.Pop(h)
		return nil
	}
	err := r.locate()
	heap.Fix(h, 0)
	return err
}

// stop is a block that may hold selected rows, with a place that none of them
// comes before.
type stop struct {
	plan *plan
	n    int
	edge place
}

// walk visits the selected rows by (time, index), descending or ascending,
// those beyond after if it is not nil, until visit returns false. A block is
// opened only when it may hold the next row: in a log that grows in order of
// time, the newest rows cost one block.
func (v *view) walk(ctx context.Context, desc bool, after *place, visit func(p *plan, row int) bool) error {
	h := &runs{desc: desc}
	closed := v.stops(desc, after)
	for {
		for len(closed) > 0 && (len(h.list) == 0 || !h.before(h.list[0].place, closed[0].edge)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := h.open(closed[0], after); err != nil {
				return err
			}
			closed = closed[1:]
		}
		if len(h.list) == 0 {
			return nil
		}
		r := h.list[0]
		if !visit(r.plan, r.first+int(r.rows[0])) {
			return nil
		}
		if err := h.drop(); err != nil {
			return err
		}
	}
}

// stops returns the blocks that may hold selected rows, in the order of the
// first row that each may have.
func (v *view) stops(desc bool, after *place) []stop {
	var list []stop
	for _, p := range v.parts {
		if after != nil && desc {
			p.to = min(p.to, after.time+1)
		} else if after != nil {
			p.from = max(p.from, after.time)
		}
		for n := range p.blocks() {
			if !p.in(n) {
				continue
			}
			least, most := p.bounds(n)
			s := stop{p, n, place{least, 0}}
			if desc {
				s.edge = place{most, math.MaxUint64}
			}
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b stop) int {
		if desc {
			a, b = b, a
		}
		return a.edge.compare(b.edge)
	})
	return list
}

// open adds the run of a block, without the rows that after leaves out.
func (h *runs) open(s stop, after *place) error {
	b, rows, err := s.plan.ordered(s.n)
	if err != nil {
		return err
	}
	if h.desc {
		slices.Reverse(rows)
	}
	r := &run{plan: s.plan, block: b, first: s.n << chunkBits, rows: rows}
	for ; len(r.rows) > 0; r.rows = r.rows[1:] {
		if err := r.locate(); err != nil {
			return err
		}
		if after == nil || h.before(*after, r.place) {
			heap.Push(h, r)
			break
		}
	}
	return nil
}
