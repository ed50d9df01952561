package store

import (
	"fmt"
	"slices"

	"github.com/scaivault/audit"
)

// verdict says what becomes of the events of a batch.
type verdict struct {
	fresh      []int // events to append, in order
	duplicates int
	rejected   []audit.Rejection
	fields     []audit.FieldError // of the rejected, named as in the request
	code       audit.Code
}

// looked is what the segments that a log had before its lock was taken say of
// the ids of a batch. To read them may take the time of a disk.
type looked struct {
	segments map[*segment]bool // nil if no event of the batch has an id
	known    map[int]*audit.Event
	err      error
}

// look looks the ids of a batch up in the log's segments. The caller does not
// hold the log's lock.
func (l *tenantLog) look(b *audit.Batch) looked {
	var in looked
	if !slices.ContainsFunc(b.Events, func(e audit.Event) bool { return e.ID != "" }) {
		return in
	}
	l.mu.RLock()
	segments := l.segments
	for _, s := range segments {
		s.hold()
	}
	l.mu.RUnlock()
	in.segments, in.known = make(map[*segment]bool, len(segments)), make(map[int]*audit.Event)
	for i := range b.Events {
		if e := &b.Events[i]; e.ID != "" && in.err == nil {
			var known *audit.Event
			if known, in.err = l.firstIn(segments, e, nil); known != nil {
				in.known[i] = known
			}
		}
	}
	for _, s := range segments {
		in.segments[s] = true
		s.release()
	}
	return in
}

// check compares the ids of a batch with those of the log, staged rows
// included, and with each other. It returns an error if the batch is refused
// whole.
func (l *tenantLog) check(b *audit.Batch, in looked) (verdict, error) {
	v := verdict{fresh: make([]int, 0, len(b.Events))}
	var tails []part // of what is in memory
	for _, t := range l.tails {
		tails = append(tails, t.staging())
	}
	var seen map[audit.EventID]int // ids of this batch, by event
	for i := range b.Events {
		e := &b.Events[i]
		if e.ID == "" {
			v.fresh = append(v.fresh, i)
			continue
		}
		known, err := l.first(i, e, in, tails)
		if err != nil {
			return v, err
		}
		if first, again := seen[e.ID]; known == nil && again {
			known = &b.Events[first]
		}
		expected := audit.DerivedID(l.origin, l.tail().next()+uint64(len(v.fresh)))
		_, _, derived := e.ID.Derived()
		switch {
		case known != nil && same(known, e):
			v.duplicates++
		case known != nil:
			v.reject(b, i, audit.CodeIDConflict, fmt.Sprintf("id %s belongs to an event with other content", e.ID))
		case derived && e.ID != expected:
			v.reject(b, i, audit.CodeValidationError, fmt.Sprintf("an id of this shape is given by the log, "+
				"and the next one is %s; want another id or none", expected))
		default:
			if seen == nil {
				seen = make(map[audit.EventID]int)
			}
			seen[e.ID] = i
			v.fresh = append(v.fresh, i)
		}
	}
	return v, v.err(b)
}

// first returns the first event of the segments and the tails that has the id
// of e, event i of the batch, or nil. Of the segments those are left that came
// since the others were looked into: of tails, or of several others.
func (l *tenantLog) first(i int, e *audit.Event, in looked, tails []part) (*audit.Event, error) {
	if known := in.known[i]; known != nil || in.err != nil {
		return known, in.err
	}
	if known, err := l.firstIn(l.segments, e, in.segments); known != nil || err != nil {
		return known, err
	}
	for _, t := range tails {
		if records, err := withID(t, l.origin, e.ID); err != nil || len(records) > 0 {
			return firstOf(records), err
		}
	}
	return nil, nil
}

// firstIn is first for segments, but for those that are done. It looks into those
// that hold events around e's time: a repeated event has the same one.
func (l *tenantLog) firstIn(segments []*segment, e *audit.Event, done map[*segment]bool) (_ *audit.Event, err error) {
	defer faulted(panicOnFault(), segments, &err)
	origin, _, derived := e.ID.Derived()
	derived = derived && origin == l.origin
	for _, s := range segments {
		least, most := s.times()
		if done[s] || !derived && (e.Timestamp < least-around || e.Timestamp > most+around) {
			continue
		}
		if records, err := withID(s, l.origin, e.ID); err != nil || len(records) > 0 {
			return firstOf(records), err
		}
	}
	return nil, nil
}

// around is how far from an event's time another one with its id is looked for.
const around = audit.Day

func firstOf(records []audit.Record) *audit.Event {
	if len(records) == 0 {
		return nil
	}
	return &records[0].Event
}

// same reports whether two events have equal canonical lines.
func same(a, b *audit.Event) bool {
	x, y := *a, *b
	for _, e := range []*audit.Event{&x, &y} {
		if e.ExtraData == "" {
			e.ExtraData = "{}"
		}
	}
	return x == y
}

func (v *verdict) reject(b *audit.Batch, i int, code audit.Code, message string) {
	if v.code != audit.CodeIDConflict {
		v.code = code
	}
	field := audit.FieldError{Field: "id", Message: message}
	v.rejected = append(v.rejected, audit.Rejection{
		Line: b.Line(i), Code: code, Message: message, Fields: []audit.FieldError{field}})
	if len(b.Events) > 1 {
		field.Field = fmt.Sprintf("events[%d].id", i)
	}
	v.fields = append(v.fields, field)
}

// err returns the error of a batch that is refused whole.
func (v *verdict) err(b *audit.Batch) error {
	if b.Partial || len(v.rejected) == 0 {
		return nil
	}
	return &audit.Error{Code: v.code, Message: v.rejected[0].Message, Fields: v.fields}
}

// receipt returns the answer to a batch whose first event gets the index.
func (v *verdict) receipt(b *audit.Batch, first uint64) audit.Receipt {
	r := audit.Receipt{Accepted: len(v.fresh), Duplicates: v.duplicates}
	r.Rejected = mergeByLine(b.Rejected, v.rejected)
	if r.Accepted > 0 {
		last := first + uint64(r.Accepted) - 1
		r.FirstIndex, r.LastIndex = &first, &last
	}
	return r
}

// mergeByLine merges two lists that ascend by line.
func mergeByLine(a, b []audit.Rejection) []audit.Rejection {
	merged := make([]audit.Rejection, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].Line <= b[0].Line {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	return append(append(merged, a...), b...)
}
