package store_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

const million = 1_000_000

// BenchmarkAppend appends batches of 500 events from four writers to a log on
// disk. An operation is one batch, acknowledged.
func BenchmarkAppend(b *testing.B) {
	const writers, size = 4, 500
	batches := slices.Collect(slices.Chunk(slices.Collect(sampleOf(200*size).Events()), size))
	s := atScale(b, b.TempDir())
	defer s.Close()
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := s.Append(b.Context(), acme, batch(batches[n%200]...)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkOpen recovers a million events from the write-ahead log, and
// reports the heap that they take and the most memory that the process took.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	load(b, dir, million)
	for b.Loop() {
		before := heap()
		s := onDisk(b, dir)
		b.ReportMetric(float64(heap()-before)/million, "heap-B/event")
		check(b, s.Close())
	}
	b.ReportMetric(float64(peakRSS(b))/million, "peak-RSS-B/event")
}

// BenchmarkQuery asks a tail of a million events.
func BenchmarkQuery(b *testing.B) {
	dir := b.TempDir()
	load(b, dir, million)
	s := onDisk(b, dir)
	defer s.Close()
	ctx := b.Context()
	now := begin
	from := now - 30*audit.Day
	all, err := s.Values(ctx, acme, audit.ValuesQuery{
		Field: audit.FieldIdentityID, From: new(audit.Time), To: &now, Limit: 1 << 20})
	check(b, err)
	heavy, rare := all.Values[0].Value, all.Values[len(all.Values)-1].Value
	newest, err := s.Query(ctx, acme, audit.Query{Limit: 1})
	check(b, err)
	last := newest.Records[0]
	failed := false
	prefix, _, _ := strings.Cut(string(last.SecretPath), "/")
	list := func(f audit.Filter) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			p, err := s.Query(ctx, acme, audit.Query{Filter: f})
			return len(p.Records), err
		}
	}
	for _, bm := range []struct {
		name string
		ask  func(context.Context) (int, error)
	}{
		{"newest", list(audit.Filter{})},
		{"heavy identity", list(audit.Filter{IdentityID: audit.IdentityID(heavy)})},
		{"rare identity", list(audit.Filter{IdentityID: audit.IdentityID(rare)})},
		{"prefix and failures", list(audit.Filter{PathPrefix: audit.Path(prefix), Success: &failed})},
		{"request", list(audit.Filter{RequestID: last.RequestID})},
		{"nothing", list(audit.Filter{Extra: []audit.ExtraFilter{{Key: "no", Value: "such"}}})},
		{"id", func(ctx context.Context) (int, error) {
			_, err := s.Event(ctx, acme, last.ID, nil)
			return 1, err
		}},
		{"summary", func(ctx context.Context) (int, error) {
			q := audit.SummaryQuery{Filter: audit.Filter{From: &from, To: &now}, Interval: audit.Hour, Top: 10}
			sum, err := s.Summary(ctx, acme, q)
			return int(sum.TotalEvents), err
		}},
		{"secret", func(ctx context.Context) (int, error) {
			tr, err := s.Secret(ctx, acme, audit.Query{Filter: audit.Filter{SecretPath: last.SecretPath}})
			return len(tr.Records), err
		}},
		{"accesses of heavy identity", func(ctx context.Context) (int, error) {
			q := audit.AccessQuery{Filter: audit.Filter{IdentityID: audit.IdentityID(heavy)}}
			p, err := s.Accesses(ctx, acme, q)
			return len(p.Accesses), err
		}},
		{"values", func(ctx context.Context) (int, error) {
			q := audit.ValuesQuery{Field: audit.FieldSecretPath, Contains: "db", From: &from, To: &now, Limit: 10}
			v, err := s.Values(ctx, acme, q)
			return len(v.Values), err
		}},
		{"branches", func(ctx context.Context) (int, error) {
			v, err := s.Branches(ctx, acme, audit.BranchQuery{From: from, To: now, Limit: 200})
			return int(v.Secrets), err
		}},
		{"news", func(ctx context.Context) (int, error) {
			v, err := s.News(ctx, acme, audit.NewsQuery{Field: audit.FieldSecretPath, From: from, To: now, Limit: 200})
			return v.Total, err
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				var err error
				if n, err = bm.ask(ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "rows")
		})
	}
}

// TestMemoryOfEvents loads events and bounds the heap that each takes: the tail
// of a log has to fit into memory.
func TestMemoryOfEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("loads 100,000 events")
	}
	const n, most = 100_000, 400
	dir := t.TempDir()
	load(t, dir, n)
	before := heap()
	s := onDisk(t, dir)
	if used := (heap() - before) / n; used > most {
		t.Errorf("an event takes %d bytes of heap, want at most %d", used, most)
	}
	check(t, s.Close())
}

// sampleOf returns the events of a company over 90 days.
func sampleOf(n int) *sample.Generator {
	return sample.New(1, sample.Options{Events: n, End: begin.Std()})
}

func onDisk(tb testing.TB, dir string) *store.Store {
	tb.Helper()
	s, err := store.Open(vfs.OS{}, dir, options())
	check(tb, err)
	return s
}

// atScale opens a store on disk that seals as a server does.
func atScale(tb testing.TB, dir string) *store.Store {
	tb.Helper()
	opts := options()
	opts.SealEvents = 0
	s, err := store.Open(vfs.OS{}, dir, opts)
	check(tb, err)
	return s
}

// load writes a log of events and closes it.
func load(tb testing.TB, dir string, events int) {
	tb.Helper()
	s := onDisk(tb, dir)
	var b []audit.Event
	for e := range sampleOf(events).Events() {
		if b = append(b, e); len(b) == 5000 {
			put(tb, s, acme, b...)
			b = b[:0]
		}
	}
	put(tb, s, acme, b...)
	check(tb, s.Close())
	if n := s.Size(acme); n != uint64(events) {
		tb.Fatalf("%d events", n)
	}
}

// heap returns the bytes of heap that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// peakRSS returns the most bytes of memory that the process has taken so far, 0
// where the system does not tell.
func peakRSS(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(status)) {
		var kib int
		if n, _ := fmt.Sscanf(l, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	b.Log("no VmHWM")
	return 0
}
