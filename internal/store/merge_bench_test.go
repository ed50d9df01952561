package store

import (
	"flag"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/vfs"
)

var (
	mergeSegments = flag.Int("merge.segments", 4, "segments of BenchmarkMerge")
	mergeRows     = flag.Int("merge.rows", 1<<16, "rows of each of them")
)

// BenchmarkMerge merges segments each of which covers all days.
func BenchmarkMerge(b *testing.B) {
	s := &sealer{store: &Store{fs: vfs.OS{}, dir: b.TempDir()}, stop: make(chan struct{})}
	s.store.opts.SealEvents = 1 << 30 // nothing is sealed meanwhile
	n := *mergeSegments * *mergeRows
	parts := make([]*growing, *mergeSegments)
	for i := range parts {
		parts[i] = new(growing)
	}
	k := 0
	for e := range sample.New(1, sample.Options{Events: n, End: growthEnd.Std()}).Events() {
		parts[k%len(parts)].add(&e)
		k++
	}
	var of []*segment
	for i, p := range parts {
		rows, err := p.segmentRows(uint64(i * *mergeRows)).source()
		if err != nil {
			b.Fatal(err)
		}
		written, err := s.write("acme", rows)
		if err != nil {
			b.Fatal(err)
		}
		of, parts[i] = append(of, written), nil
	}
	for b.Loop() {
		merged, err := s.mergeAll(audit.TenantID("acme"), of)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(merged.b))/float64(n), "bytes/row")
		merged.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}
