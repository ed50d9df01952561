package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// scattered returns n events whose times are in no order, some with ids of
// their own and one in fifty late by days.
func scattered(r *rand.Rand, n int) []audit.Event {
	events := make([]audit.Event, n)
	for i := range events {
		events[i] = event(i)
		if i%3 == 0 {
			events[i] = named(i)
		}
		events[i].Timestamp = begin - audit.Time(r.IntN(3600))*audit.Second
		if i%50 == 7 {
			events[i].Timestamp -= audit.Time(r.IntN(9)) * audit.Day
		}
	}
	return events
}

// readLines returns what a walk yields, and its error.
func readLines(ctx context.Context, s *store.Store, tenant audit.TenantID, from, to uint64) (got []string, err error) {
	for line, err := range s.Lines(ctx, tenant, from, to) {
		if err != nil {
			return got, err
		}
		got = append(got, string(line))
	}
	return got, nil
}

// TestLines reads stretches of two logs, in segments, merged and not, and in
// memory: the lines are those of the events, in the order of appending.
func TestLines(t *testing.T) {
	opts := options()
	opts.SealEvents = 3000
	s := open(t, vfs.NewMem(), opts)
	r := rand.New(rand.NewPCG(1, 2))
	want := make(map[audit.TenantID][]string)
	for tenant, n := range map[audit.TenantID]int{acme: 20_000, bravo: 700} {
		events := scattered(r, n)
		for some := range slices.Chunk(events, 999) {
			put(t, s, tenant, some...)
		}
		check(t, s.Seal(t.Context()))
		put(t, s, tenant, event(n), event(n+1))
		for i, e := range append(events, event(n), event(n+1)) {
			if e.ID == "" {
				e.ID = audit.DerivedID(0, uint64(i))
			}
			want[tenant] = append(want[tenant], line(&e))
		}
	}
	for tenant, lines := range want {
		n := uint64(len(lines))
		ranges := [][2]uint64{{0, n}, {0, 0}, {0, 1}, {n - 1, n}, {n - 3, n + 5}, {n, n}, {n + 1, n + 2}, {5, 3}}
		for range 20 {
			from := r.Uint64N(n)
			ranges = append(ranges, [2]uint64{from, from + r.Uint64N(n-from)})
		}
		for _, x := range ranges {
			got, err := readLines(t.Context(), s, tenant, x[0], x[1])
			check(t, err)
			if wanted := lines[min(x[0], n):max(min(x[0], n), min(x[1], n))]; !slices.Equal(got, wanted) {
				t.Errorf("%s %d: %d lines, want %d", tenant, x, len(got), len(wanted))
			}
		}
	}
	if got, err := readLines(t.Context(), s, ghost, 0, 10); len(got) > 0 || err != nil {
		t.Errorf("an empty log has %d lines, %v", len(got), err)
	}
}

// TestLinesOfTail follows a log in steps that are not those of its batches, and
// reads all of it again afterwards: as it was encoded and as it is kept, the lines
// are the same.
func TestLinesOfTail(t *testing.T) {
	opts := options()
	opts.SealEvents = 100_000
	s := open(t, vfs.NewMem(), opts)
	var want, followed []string
	next := uint64(0)
	for i, some := range slices.Collect(slices.Chunk(scattered(rand.New(rand.NewPCG(3, 4)), 3000), 70)) {
		put(t, s, acme, some...)
		for _, e := range some {
			if e.ID == "" {
				e.ID = audit.DerivedID(0, uint64(len(want)))
			}
			want = append(want, line(&e))
		}
		if i%3 == 1 {
			to := uint64(len(want) - i%2*25)
			got, err := readLines(t.Context(), s, acme, next, to)
			check(t, err)
			followed, next = append(followed, got...), to
		}
	}
	rest, err := readLines(t.Context(), s, acme, next, 3000)
	check(t, err)
	if followed = append(followed, rest...); !slices.Equal(followed, want) {
		t.Errorf("followed: %d lines, want %d", len(followed), len(want))
	}
	again, err := readLines(t.Context(), s, acme, 0, 3000)
	check(t, err)
	if !slices.Equal(again, want) {
		t.Errorf("read again: %d lines, want %d", len(again), len(want))
	}
}

// TestLinesLong reads more than a window may hold.
func TestLinesLong(t *testing.T) {
	opts := options()
	opts.SealEvents = 3000
	s := open(t, vfs.NewMem(), opts)
	pad := strings.Repeat("x", 15_000)
	var want []string
	for i := range 3100 {
		e := event(3100 - i)
		e.ID, e.ExtraData = audit.DerivedID(0, uint64(i)), fmt.Sprintf(`{"pad":"%d%s"}`, i, pad)
		want = append(want, line(&e))
		put(t, s, acme, e)
	}
	check(t, s.Seal(t.Context()))
	got, err := readLines(t.Context(), s, acme, 0, 3100)
	check(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

// TestLinesEnd ends walks: by whoever reads, by the context, and where events
// are lost.
func TestLinesEnd(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	for n := range 40 {
		put(t, s, acme, event(n))
		if n%8 == 7 && n < 24 {
			check(t, s.Seal(t.Context()))
		}
	}
	for range s.Lines(t.Context(), acme, 0, 40) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := readLines(ctx, s, acme, 0, 40); len(got) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d lines, %v", len(got), err)
	}
	check(t, s.Close())
	check(t, m.Remove(dir+"/acme/000000000008-000000000010.seg"))
	s = open(t, m, options())
	got, err := readLines(t.Context(), s, acme, 3, 40)
	if len(got) != 5 || !slices.Equal(damagedRanges(err), []audit.IndexRange{{From: 8, To: 16}}) {
		t.Errorf("%d lines, %v", len(got), err)
	}
	if got, err := readLines(t.Context(), s, acme, 16, 40); len(got) != 24 || err != nil {
		t.Errorf("behind the damage: %d lines, %v", len(got), err)
	}
	if got, err := readLines(t.Context(), s, acme, 0, 8); len(got) != 8 || err != nil {
		t.Errorf("before the damage: %d lines, %v", len(got), err)
	}
}
