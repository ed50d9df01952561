package store

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"
	"sort"

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

// before reports whether a comes before b in a walk, descending or ascending.
func before(a, b place, desc bool) bool {
	if desc {
		a, b = b, a
	}
	return a.compare(b) < 0
}

// run is the selected rows of one block that a walk has still to visit.
type run struct {
	plan   *plan
	number int // of the block
	block  block
	rows   []uint16 // in the order of the walk
	place  place    // of the first of them
}

// at returns the place of the run's k-th row.
func (r *run) at(k int) place {
	i := int(r.rows[k])
	return place{r.block.time(i), r.block.index(i)}
}

// ahead returns how many rows of the run, at least one, come before bound.
func (r *run) ahead(bound place, desc bool) int {
	n := len(r.rows)
	if before(r.at(n-1), bound, desc) {
		return n
	}
	return 1 + sort.Search(n-1, func(k int) bool { return !before(r.at(k+1), bound, desc) })
}

// runs is a heap of runs, ordered by the place of each.
type runs struct {
	list  []*run
	desc  bool
	spare *segmentBlock // where blocks without selected rows are opened
}

func (h *runs) Len() int           { return len(h.list) }
func (h *runs) Less(i, j int) bool { return before(h.list[i].place, h.list[j].place, h.desc) }
func (h *runs) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *runs) Push(x any)         { h.list = append(h.list, x.(*run)) }
func (h *runs) Pop() any {
	r := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return r
}

// second returns the place of the run after the first one.
func (h *runs) second() (p place, ok bool) {
	for _, r := range h.list[min(1, len(h.list)):min(3, len(h.list))] {
		if !ok || before(r.place, p, h.desc) {
			p, ok = r.place, true
		}
	}
	return p, ok
}

// drop removes the first n rows of the first run.
func (h *runs) drop(n int) {
	r := h.list[0]
	if r.rows = r.rows[n:]; len(r.rows) == 0 {
		heap.Pop(h)
		return
	}
	r.place = r.at(0)
	heap.Fix(h, 0)
}

// stop is a block that may hold selected rows, or a part that was not prepared,
// with a place that none of them comes before.
type stop struct {
	plan *plan
	n    int // whole for the part
	edge place
}

const whole = -1

// stops is a heap of stops, ordered by the edge of each.
type stops struct {
	list  []stop
	desc  bool
	parts []*plan // of the view
}

func (h *stops) Len() int           { return len(h.list) }
func (h *stops) Less(i, j int) bool { return before(h.list[i].edge, h.list[j].edge, h.desc) }
func (h *stops) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *stops) Push(any)           {} // see add
func (h *stops) Pop() any           { return nil }

// add adds a stop, without making an any of it.
func (h *stops) add(s stop) {
	h.list = append(h.list, s)
	heap.Fix(h, len(h.list)-1)
}

// take removes the first stop.
func (h *stops) take() stop {
	s, last := h.list[0], len(h.list)-1
	h.list[0] = h.list[last]
	if h.list = h.list[:last]; last > 0 {
		heap.Fix(h, 0)
	}
	return s
}

// stop returns the stop of rows whose times lie between two.
func (h *stops) stop(p *plan, n int, least, most audit.Time) stop {
	if h.desc {
		return stop{p, n, place{most, math.MaxUint64}}
	}
	return stop{p, n, place{least, 0}}
}

// enter prepares a part and adds a stop for each of its blocks.
func (h *stops) enter(p *plan) error {
	aheadOfParts(h.parts, p, h.desc)
	if err := p.prepare(); err != nil {
		return err
	}
	if p.none {
		return nil
	}
	blocks := p.blocksIn()
	for _, n := range blocks {
		least, most := p.bounds(n)
		h.add(h.stop(p, n, least, most))
	}
	if h.desc {
		slices.Reverse(blocks)
	}
	if p.listed {
		p.aheadOfList(blocks)
	}
	return nil
}

// walk visits the selected rows by (time, index), descending or ascending,
// those beyond after if it is not nil, until visit returns false. It is called
// with rows of one block that follow each other. A part is prepared and a block
// is opened only when it may hold the next row: in a log that grows in order of
// time, the newest rows cost one block.
func (v *view) walk(ctx context.Context, desc bool, after *audit.Cursor, visit func(r *run, rows []uint16) bool) error {
	var beyond *place
	if after != nil {
		beyond = &place{after.Time, after.Index}
	}
	h, closed := &runs{desc: desc}, v.stops(desc, beyond)
	for {
		if err := closed.pass(ctx, h, beyond); err != nil {
			return err
		}
		if len(h.list) == 0 {
			return nil
		}
		r := h.list[0]
		n := len(r.rows)
		if bound, ok := closed.bound(h); ok {
			n = r.ahead(bound, desc)
		}
		if !visit(r, r.rows[:n]) {
			return nil
		}
		h.drop(n)
	}
}

// pass opens what may hold a row that comes before those of the runs.
func (h *stops) pass(ctx context.Context, opened *runs, after *place) error {
	for len(h.list) > 0 && (len(opened.list) == 0 || !before(opened.list[0].place, h.list[0].edge, h.desc)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := h.take()
		var err error
		if s.n == whole {
			err = h.enter(s.plan)
		} else {
			err = opened.open(s, after)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bound returns the place that rows of the first run have to come before to
// come before all others.
func (h *stops) bound(opened *runs) (bound place, ok bool) {
	bound, ok = opened.second()
	if len(h.list) > 0 && (!ok || before(h.list[0].edge, bound, h.desc)) {
		return h.list[0].edge, true
	}
	return bound, ok
}

// stops returns the parts that may hold selected rows.
func (v *view) stops(desc bool, after *place) *stops {
	h := &stops{desc: desc, parts: v.parts}
	for _, p := range v.parts {
		if after != nil && desc {
			p.to = min(p.to, after.time+1)
		} else if after != nil {
			p.from = max(p.from, after.time)
		}
		if p.least < p.to && p.most >= p.from {
			h.list = append(h.list, h.stop(p, whole, p.least, p.most))
		}
	}
	heap.Init(h)
	return h
}

// open adds the run of a block, without the rows that after leaves out.
func (h *runs) open(s stop, after *place) error {
	switch {
	case s.plan.listed:
		s.plan.aheadOfNext()
	case h.desc:
		s.plan.ahead(s.n, s.n-1)
	default:
		s.plan.ahead(s.n, s.n+1)
	}
	if h.spare == nil {
		h.spare = new(segmentBlock)
	}
	s.plan.visited = h.spare
	b, rows, err := s.plan.ordered(s.n)
	s.plan.visited = nil
	if err != nil || len(rows) == 0 {
		return err
	}
	h.spare = nil // the run has it
	if h.desc {
		slices.Reverse(rows)
	}
	r := &run{plan: s.plan, number: s.n, block: b, rows: rows}
	for ; len(r.rows) > 0; r.rows = r.rows[1:] {
		r.place = r.at(0)
		if after == nil || before(*after, r.place, h.desc) {
			heap.Push(h, r)
			break
		}
	}
	return nil
}
