package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

func TestOneProcessOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		fs  vfs.FS
		dir string
	}{
		"memory": {vfs.NewMem(), dir},
		"os":     {vfs.OS{}, t.TempDir() + "/not/there/yet"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(tc.fs, tc.dir, options())
			check(t, err)
			put(t, s, acme, event(1))
			if _, err := store.Open(tc.fs, tc.dir, options()); !errors.Is(err, vfs.ErrLocked) {
				t.Fatalf("second open: error %v, want %v", err, vfs.ErrLocked)
			}
			put(t, s, acme, event(2))
			check(t, s.Close())
			s, err = store.Open(tc.fs, tc.dir, options())
			check(t, err)
			if n := s.Size(acme); n != 2 {
				t.Errorf("size %d, want 2", n)
			}
			check(t, s.Close())
		})
	}
}

func TestClosedStoreRefusesAppends(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	put(t, s, acme, event(1))
	check(t, s.Close())
	_, err := s.Append(t.Context(), acme, batch(event(2)))
	wantCode(t, err, audit.CodeUnavailable)
	if got := walk(t, s, acme, byIndex()); len(got) != 1 {
		t.Errorf("%d records after closing, want 1", len(got))
	}
}

// TestTenantsAreApart has two tenants use the same ids, keys and requests.
func TestTenantsAreApart(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	for _, tenant := range []audit.TenantID{bravo, acme} {
		e := named(1)
		e.IdentityID = audit.IdentityID("user:" + string(tenant))
		r, err := s.Append(t.Context(), tenant, audit.Batch{Events: []audit.Event{e, event(2)}, Key: "k"})
		check(t, err)
		if r.Accepted != 2 || r.Replayed || *r.FirstIndex != 0 {
			t.Errorf("%s: receipt %+v", tenant, r)
		}
	}
	put(t, s, acme, event(3))
	for range 2 {
		for tenant, n := range map[audit.TenantID]int{acme: 3, bravo: 2, ghost: 0} {
			records := walk(t, s, tenant, byIndex())
			if len(records) != n || s.Size(tenant) != uint64(n) {
				t.Fatalf("%s: %d records, size %d, want %d", tenant, len(records), s.Size(tenant), n)
			}
			r, err := s.Event(t.Context(), tenant, "log_p1", nil)
			if tenant == ghost {
				wantCode(t, err, audit.CodeEventNotFound)
			} else if r.IdentityID != audit.IdentityID("user:"+string(tenant)) {
				t.Errorf("%s: event of %s (%v)", tenant, r.IdentityID, err)
			}
			p, err := s.Query(t.Context(), tenant, audit.Query{Filter: audit.Filter{RequestID: "req-000002"}})
			check(t, err)
			if len(p.Records) != min(n, 1) {
				t.Errorf("%s: %d events of the request", tenant, len(p.Records))
			}
		}
		if diff := cmp.Diff([]audit.TenantID{acme, bravo}, s.Tenants()); diff != "" {
			t.Errorf("tenants (-want +got):\n%s", diff)
		}
		check(t, s.Close())
		s = open(t, m, options())
	}
}

// TestClock sets the clock back, far ahead, and beyond what can be written:
// received_at never goes back, and every event can be read after a restart.
func TestClock(t *testing.T) {
	c := newClock()
	m := vfs.NewMem()
	s := open(t, m, optionsAt(c))
	now := event(0)
	now.Timestamp = audit.NoTime
	var want []audit.Time
	for _, tc := range []struct {
		at, received audit.Time
	}{
		{begin, begin},
		{begin - audit.Hour, begin},
		{begin + 1, begin + 1},
		{begin - 3650*audit.Day, begin + 1},
		{-5, begin + 1},
		{begin + 3650*audit.Day, begin + 3650*audit.Day},
		{begin, begin + 3650*audit.Day},
		{audit.MaxTime, audit.MaxTime},
		{audit.MaxTime + 1, audit.MaxTime},
	} {
		c.advance(tc.at - c.at())
		put(t, s, acme, now)
		want = append(want, tc.received)
	}
	for range 2 {
		var received, happened []audit.Time
		for _, r := range walk(t, s, acme, byIndex()) {
			received, happened = append(received, r.ReceivedAt), append(happened, r.Timestamp)
		}
		if diff := cmp.Diff([][]audit.Time{want, want}, [][]audit.Time{received, happened}); diff != "" {
			t.Fatalf("times (-want +got):\n%s", diff)
		}
		check(t, s.Close())
		s = open(t, m, optionsAt(c))
	}
	// The time of a receipt is remembered across the restart, too.
	c.advance(begin - c.at())
	put(t, s, acme, now)
	if r := walk(t, s, acme, byIndex()); r[len(r)-1].ReceivedAt != audit.MaxTime {
		t.Errorf("received_at goes back to %v", r[len(r)-1].ReceivedAt)
	}
}

// TestOtherOrigin opens a log whose ids another node has derived: they stay.
func TestOtherOrigin(t *testing.T) {
	m := vfs.NewMem()
	opts := options()
	opts.Origin = 7
	s := open(t, m, opts)
	put(t, s, acme, event(1), named(2))
	want := walk(t, s, acme, byIndex())
	check(t, s.Close())
	s = open(t, m, options())
	if diff := cmp.Diff(want, walk(t, s, acme, byIndex())); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	r, err := s.Event(t.Context(), acme, audit.DerivedID(7, 0), nil)
	check(t, err)
	if diff := cmp.Diff(want[0], r); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	_, err = s.Event(t.Context(), acme, audit.DerivedID(0, 0), nil)
	wantCode(t, err, audit.CodeEventNotFound)
	again := put(t, s, acme, want[0].Event)
	if again.Duplicates != 1 || again.Accepted != 0 {
		t.Errorf("receipt of an event that is there: %+v", again)
	}
}

func TestLargestBatch(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	events := slices.Repeat([]audit.Event{event(1)}, audit.MaxBatch+1)
	_, err := s.Append(t.Context(), acme, batch(events...))
	wantCode(t, err, audit.CodePayloadTooLarge)
	put(t, s, acme, events[:audit.MaxBatch]...)
	check(t, s.Close())
	if n := open(t, m, options()).Size(acme); n != audit.MaxBatch {
		t.Errorf("size %d after a restart, want %d", n, audit.MaxBatch)
	}
}

// TestLongestEvents stores the largest values that fields may have.
func TestLongestEvents(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	text := func(n int) string { return string(slices.Repeat([]byte("é\"")[:2], n/2)) }
	e := event(1)
	e.ID = audit.EventID("log_" + string(slices.Repeat([]byte("x"), 60)))
	e.IdentityID = audit.IdentityID(slices.Repeat([]rune("é"), audit.MaxIdentityID))
	e.SecretPath = audit.Path(text(audit.MaxPath))
	e.UserAgent = text(audit.MaxUserAgent)
	e.RequestID = string(slices.Repeat([]rune("\x00"), audit.MaxRequestID))
	e.DurationMS = audit.MaxDuration
	e.Timestamp = audit.MaxTime
	e.ExtraData = fmt.Sprintf(`{"k":"%s"}`, slices.Repeat([]byte("x"), audit.MaxExtraData-8))
	if bad := e.Validate(); bad != nil {
		t.Fatal(bad)
	}
	put(t, s, acme, e)
	want := walk(t, s, acme, byIndex())
	check(t, s.Close())
	if diff := cmp.Diff(want, walk(t, open(t, m, options()), acme, byIndex())); diff != "" || want[0].Event != e {
		t.Errorf("records after a restart (-want +got):\n%s", diff)
	}
}

func TestHealth(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	put(t, s, acme, event(1), event(2))
	put(t, s, bravo, event(1))
	m.SetFree(5<<30, 1<<40)
	got, err := s.Health(t.Context(), "")
	check(t, err)
	size := int64(len(readFile(t, m, walFiles(t, m)[0])))
	want := map[string]any{"tenants": 2, "events": uint64(3), "wal_bytes": size,
		"segments": 0, "segment_bytes": int64(0), "unsealed_events": uint64(3),
		"free_bytes": uint64(5 << 30), "damaged_indexes": []audit.IndexRange{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	check(t, s.Seal(t.Context()))
	got, err = s.Health(t.Context(), acme)
	check(t, err)
	size = int64(len(readFile(t, m, string(acme)+"/"+segmentFiles(t, m)[0])))
	want = map[string]any{"events": uint64(2), "segments": 1, "segment_bytes": size, "unsealed_events": uint64(0),
		"free_bytes": uint64(5 << 30), "damaged_indexes": []audit.IndexRange{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("health of a sealed log (-want +got):\n%s", diff)
	}
}
