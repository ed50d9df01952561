package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// questions are all ways to ask a tenant's log for more than one event.
func questions(s *store.Store, tenant audit.TenantID) map[string]func(context.Context) error {
	from, to := audit.Time(0), audit.MaxTime
	q := audit.Query{Filter: audit.Filter{SecretPath: "prod/app-1/key", IdentityID: "sa:worker-1"}}
	ask := map[string]func(context.Context) error{
		"secret":   func(ctx context.Context) error { _, err := s.Secret(ctx, tenant, q); return err },
		"identity": func(ctx context.Context) error { _, err := s.Identity(ctx, tenant, q); return err },
		"accesses": func(ctx context.Context) error {
			_, err := s.Accesses(ctx, tenant, audit.AccessQuery{})
			return err
		},
		"summary": func(ctx context.Context) error {
			_, err := s.Summary(ctx, tenant, audit.SummaryQuery{Filter: audit.Filter{From: &from, To: &to}, Top: 10})
			return err
		},
	}
	for _, order := range []audit.Order{audit.OrderDesc, audit.OrderAsc, audit.OrderIndex} {
		ask["query "+string(order)] = func(ctx context.Context) error {
			_, err := s.Query(ctx, tenant, audit.Query{Order: order})
			return err
		}
	}
	return ask
}

func values(ctx context.Context, s *store.Store, tenant audit.TenantID) (audit.Values, error) {
	from, to := audit.Time(0), audit.MaxTime
	return s.Values(ctx, tenant, audit.ValuesQuery{Field: audit.FieldSecretPath, From: &from, To: &to, Limit: 10})
}

// TestDeadline asks with a context that is over: the error is the context's.
func TestDeadline(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	for i := range 30 {
		put(t, s, acme, event(i))
	}
	over, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ask := range questions(s, acme) {
		check(t, ask(t.Context()))
		if err := ask(over); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v, want %v", name, err, context.DeadlineExceeded)
		}
		if err := ask(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want %v", name, err, context.Canceled)
		}
	}
	v, err := values(over, s, acme)
	check(t, err)
	if !v.Partial {
		t.Error("suggestions that the deadline cut are not partial")
	}
	if _, err := values(gone, s, acme); !errors.Is(err, context.Canceled) {
		t.Errorf("values: error %v, want %v", err, context.Canceled)
	}
}

// TestDamagedTenant asks everything of a tenant that has lost events, and of
// one that has not.
func TestDamagedTenant(t *testing.T) {
	x := newWreck(t, 1, true)
	// Damage a batch of bravo, which a later one follows.
	m := disk(t, x.edit(x.names[1], func(b []byte) []byte { b[x.frames[4].end-1] ^= 1; return b }))
	s := open(t, m, options())
	lost := []audit.IndexRange{{From: 0, To: 1}}
	for name, ask := range questions(s, bravo) {
		err := ask(t.Context())
		wantCode(t, err, audit.CodeDataDamaged)
		if diff := cmp.Diff(lost, damagedRanges(err)); diff != "" {
			t.Errorf("%s: damage (-want +got):\n%s", name, diff)
		}
	}
	for _, ask := range questions(s, acme) {
		check(t, ask(t.Context()))
	}
	_, err := values(t.Context(), s, bravo)
	wantCode(t, err, audit.CodeDataDamaged)
	_, err = s.Event(t.Context(), bravo, "log_unknown", nil) // perhaps it is what was lost
	wantCode(t, err, audit.CodeDataDamaged)
	_, err = s.Event(t.Context(), bravo, audit.DerivedID(0, 1), nil)
	check(t, err)
	_, err = s.Event(t.Context(), bravo, audit.DerivedID(0, 9), nil) // beyond what was ever given
	wantCode(t, err, audit.CodeEventNotFound)
	got, err := s.Health(t.Context(), "")
	check(t, err)
	if diff := cmp.Diff(lost, got["damaged_indexes"]); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

// TestPageEndsAtDamage reads in the order of indexes with a page that would
// reach over damage: it ends before it, and the next one is the error.
func TestPageEndsAtDamage(t *testing.T) {
	x := newWreck(t, 1, true)
	m := disk(t, x.edit(x.names[0], func(b []byte) []byte { b[x.frames[1].end-1] ^= 1; return b }))
	s := open(t, m, options())
	p, err := s.Query(t.Context(), acme, byIndex())
	check(t, err)
	if diff := cmp.Diff(proofs(x.records[acme][:1]), proofs(p.Records)); diff != "" || p.Next == nil {
		t.Fatalf("page before the damage, next %v (-want +got):\n%s", p.Next, diff)
	}
	q := byIndex()
	q.After = p.Next
	_, err = s.Query(t.Context(), acme, q)
	if diff := cmp.Diff([]audit.IndexRange{{From: 1, To: 2}}, damagedRanges(err)); diff != "" {
		t.Fatalf("damage (-want +got):\n%s", diff)
	}
	q = byIndex()
	q.FromIndex = 2
	if diff := cmp.Diff(proofs(x.records[acme][2:]), proofs(walk(t, s, acme, q))); diff != "" {
		t.Errorf("behind the damage (-want +got):\n%s", diff)
	}
}

// TestManyEqualTimes walks over events of one instant, more than a chunk of
// them, forwards and backwards.
func TestManyEqualTimes(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	const n = 9000
	events := make([]audit.Event, n)
	for i := range events {
		events[i] = event(i)
		events[i].Timestamp = begin
	}
	put(t, s, acme, events...)
	for _, order := range []audit.Order{audit.OrderDesc, audit.OrderAsc, audit.OrderIndex} {
		got := walk(t, s, acme, audit.Query{Order: order, Limit: 999})
		for i, r := range got {
			want := uint64(i)
			if order == audit.OrderDesc {
				want = n - 1 - want
			}
			if r.Index != want {
				t.Fatalf("%s: index %d at place %d", order, r.Index, i)
			}
		}
		if len(got) != n {
			t.Errorf("%s: %d events, want %d", order, len(got), n)
		}
	}
}

// TestReturnedRecordsStay keeps a page while the log grows: what was answered
// does not change.
func TestReturnedRecordsStay(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	put(t, s, acme, event(1))
	page := walk(t, s, acme, audit.Query{})
	before := proofs(page)
	for i := range 300 {
		put(t, s, acme, event(i))
	}
	if diff := cmp.Diff(before, proofs(page)); diff != "" {
		t.Errorf("page (-before +after):\n%s", diff)
	}
}

// TestScanListsWhatPagesList compares a scan, whole and in parts that go on
// where the one before was left, with a walk over pages, over segments that
// overlap in time.
func TestScanListsWhatPagesList(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	for i := range 60 {
		e := event(i)
		e.Timestamp = begin - audit.Time(i*7%13)*audit.Hour
		put(t, s, acme, e)
	}
	put(t, s, bravo, event(1))
	for name, q := range map[string]audit.Query{
		"all":      {},
		"filtered": {Filter: audit.Filter{Actions: []audit.Action{audit.ActionRead}}},
	} {
		t.Run(name, func(t *testing.T) {
			q.Order, q.Limit = audit.OrderAsc, 7
			want := proofs(walk(t, s, acme, q))
			size := s.Size(acme)
			put(t, s, acme, event(100+len(want))) // not seen by the scans below
			for _, most := range []int{1, 5, 1000} {
				var got []audit.Record
				after := &audit.Cursor{Size: size}
				for more := true; more; {
					more = false
					next := q
					next.After = after
					for r, err := range s.Scan(t.Context(), acme, next) {
						check(t, err)
						got = append(got, *r)
						after = &audit.Cursor{Size: size, Time: r.Timestamp, Index: r.Index}
						if more = len(got)%most == 0; more {
							break
						}
					}
				}
				if diff := cmp.Diff(want, proofs(got)); diff != "" {
					t.Errorf("in parts of %d (-pages +scan):\n%s", most, diff)
				}
			}
		})
	}
}
