package store_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// TestEveryFailure lets the first, second, third … operation of each kind fail,
// once or from then on, until none is left to fail.
func TestEveryFailure(t *testing.T) {
	t.Parallel()
	kinds := []vfs.Kind{vfs.OpCreate, vfs.OpAppend, vfs.OpOpen, vfs.OpRead, vfs.OpWrite, vfs.OpSync,
		vfs.OpRename, vfs.OpRemove, vfs.OpMkdir, vfs.OpList, vfs.OpStat, vfs.OpSyncDir}
	failures := 0
	for _, sticky := range []bool{false, true} {
		for _, kind := range kinds {
			for n := 0; ; n++ {
				if !failOne(t, kind, n, sticky) {
					break
				}
				failures++
			}
		}
	}
	t.Logf("%d failures", failures)
	if failures < 100 {
		t.Error("the scenario has too few operations: it proves little")
	}
}

// failOne runs two lives of a store of which the n-th operation of the kind
// fails, and reports whether there was one.
func failOne(t *testing.T, kind vfs.Kind, n int, sticky bool) bool {
	m := vfs.NewMem()
	f := vfs.Fail(m, n, []error{syscall.EIO, syscall.ENOSPC}[n%2])
	f.Kinds, f.Sticky = []vfs.Kind{kind}, sticky
	l := newLedger()
	rnd := rand.New(rand.NewPCG(uint64(n), 1))
	fail := func(what string, args ...any) {
		t.Helper()
		t.Errorf("failure of %s %d, sticky %v: "+what, append([]any{kind, n, sticky}, args...)...)
	}
	for range 2 {
		s, err := store.Open(f, dir, small(newClock()))
		if err != nil {
			if !f.Fired() {
				fail("open: %v", err)
			}
			continue
		}
		if figures, _ := s.Health(t.Context(), ""); figures["unreadable_files"] == nil {
			l.appendAndRead(t, s, f, rnd, fail)
		} // else see TestUnreadableWAL
		if err := s.Close(); err != nil && !f.Fired() {
			fail("close: %v", err)
		}
	}
	for _, disk := range []*vfs.Mem{m.CrashClone(0, int64(n)), m.CrashClone(0.5, int64(n)), m} {
		var p powerCuts
		s, bad := p.open(t.Context(), l, cut{fs: disk, acked: l.acks()}, intact)
		if s != nil {
			acked, again := l.retry(t.Context(), s, l.acks())
			bad = append(append(bad, again...), l.verify(t.Context(), s, acked)...)
			bad = append(bad, errorText(s.Close())...)
		}
		for _, v := range bad {
			fail("after it: %s", v)
		}
	}
	return f.Fired()
}

// appendAndRead appends until the end of the scenario. Once an append fails, no
// later one may succeed, and what was acknowledged can still be read.
func (l *ledger) appendAndRead(t *testing.T, s *store.Store, f *vfs.Failing, rnd *rand.Rand,
	fail func(string, ...any)) {
	var dead error
	for i := range 12 {
		tenant := someTenants[i%2]
		err := l.append(t.Context(), s, tenant, l.draw(rnd))
		switch {
		case err == nil && dead != nil:
			fail("append %d succeeds after %v", i, dead)
		case err != nil && !f.Fired():
			fail("append %d: %v", i, err)
		case err != nil && audit.ErrorCode(err) != audit.CodeUnavailable:
			fail("append %d: %v has code %s", i, err, audit.ErrorCode(err))
		case err != nil && dead == nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC):
			fail("append %d: the cause is lost: %v", i, err)
		}
		dead = err
		for _, v := range l.verify(t.Context(), s, l.acks()) {
			fail("append %d: %s", i, v)
		}
	}
	_, err := s.Health(t.Context(), "")
	if err != nil && dead == nil {
		// The log writes on its own, too: keys that are carried. What ended it
		// then refuses the next append.
		dead = l.append(t.Context(), s, someTenants[0], l.draw(rnd))
	}
	if (err == nil) != (dead == nil) {
		fail("health says %v after %v", err, dead)
	}
}

func errorText(err error) []string {
	if err == nil {
		return nil
	}
	return []string{err.Error()}
}
