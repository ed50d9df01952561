package store

import (
	"math"
	"runtime/debug"
	"sync/atomic"

	"github.com/scaivault/audit"
)

// view is what a reader sees of a tenant's log: its durable rows at one
// moment, in parts that ascend by index, each with the plan that finds what
// the reader asked for. It needs no lock, and keeps its segments until end.
type view struct {
	parts   []*plan
	size    uint64 // first index beyond the view
	damaged []audit.IndexRange
	faults  bool          // what panicOnFault has answered
	callers *atomic.Int64 // counts the view while somebody waits for it; nil if nobody does
}

// everything is the size of a view that is not bounded.
const everything = math.MaxUint64

// read is view for an answer that somebody waits for.
func (l *tenantLog) read(f *audit.Filter, size uint64) *view {
	l.callers.Add(1)
	v := l.view(f, size)
	v.callers = l.callers
	return v
}

// view returns a view of the durable rows whose index is below size, and how
// to find those that the filter selects. Parts without any are left out. The
// same goroutine defers [view.end].
func (l *tenantLog) view(f *audit.Filter, size uint64) *view {
	l.mu.RLock()
	defer l.mu.RUnlock()
	v := &view{size: min(size, l.end()), damaged: l.damaged, faults: panicOnFault()}
	plans := make([]plan, 0, len(l.segments)+len(l.tails)) // never moved
	add := func(p plan) bool {
		if !p.none {
			p.number = len(v.parts)
			plans = append(plans, p)
			v.parts = append(v.parts, &plans[len(plans)-1])
		}
		return !p.none
	}
	for i, s := range l.segments {
		if s.indexes().From >= v.size {
			break
		}
		p := makePlan(s, f)
		if p.below, p.place = v.size, i; add(p) {
			s.hold()
		}
	}
	for _, t := range l.tails {
		if n := t.before(v.size); n > 0 {
			add(makePlan(t.view(n, &l.mu), f))
		}
	}
	return v
}

// end ends the view: nothing that its parts returned may be used any more but
// records and values. It is deferred; if one of the segments could not be read,
// that is the error of whoever has deferred it.
func (v *view) end(err *error) {
	value := recover()
	debug.SetPanicOnFault(v.faults)
	if v.callers != nil {
		v.callers.Add(-1)
	}
	for _, p := range v.parts {
		if s, ok := p.part.(*segment); ok {
			s.release()
		}
	}
	if value != nil {
		*err = faultOf(value, v.segments())
	}
}

// segments returns those of the view.
func (v *view) segments() []*segment {
	list := make([]*segment, 0, len(v.parts))
	for _, p := range v.parts {
		list = append(list, p.segments()...)
	}
	return list
}

// segments returns the segment that the plan is of, if it is one.
func (p *plan) segments() []*segment {
	if s, ok := p.part.(*segment); ok {
		return []*segment{s}
	}
	return nil
}

// before returns how many durable rows have an index below size.
func (t *tail) before(size uint64) int {
	if size <= t.first {
		return 0
	}
	return int(min(uint64(t.visible), size-t.first))
}

// intact returns [audit.CodeDataDamaged] if events of the view are lost: an
// answer that may lack some of them is not given.
func (v *view) intact() error { return v.intactIn(0, audit.MaxIndex) }

// intactIn is intact for the indexes from ≤ index < to.
func (v *view) intactIn(from, to uint64) error { return damageIn(v.damaged, from, to) }

func damageIn(damaged []audit.IndexRange, from, to uint64) error {
	var lost []audit.IndexRange
	for _, r := range damaged {
		if r.From < to && from < r.To {
			lost = append(lost, r)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return &audit.Error{Code: audit.CodeDataDamaged, Damaged: lost,
		Message: "a part of the log cannot be read and the answer may depend on it; " +
			"order=index answers outside the damaged indexes"}
}

// damagedAt returns the first damaged index of the view that is not below from.
func (v *view) damagedAt(from uint64) (index uint64, ok bool) {
	for _, r := range v.damaged {
		if from < r.To && r.From < v.size {
			return max(from, r.From), true
		}
	}
	return math.MaxUint64, false
}
