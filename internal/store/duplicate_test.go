package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// other returns event n with its id and other content.
func other(n int) audit.Event {
	e := named(n)
	e.DurationMS++
	return e
}

// derived returns an event that brings the id of an index.
func derived(index uint64) audit.Event {
	e := event(int(index) + 50)
	e.ID = audit.DerivedID(0, index)
	return e
}

func index(n uint64) *uint64 { return &n }

// TestAppendAnswers appends one batch to a log that holds named(1), event(2)
// and the event that was migrated as index 2.
func TestAppendAnswers(t *testing.T) {
	empty := named(9)
	empty.ExtraData = ""
	braces := named(9)
	braces.ExtraData = "{}"
	unsure := []audit.Rejection{
		{Line: 1, Code: audit.CodeInvalidRequest}, {Line: 3, Code: audit.CodeValidationError}}
	for _, tc := range []struct {
		name  string
		batch audit.Batch
		want  audit.Receipt
		code  audit.Code
		bad   []string // fields of the error
	}{
		{"nothing", batch(), audit.Receipt{}, "", nil},
		{"new", batch(event(3), named(4)),
			audit.Receipt{Accepted: 2, FirstIndex: index(3), LastIndex: index(4)}, "", nil},
		{"duplicate", batch(named(1)), audit.Receipt{Duplicates: 1}, "", nil},
		{"duplicates among new", batch(named(1), named(4), named(1), named(5)),
			audit.Receipt{Accepted: 2, Duplicates: 2, FirstIndex: index(3), LastIndex: index(4)}, "", nil},
		{"duplicate in the batch", batch(named(4), named(4)),
			audit.Receipt{Accepted: 1, Duplicates: 1, FirstIndex: index(3), LastIndex: index(3)}, "", nil},
		{"no extra data is {}", batch(empty, braces),
			audit.Receipt{Accepted: 1, Duplicates: 1, FirstIndex: index(3), LastIndex: index(3)}, "", nil},
		{"without ids nothing is a duplicate", batch(event(2), event(2)),
			audit.Receipt{Accepted: 2, FirstIndex: index(3), LastIndex: index(4)}, "", nil},
		{"conflict", batch(other(1)), audit.Receipt{}, audit.CodeIDConflict, []string{"id"}},
		{"conflict among new", batch(event(3), other(1), named(4)),
			audit.Receipt{}, audit.CodeIDConflict, []string{"events[1].id"}},
		{"conflict in the batch", batch(named(4), other(4), other(1)),
			audit.Receipt{}, audit.CodeIDConflict, []string{"events[1].id", "events[2].id"}},
		{"the next id", batch(derived(3), derived(4)),
			audit.Receipt{Accepted: 2, FirstIndex: index(3), LastIndex: index(4)}, "", nil},
		{"the next id behind a duplicate", batch(named(1), derived(3)),
			audit.Receipt{Accepted: 1, Duplicates: 1, FirstIndex: index(3), LastIndex: index(3)}, "", nil},
		{"an id too far", batch(event(3), derived(5)),
			audit.Receipt{}, audit.CodeValidationError, []string{"events[1].id"}},
		{"an id that was given", batch(derived(1)), audit.Receipt{}, audit.CodeIDConflict, []string{"id"}},
		{"an id that the producer chose otherwise", batch(derived(0)),
			audit.Receipt{}, audit.CodeValidationError, []string{"id"}},
		{"a migrated event again", batch(derived(2)), audit.Receipt{Duplicates: 1}, "", nil},
		{"an id of another origin", batch(audit.Event{ID: audit.DerivedID(1, 3)}),
			audit.Receipt{}, audit.CodeValidationError, []string{"id"}},
		{"conflict before a wrong id", batch(derived(9), other(1)),
			audit.Receipt{}, audit.CodeIDConflict, []string{"events[0].id", "events[1].id"}},
		{"partial", audit.Batch{Partial: true,
			Events: []audit.Event{other(1), named(4), derived(9), named(1), derived(4)}},
			audit.Receipt{Accepted: 2, Duplicates: 1, FirstIndex: index(3), LastIndex: index(4),
				Rejected: []audit.Rejection{
					{Line: 1, Code: audit.CodeIDConflict}, {Line: 3, Code: audit.CodeValidationError}}}, "", nil},
		{"partial, nothing good", audit.Batch{Partial: true, Events: []audit.Event{other(1)}},
			audit.Receipt{Rejected: []audit.Rejection{{Line: 1, Code: audit.CodeIDConflict}}}, "", nil},
		{"partial, some unreadable", audit.Batch{Partial: true, Events: []audit.Event{other(1), named(4), other(1)},
			Lines: []int{2, 4, 5}, Rejected: unsure},
			audit.Receipt{Accepted: 1, FirstIndex: index(3), LastIndex: index(3),
				Rejected: []audit.Rejection{unsure[0], {Line: 2, Code: audit.CodeIDConflict},
					unsure[1], {Line: 5, Code: audit.CodeIDConflict}}}, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, vfs.NewMem(), options())
			put(t, s, acme, named(1), event(2))
			put(t, s, acme, derived(2))
			put(t, s, bravo, other(1), other(4)) // ids are a tenant's own
			before := walk(t, s, acme, byIndex())
			got, err := s.Append(t.Context(), acme, tc.batch)
			wantCode(t, err, tc.code)
			opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(audit.Rejection{}, "Message", "Fields")}
			if diff := cmp.Diff(tc.want, got, opts); diff != "" {
				t.Errorf("receipt (-want +got):\n%s", diff)
			}
			var e *audit.Error
			if errors.As(err, &e) {
				var fields []string
				for _, f := range e.Fields {
					fields = append(fields, f.Field)
				}
				if diff := cmp.Diff(tc.bad, fields); diff != "" {
					t.Errorf("fields (-want +got):\n%s", diff)
				}
			}
			after := walk(t, s, acme, byIndex())
			if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
				t.Errorf("what was there before has changed (-want +got):\n%s", diff)
			}
			if len(after)-len(before) != tc.want.Accepted {
				t.Errorf("%d events more, want %d", len(after)-len(before), tc.want.Accepted)
			}
		})
	}
}

// TestReceiptLists checks what JSON shows of an answer: a list, never null.
func TestReceiptLists(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	if r := put(t, s, acme, event(1)); r.Rejected == nil {
		t.Error("rejected is null")
	}
	r, err := s.Append(t.Context(), acme, audit.Batch{Partial: true, Events: []audit.Event{derived(9)}})
	check(t, err)
	if len(r.Rejected) != 1 || len(r.Rejected[0].Fields) != 1 || r.Rejected[0].Fields[0].Field != "id" {
		t.Errorf("rejected: %+v", r.Rejected)
	}
}

// TestFirstWriteStays sends other content under a known id, before and after a
// restart: what was there first is answered.
func TestFirstWriteStays(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	put(t, s, acme, named(1))
	for range 2 {
		_, err := s.Append(t.Context(), acme, batch(other(1)))
		wantCode(t, err, audit.CodeIDConflict)
		r, err := s.Event(t.Context(), acme, "log_p1", nil)
		check(t, err)
		if r.Event != named(1) {
			t.Errorf("event is %+v", r.Event)
		}
		check(t, s.Close())
		s = open(t, m, options())
	}
}
