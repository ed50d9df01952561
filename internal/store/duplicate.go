package store

import (
	"fmt"

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

// check compares the ids of a batch with those of the log, staged rows
// included, and with each other.
func (l *tenantLog) check(b *audit.Batch) verdict {
	v := verdict{fresh: make([]int, 0, len(b.Events))}
	var seen map[audit.EventID]int // ids of this batch, by event
	for i := range b.Events {
		e := &b.Events[i]
		if e.ID == "" {
			v.fresh = append(v.fresh, i)
			continue
		}
		known, ok := l.known(e.ID)
		if first, again := seen[e.ID]; !ok && again {
			known, ok = b.Events[first], true
		}
		index := l.next + uint64(len(v.fresh))
		_, _, derived := e.ID.Derived()
		switch {
		case ok && same(&known, e):
			v.duplicates++
		case ok:
			v.reject(b, i, audit.CodeIDConflict, fmt.Sprintf("id %s belongs to an event with other content", e.ID))
		case derived && e.ID != audit.DerivedID(l.origin, index):
			v.reject(b, i, audit.CodeValidationError, fmt.Sprintf(
				"an id of this shape is given by the log, and the next one is %s; want another id or none",
				audit.DerivedID(l.origin, index)))
		default:
			if seen == nil {
				seen = make(map[audit.EventID]int)
			}
			seen[e.ID] = i
			v.fresh = append(v.fresh, i)
		}
	}
	return v
}

// known returns the first event of the log that has the id.
func (l *tenantLog) known(id audit.EventID) (audit.Event, bool) {
	rows := l.rowsOf(id)
	if len(rows) == 0 {
		return audit.Event{}, false
	}
	return l.view().event(rows[0]), true
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
