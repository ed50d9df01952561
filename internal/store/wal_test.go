package store_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// TestStalledDisk lets the disk hang: an append waits five seconds and no
// longer, or as long as its caller does; reads go on and show nothing that is
// not durable. When the disk goes on, what was sent is there, once.
func TestStalledDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &stalling{FS: vfs.NewMem()}
		s := open(t, d, options())
		put(t, s, acme, event(0))
		d.stall()
		var wg sync.WaitGroup
		appendAfter := func(tenant audit.TenantID, n int, patience, want time.Duration) {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				start := time.Now()
				_, err := s.Append(ctx, tenant, batch(named(n)))
				if code := audit.ErrorCode(err); code != audit.CodeUnavailable {
					t.Errorf("append %d: %v has code %q", n, err, code)
				}
				if took := time.Since(start); took != want {
					t.Errorf("append %d took %v, want %v", n, took, want)
				}
			})
		}
		appendAfter(acme, 1, time.Hour, 5*time.Second)
		appendAfter(bravo, 2, time.Hour, 5*time.Second)
		appendAfter(acme, 3, time.Second, time.Second)
		synctest.Wait()
		if n := len(walk(t, s, acme, audit.Query{})); n != 1 || s.Size(acme) != 1 || s.Size(bravo) != 0 {
			t.Errorf("%d events are visible, sizes %d and %d", n, s.Size(acme), s.Size(bravo))
		}
		// A duplicate of an event that is not durable yet waits with it.
		appendAfter(acme, 1, time.Hour, 5*time.Second)
		wg.Wait()
		_, err := s.Event(t.Context(), acme, "log_p1", nil)
		wantCode(t, err, audit.CodeEventNotFound)
		d.goOn()
		synctest.Wait()
		for tenant, ids := range map[audit.TenantID][]int{acme: {1, 3}, bravo: {2}} {
			for _, n := range ids {
				if r := put(t, s, tenant, named(n)); r.Duplicates != 1 {
					t.Errorf("%s: repeated append %d: %+v", tenant, n, r)
				}
			}
		}
		if a, b := s.Size(acme), s.Size(bravo); a != 3 || b != 1 {
			t.Errorf("sizes %d and %d, want 3 and 1", a, b)
		}
	})
}

// TestRepeatWaits repeats, on a stalled disk, a batch with a key: its answer
// waits for the first one's sync, and is the first one's error if that fails.
func TestRepeatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &stalling{FS: vfs.NewMem()}
		s := open(t, d, options())
		d.stall()
		for range 2 {
			_, err := s.Append(t.Context(), acme, keyed("k", 1, event(1)))
			wantCode(t, err, audit.CodeUnavailable)
		}
		d.goOn()
		r, err := s.Append(t.Context(), acme, keyed("k", 1, event(1)))
		check(t, err)
		if !r.Replayed || s.Size(acme) != 1 {
			t.Errorf("receipt %+v, size %d", r, s.Size(acme))
		}
	})
	m := vfs.NewMem()
	f := vfs.Fail(m, 2, syscall.EIO) // the first syncs are those of the file's header and of the mark
	f.Kinds = []vfs.Kind{vfs.OpSync}
	s := open(t, f, options())
	for range 2 {
		_, err := s.Append(t.Context(), acme, keyed("k", 1, event(1)))
		wantCode(t, err, audit.CodeUnavailable)
		_, err = s.Append(t.Context(), bravo, batch(named(1)))
		wantCode(t, err, audit.CodeUnavailable)
	}
	if a, b := s.Size(acme), s.Size(bravo); a != 0 || b != 0 {
		t.Errorf("sizes %d and %d, want 0", a, b)
	}
}

// TestQueueIsBounded fills what waits for a stalled disk up to its limit, and
// one past it.
func TestQueueIsBounded(t *testing.T) {
	frame := frameSize(t, event(1))
	for _, tc := range []struct {
		queue, taken int
	}{
		{frame, 2},     // the first batch reaches the limit, the second goes beyond it
		{frame - 1, 1}, // the first goes beyond it
		{1, 1},
	} {
		t.Run(fmt.Sprintf("%+d", tc.queue-frame), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := options()
				opts.QueueSize = tc.queue
				opts.CommitTimeout = time.Hour
				d := &stalling{FS: vfs.NewMem()}
				s := open(t, d, opts)
				d.stall()
				var wg sync.WaitGroup
				for range 1 + tc.taken { // one is with the disk, the others wait
					wg.Go(func() { put(t, s, acme, event(1)) })
					synctest.Wait()
				}
				for _, tenant := range someTenants {
					_, err := s.Append(t.Context(), tenant, batch(event(1)))
					wantCode(t, err, audit.CodeUnavailable)
				}
				d.goOn()
				wg.Wait()
				put(t, s, bravo, event(1))
				if n := s.Size(acme); n != uint64(1+tc.taken) {
					t.Errorf("size %d, want %d", n, 1+tc.taken)
				}
			})
		})
	}
}

// frameSize returns the bytes that a batch of the event takes in the log.
func frameSize(t *testing.T, e audit.Event) int {
	t.Helper()
	m := vfs.NewMem()
	s := open(t, m, options())
	before := len(readFile(t, m, walFiles(t, m)[0]))
	put(t, s, acme, e)
	return len(readFile(t, m, walFiles(t, m)[0])) - before
}

// TestGroupCommit has many writers wait while the disk stalls with the first of
// them: one sync serves that, and one more all others.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &stalling{FS: vfs.NewMem()}
		o := options()
		o.SealEvents = 1 << 10 // a seal syncs too
		s := open(t, d, o)
		d.stall()
		before := d.syncs.Load()
		var wg sync.WaitGroup
		wg.Go(func() { put(t, s, acme, event(0)) })
		synctest.Wait()
		for i := range 19 {
			wg.Go(func() { put(t, s, someTenants[(1+i)%2], event(1+i)) })
		}
		synctest.Wait()
		d.goOn()
		wg.Wait()
		if n := d.syncs.Load() - before; n != 2 {
			t.Errorf("%d syncs, want 2", n)
		}
		if a, b := s.Size(acme), s.Size(bravo); a != 10 || b != 10 {
			t.Errorf("sizes %d and %d, want 10 and 10", a, b)
		}
	})
}

// TestCloseWaits closes the store while the disk is stalled: what was sent
// before is durable when Close returns.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		d := &stalling{FS: m}
		s, err := store.Open(d, dir, options())
		check(t, err)
		d.stall()
		var wg sync.WaitGroup
		wg.Go(func() { put(t, s, acme, event(1)) })
		synctest.Wait()
		wg.Go(func() { put(t, s, acme, event(2)) })
		synctest.Wait()
		wg.Go(func() { check(t, s.Close()) })
		synctest.Wait()
		_, err = s.Append(t.Context(), acme, batch(event(3)))
		wantCode(t, err, audit.CodeUnavailable)
		d.goOn()
		wg.Wait()
		if n := open(t, m.CrashClone(0, 1), options()).Size(acme); n != 2 {
			t.Errorf("size %d after a power cut, want 2", n)
		}
	})
}

// TestFileSize checks that a file is followed by the next one when it has
// reached its size, and not before.
func TestFileSize(t *testing.T) {
	const header = 36
	frame := frameSize(t, event(1))
	for _, tc := range []struct {
		size  int
		files int
	}{
		{header + 2*frame + 1, 1},
		{header + 2*frame, 2},
		{1, 4}, // an empty first one, and one for each batch
	} {
		m := vfs.NewMem()
		opts := options()
		opts.WALFileSize = int64(tc.size)
		s := open(t, m, opts)
		for range 3 {
			put(t, s, acme, event(1))
		}
		if n := len(walFiles(t, m)); n != tc.files {
			t.Errorf("size %d: %d files, want %d", tc.size, n, tc.files)
		}
		check(t, s.Close())
		if n := open(t, m, opts).Size(acme); n != 3 {
			t.Errorf("size %d: %d events after a restart, want 3", tc.size, n)
		}
	}
}
