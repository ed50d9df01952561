package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
)

// BenchmarkExport makes exports of a whole log, proofs included, into a directory
// and, where .ci/parts has installed it, into versitygw, a server that speaks
// S3. SCAIVAULT_BENCH_EVENTS is how many events the log has, 100,000 by default.
// MB/s are megabytes of canonical lines, whatever the form; those of a processor
// are of this process alone.
func BenchmarkExport(b *testing.B) {
	n := 100_000
	if text := os.Getenv("SCAIVAULT_BENCH_EVENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	x := exportsForBench(b, n)
	for _, f := range exportForms {
		r := directoryRequest(f.format, f.compression)
		b.Run(measuredName(r), func(b *testing.B) { benchExport(b, x, r) })
	}
	b.Run("s3", func(b *testing.B) {
		x.options.Secrets = serveVersitygw(b)
		for _, f := range exportForms {
			r := directoryRequest(f.format, f.compression)
			r.Destination = audit.Destination{Type: audit.DestinationS3, Bucket: "archive"}
			r.CredentialsPath = "s3"
			b.Run(measuredName(r), func(b *testing.B) { benchExport(b, x, r) })
		}
	})
}

func measuredName(r audit.ExportRequest) string {
	return string(r.Format) + "-" + string(r.Compression)
}

// benchExport repeats an export, each time to a prefix of its own.
func benchExport(b *testing.B, x *benchExports, r audit.ExportRequest) {
	var rows, cpu float64
	var heap int64
	b.SetBytes(x.lines)
	for b.Loop() {
		row, err := x.measure(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		rows, cpu, heap = rows+float64(row.Events), cpu+row.CPU, max(heap, row.Heap)
	}
	b.ReportMetric(float64(x.lines)*float64(b.N)/cpu/1e6, "MB/cpu-s")
	b.ReportMetric(rows/cpu, "events/cpu-s")
	b.ReportMetric(float64(heap)/(1<<20), "heap-MiB")
}

// exportsForBench returns exports of a new log of n events.
func exportsForBench(b *testing.B, n int) *benchExports {
	b.Helper()
	dir := b.TempDir()
	c := &benchCommand{Tenants: 1}
	c.Seed = 1
	run := &bench{p: &process{ctx: b.Context(), now: time.Now}, command: c, dir: dir,
		options: sample.Options{End: time.Now()}, logger: slog.New(slog.DiscardHandler)}
	s, err := run.open(run.logDir(), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	lines := fillForBench(b, run, s, n)
	x, err := run.openExports(s, benchTenant(0), filepath.Join(dir, "export"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.evidence.Close() })
	x.lines = lines
	return x
}

// fillForBench appends n events and returns how many bytes their lines have.
func fillForBench(b *testing.B, run *bench, s *store.Store, n int) (lines int64) {
	b.Helper()
	for chunk := range run.chunks(n, audit.MaxBatch) {
		for i := range chunk {
			if _, err := appendEvents(b.Context(), s, &chunk[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.Seal(b.Context()); err != nil {
		b.Fatal(err)
	}
	var line []byte
	for e, err := range s.Scan(b.Context(), benchTenant(0), audit.Query{}) {
		if err != nil {
			b.Fatal(err)
		}
		line = e.AppendLine(line[:0])
		lines += int64(len(line)) + 1
	}
	return lines
}

// oneSecret is a source of secrets that has the same for everybody.
type oneSecret map[string]string

// Get implements [export.Secrets].
func (s oneSecret) Get(context.Context, audit.TenantID, audit.Path, string) (map[string]string, error) {
	return s, nil
}

// serveVersitygw serves a bucket "archive" until the benchmark ends, and returns
// the secret for it.
func serveVersitygw(b *testing.B) oneSecret {
	b.Helper()
	addr, _ := startVersitygw(b)
	return versitygwSecret(addr)
}
