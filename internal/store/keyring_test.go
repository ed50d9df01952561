package store_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// keyed returns a batch with a key; body stands for the digest of its body.
func keyed(key string, body byte, events ...audit.Event) audit.Batch {
	return audit.Batch{Events: events, Key: key, Digest: [32]byte{body}}
}

// TestKeyLifetime repeats a batch at the end of its 24 hours and after it, in
// the same process, after a restart and after a power cut.
func TestKeyLifetime(t *testing.T) {
	reopen := map[string]func(*testing.T, *vfs.Mem, *store.Store) *vfs.Mem{
		"same process": nil,
		"restart":      func(t *testing.T, m *vfs.Mem, s *store.Store) *vfs.Mem { check(t, s.Close()); return m },
		"power cut":    func(_ *testing.T, m *vfs.Mem, _ *store.Store) *vfs.Mem { return m.CrashClone(0, 1) },
	}
	for name, again := range reopen {
		t.Run(name, func(t *testing.T) {
			c, m := newClock(), vfs.NewMem()
			s := open(t, m, optionsAt(c))
			b := keyed("k", 1, event(1), event(2))
			first, err := s.Append(t.Context(), acme, b)
			check(t, err)
			for _, tc := range []struct {
				after    audit.Time
				replayed bool
			}{
				{24*audit.Hour - 1, true},
				{24 * audit.Hour, false},
				{48*audit.Hour - 1, true}, // of the second time
				{48 * audit.Hour, false},
			} {
				c.advance(begin + tc.after - c.at())
				if again != nil {
					m = again(t, m, s)
					s = open(t, m, optionsAt(c))
				}
				got, err := s.Append(t.Context(), acme, b)
				check(t, err)
				if got.Replayed != tc.replayed {
					t.Fatalf("after %v: replayed %v, want %v", tc.after, got.Replayed, tc.replayed)
				}
				want := first
				want.Replayed = tc.replayed
				if !tc.replayed {
					want.FirstIndex, want.LastIndex = index(s.Size(acme)-2), index(s.Size(acme)-1)
					first = want
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("after %v: receipt (-want +got):\n%s", tc.after, diff)
				}
			}
			if n := s.Size(acme); n != 6 {
				t.Errorf("size %d, want 6", n)
			}
		})
	}
}

func TestKeyWithOtherBody(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	_, err := s.Append(t.Context(), acme, keyed("k", 1, event(1)))
	check(t, err)
	_, err = s.Append(t.Context(), acme, keyed("k", 2, event(1)))
	wantCode(t, err, audit.CodeIDConflict)
	r, err := s.Append(t.Context(), bravo, keyed("k", 2, event(1))) // a key is its tenant's
	check(t, err)
	if r.Replayed || r.Accepted != 1 {
		t.Errorf("the other tenant's receipt: %+v", r)
	}
	if n := s.Size(acme); n != 1 {
		t.Errorf("size %d, want 1", n)
	}
}

// TestKeyOfRefusedBatch checks that only what was answered with a receipt is
// answered with it again.
func TestKeyOfRefusedBatch(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	put(t, s, acme, named(1))
	_, err := s.Append(t.Context(), acme, keyed("k", 1, other(1)))
	wantCode(t, err, audit.CodeIDConflict)
	r, err := s.Append(t.Context(), acme, keyed("k", 2, event(2)))
	check(t, err)
	if r.Replayed || r.Accepted != 1 {
		t.Errorf("receipt %+v", r)
	}
}

// TestKeyWithoutEvents repeats batches of which nothing was stored.
func TestKeyWithoutEvents(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	put(t, s, acme, named(1))
	b := keyed("k", 1, named(1), other(1))
	b.Partial = true
	first, err := s.Append(t.Context(), acme, b)
	check(t, err)
	if first.Accepted != 0 || first.Duplicates != 1 || len(first.Rejected) != 1 {
		t.Fatalf("receipt %+v", first)
	}
	put(t, s, acme, event(2))
	check(t, s.Close())
	s = open(t, m, options())
	first.Replayed = true
	got, err := s.Append(t.Context(), acme, b)
	check(t, err)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
}

// TestKeyAtTheSameTime sends one batch from many writers: it is stored once.
func TestKeyAtTheSameTime(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	const writers = 16
	receipts := make([]audit.Receipt, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			var err error
			if receipts[i], err = s.Append(t.Context(), acme, keyed("k", 1, event(1), event(2))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	replayed := 0
	for _, r := range receipts {
		if r.Replayed {
			replayed++
		}
		if *r.FirstIndex != 0 || *r.LastIndex != 1 {
			t.Errorf("receipt %+v", r)
		}
	}
	if replayed != writers-1 || s.Size(acme) != 2 {
		t.Errorf("%d answers were replayed, size %d", replayed, s.Size(acme))
	}
}

// TestKeysAreCarried seals a log whose batches had keys: the files of the
// write-ahead log go, and the keys hold until their lifetime is over, also after
// a power cut and when they are carried again.
func TestKeysAreCarried(t *testing.T) {
	c, m := newClock(), vfs.NewMem()
	opts := optionsAt(c)
	opts.WALFileSize = 4000
	opts.SealEvents = 64
	s := open(t, m, opts)
	batch := func(n int) audit.Batch {
		var events []audit.Event
		for i := range 40 {
			events = append(events, event(40*n+i))
		}
		return keyed(string(rune('a'+n)), byte(n), events...)
	}
	receipts := make([]audit.Receipt, 6)
	for n := range receipts {
		var err error
		receipts[n], err = s.Append(t.Context(), acme, batch(n))
		check(t, err)
		c.advance(audit.Hour)
		if n%2 == 1 {
			check(t, s.Seal(t.Context()))
			check(t, s.Seal(t.Context()))
		}
	}
	size := 0
	for _, name := range walFiles(t, m) {
		size += len(readFile(t, m, name))
	}
	if size > 4000 {
		t.Errorf("the write-ahead log has %d bytes; the keys take some 1,500", size)
	}
	m = m.CrashClone(0, 1)
	s = open(t, m, opts)
	for n, want := range receipts {
		got, err := s.Append(t.Context(), acme, batch(n))
		check(t, err)
		want.Replayed = true
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("batch %d again (-want +got):\n%s", n, diff)
		}
	}
	c.advance(begin + 24*audit.Hour - c.at()) // of the first key
	for n := range 2 {
		got, err := s.Append(t.Context(), acme, batch(n))
		check(t, err)
		if got.Replayed != (n == 1) {
			t.Errorf("batch %d after a day: replayed %v", n, got.Replayed)
		}
	}
}
