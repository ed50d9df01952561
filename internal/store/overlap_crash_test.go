package store_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// overlapped returns a disk with a log of segments that overlap in time, so many
// that the next one makes one of all, and that next one's events. A merge is of
// 64 events.
func overlapped(t *testing.T) (disk *vfs.Mem, last []audit.Event) {
	disk = vfs.NewMem()
	s := open(t, disk, overlapOptions())
	for round := range 7 {
		var events []audit.Event
		for i := range 8 {
			e := event(8*round + i)
			e.Timestamp = begin - audit.Time(9-i)*audit.Hour + audit.Time(round)*audit.Minute
			events = append(events, e)
		}
		if round == 6 {
			last = events
			break
		}
		put(t, s, acme, events...)
		check(t, s.Seal(t.Context()))
	}
	check(t, s.Close())
	return disk, last
}

func overlapOptions() store.Options {
	opts := options()
	opts.SealEvents = 2
	return opts
}

// mergeOverlapped appends the last events and has the segments merged.
func mergeOverlapped(t *testing.T, fsys vfs.FS, last []audit.Event) (acked bool, err error) {
	s, err := store.Open(fsys, dir, overlapOptions())
	if err != nil {
		return false, err
	}
	_, err = s.Append(t.Context(), acme, batch(last...))
	if acked = err == nil; acked {
		err = s.Seal(t.Context())
	}
	return acked, errors.Join(err, s.Close())
}

// wholeLog returns what a log on a disk has, in both orders, which hold the same.
func wholeLog(t *testing.T, fsys vfs.FS) []audit.Record {
	t.Helper()
	s := open(t, fsys, overlapOptions())
	defer s.Close()
	byTime := walk(t, s, acme, audit.Query{Order: audit.OrderAsc, Limit: 7})
	if !slices.IsSortedFunc(byTime, func(a, b audit.Record) int { return int(a.Timestamp - b.Timestamp) }) {
		t.Error("a walk goes back in time")
	}
	list := walk(t, s, acme, byIndex())
	slices.SortFunc(byTime, func(a, b audit.Record) int { return int(a.Index) - int(b.Index) })
	if diff := cmp.Diff(list, byTime); diff != "" {
		t.Errorf("by index and by time (-index +time):\n%s", diff)
	}
	return list
}

// TestOverlapPowerCuts cuts the power before every operation of a merge of
// segments that overlap.
func TestOverlapPowerCuts(t *testing.T) {
	before, last := overlapped(t)
	m := before.CrashClone(1, 0)
	var cuts []*vfs.Mem
	m.OnOp(func(vfs.Op) {
		for i, keep := range []float64{0, 0.5, 1} {
			cuts = append(cuts, m.CrashClone(keep, int64(len(cuts)+i)))
		}
	})
	_, err := mergeOverlapped(t, m, last)
	check(t, err)
	m.OnOp(nil)
	want := wholeLog(t, m)
	if list, err := sealed(m); err != nil || len(list) != 1 || list[0].To != 56 {
		t.Fatalf("segments %v (%v), want one: nothing was merged", list, err)
	}
	for i, disk := range cuts {
		got := wholeLog(t, disk)
		if len(got) != 48 && len(got) != 56 {
			t.Errorf("power cut %d of %d: %d events", i, len(cuts), len(got))
		}
		for k, r := range got {
			if r.Event != want[k].Event {
				t.Errorf("power cut %d: event %d is another", i, k)
			}
		}
	}
	t.Logf("%d power cuts", len(cuts))
}

// TestOverlapFailures lets each operation of such a merge fail.
func TestOverlapFailures(t *testing.T) {
	before, last := overlapped(t)
	done := before.CrashClone(1, 0)
	_, err := mergeOverlapped(t, done, last)
	check(t, err)
	want := wholeLog(t, done)
	kinds := []vfs.Kind{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpRemove, vfs.OpSyncDir, vfs.OpOpen, vfs.OpRead}
	failures := 0
	for _, kind := range kinds {
		for n := 0; ; n++ {
			m := before.CrashClone(1, 0)
			f := vfs.Fail(m, n, syscall.EIO)
			f.Kinds = []vfs.Kind{kind}
			acked, err := mergeOverlapped(t, f, last)
			if !f.Fired() {
				check(t, err)
				break
			}
			failures++
			for _, disk := range []*vfs.Mem{m.CrashClone(0, int64(n)), m} {
				got := wholeLog(t, disk)
				if acked && len(got) != len(want) || len(got) < 48 {
					t.Errorf("failure of %s %d: %d events, acknowledged %v", kind, n, len(got), acked)
				}
			}
		}
	}
	t.Logf("%d failures", failures)
}
