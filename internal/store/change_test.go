package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// openMem opens a store on a disk in memory whose tails have room for n rows.
func openMem(t *testing.T, m *vfs.Mem, n int) *Store {
	t.Helper()
	s, err := Open(m, "/data", Options{SealEvents: n, Burst: 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Clock: func() time.Time { return time.Unix(1_767_323_045, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// someEvents returns n events with ids of their own.
func someEvents(n int) []audit.Event {
	list := make([]audit.Event, n)
	for i := range list {
		list[i] = audit.Event{ID: audit.EventID(fmt.Sprintf("log_p%d", i)), Timestamp: audit.Time(i + 1),
			Action: audit.ActionRead, IdentityType: audit.TypeUser, IdentityID: "user:a", SecretPath: "a/b"}
	}
	return list
}

func appendAll(t *testing.T, s *Store, tenant audit.TenantID, events ...audit.Event) {
	t.Helper()
	if _, err := s.Append(t.Context(), tenant, audit.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
}

// TestSealManyTenants seals the logs of many tenants, twice: the manifest is not
// replaced for each of them, and each log is one segment in the end.
func TestSealManyTenants(t *testing.T) {
	const tenants = 40
	m := vfs.NewMem()
	s := openMem(t, m, 64)
	events := someEvents(4)
	for _, half := range [][]audit.Event{events[:2], events[2:]} {
		for n := range tenants {
			appendAll(t, s, audit.TenantID(fmt.Sprintf("tenant-%d", n)), half...)
		}
		replaced := 0
		m.OnOp(func(op vfs.Op) {
			if op.Kind == vfs.OpRename && strings.Contains(op.Name, "manifest") {
				replaced++
			}
		})
		if err := s.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.OnOp(nil)
		if replaced == 0 || replaced > tenants/4 {
			t.Errorf("the manifest was replaced %d times for %d tenants", replaced, tenants)
		}
	}
	for _, l := range s.allLogs() {
		if n := len(l.segments); n != 1 || l.segments[0].rows() != len(events) {
			t.Errorf("%s has %d segments", l.tenant, n)
		}
	}
}

// TestLookedUpBefore has events sealed, and segments merged, after the ids of a
// batch were looked up and before the lock is taken.
func TestLookedUpBefore(t *testing.T) {
	s := openMem(t, vfs.NewMem(), 64)
	l := s.log("acme")
	events := someEvents(6)
	batch := audit.Batch{Events: events}
	check := func(in looked, duplicates int) {
		t.Helper()
		l.mu.Lock()
		defer l.mu.Unlock()
		v, err := l.check(&batch, in)
		if err != nil || v.duplicates != duplicates || len(v.fresh) != len(events)-duplicates {
			t.Errorf("%d duplicates, %d fresh, %v; want %d duplicates", v.duplicates, len(v.fresh), err, duplicates)
		}
	}
	nothing := l.look(&batch)
	appendAll(t, s, "acme", events[:2]...)
	check(nothing, 2)
	if err := s.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(nothing, 2)
	one := l.look(&batch)
	appendAll(t, s, "acme", events[2:4]...)
	if err := s.Seal(t.Context()); err != nil { // which merges the two
		t.Fatal(err)
	}
	appendAll(t, s, "acme", events[4])
	for _, in := range []looked{nothing, one, l.look(&batch)} {
		check(in, 5)
	}
}

// TestSortRuns sorts places of a few runs and of many.
func TestSortRuns(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, runs := range []int{1, 2, 3, 7, 500} {
		var places []segmentPlace
		for range runs {
			at := audit.Time(rnd.IntN(50))
			for range 1 + rnd.IntN(9) {
				places = append(places, segmentPlace{at, uint64(len(places)), uint32(len(places))})
				at += audit.Time(rnd.IntN(3))
			}
		}
		want := slices.Clone(places)
		slices.SortFunc(want, func(a, b segmentPlace) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.index, b.index))
		})
		if !slices.Equal(sortRuns(places), want) {
			t.Errorf("%d runs: not in order", runs)
		}
	}
}

// TestAppendLine appends lines whose lengths have two bytes and three.
func TestAppendLine(t *testing.T) {
	for _, n := range []int{0, 1000, 16_000, 17_000} {
		e := someEvents(1)[0]
		e.ExtraData = `{"a":"` + strings.Repeat("a", n) + `"}`
		line := e.AppendLine(nil)
		want := append(binary.AppendUvarint([]byte("before"), uint64(len(line))), line...)
		if got := appendLine([]byte("before"), &e); !bytes.Equal(got, want) {
			t.Errorf("a line of %d bytes is another one", len(line))
		}
	}
}
