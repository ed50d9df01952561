package store

import (
	"cmp"
	"container/heap"
	"context"
	"slices"

	"github.com/scaivault/audit"
)

// place is where a row stands in the order of time.
type place struct {
	time audit.Time
	row  int
}

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.row, b.row))
}

// run is the selected rows of one chunk that a walk has still to visit.
type run struct {
	chunk *chunk
	first int // row of the chunk's first row
	rows  []uint16
}

// runs is a heap of runs, ordered by the next row of each.
type runs struct {
	list []*run
	desc bool
}

// next returns the place of the run's next row.
func (h *runs) next(r *run) place {
	i := r.rows[0]
	if h.desc {
		i = r.rows[len(r.rows)-1]
	}
	return place{r.chunk.time[i], r.first + int(i)}
}

func (h *runs) before(a, b place) bool {
	if h.desc {
		a, b = b, a
	}
	return a.compare(b) < 0
}

func (h *runs) Len() int           { return len(h.list) }
func (h *runs) Less(i, j int) bool { return h.before(h.next(h.list[i]), h.next(h.list[j])) }
func (h *runs) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *runs) Push(x any)         { h.list = append(h.list, x.(*run)) }
func (h *runs) Pop() any {
	r := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return r
}

// drop removes the next row of the first run.
func (h *runs) drop() {
	r := h.list[0]
	if h.desc {
		r.rows = r.rows[:len(r.rows)-1]
	} else {
		r.rows = r.rows[1:]
	}
	if len(r.rows) == 0 {
		heap.Pop(h)
	} else {
		heap.Fix(h, 0)
	}
}

// walk visits the selected rows by (time, row), descending or ascending, those
// beyond after if it is not nil, until visit returns false. A chunk is opened
// only when it may hold the next row: in a log that grows in order of time,
// the newest rows cost one chunk.
func (v *view) walk(ctx context.Context, p *plan, desc bool, after *place, visit func(row int) bool) error {
	h := &runs{desc: desc}
	if after != nil && desc {
		p.to = min(p.to, after.time+1)
	} else if after != nil {
		p.from = max(p.from, after.time)
	}
	closed := v.candidates(p, desc)
	for {
		for len(closed) > 0 && (len(h.list) == 0 || !h.before(h.next(h.list[0]), v.edge(closed[0], desc))) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if r := v.open(p, closed[0], h, after); len(r.rows) > 0 {
				heap.Push(h, r)
			}
			closed = closed[1:]
		}
		if len(h.list) == 0 || !visit(h.next(h.list[0]).row) {
			return nil
		}
		h.drop()
	}
}

// candidates returns the chunks that may hold selected rows, in the order of
// the first row that each may have.
func (v *view) candidates(p *plan, desc bool) []int {
	var list []int
	for n, c := range v.chunks {
		if !p.none && p.in(c) && (!p.narrow || len(p.within(n)) > 0) {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int {
		if desc {
			a, b = b, a
		}
		return v.edge(a, desc).compare(v.edge(b, desc))
	})
	return list
}

// edge returns a place that no row of chunk n comes before in a walk.
func (v *view) edge(n int, desc bool) place {
	c := v.chunks[n]
	if desc {
		return place{c.max, n<<chunkBits + chunkRows}
	}
	return place{c.min, n << chunkBits}
}

// open returns the run of chunk n, without the rows that after leaves out.
func (v *view) open(p *plan, n int, h *runs, after *place) *run {
	r := &run{chunk: v.chunks[n], first: n << chunkBits, rows: p.ordered(v, n)}
	for after != nil && len(r.rows) > 0 && !h.before(*after, h.next(r)) {
		if h.desc {
			r.rows = r.rows[:len(r.rows)-1]
		} else {
			r.rows = r.rows[1:]
		}
	}
	return r
}
