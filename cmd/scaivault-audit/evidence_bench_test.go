package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/scaivault/audit"
)

// BenchmarkEvidence appends batches of 500 events to the server's handler,
// without a network: without evidence, with it, and with ranges that are sealed
// too. It reports the processor's time that an event takes in all, of the user and
// the system, events a second, and the bytes of evidence of an event.
func BenchmarkEvidence(b *testing.B) {
	b.Run("without", func(b *testing.B) { ingestForBench(b, false, false) })
	b.Run("with", func(b *testing.B) { ingestForBench(b, true, false) })
	b.Run("with trails", func(b *testing.B) { ingestForBench(b, true, true) })
}

func ingestForBench(b *testing.B, signed, sealed bool) {
	const size = 500
	const tenant audit.TenantID = "tnt_bench"
	c := &serveCommand{Data: b.TempDir(), SealTrails: sealed, RateLimitQueries: 1 << 30, RateLimitExports: 30}
	token := newToken(b, c.Data, tenant)
	s, err := openServer(c, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	if signed {
		go func() { done <- s.evidence.run(ctx) }()
	} else {
		done <- nil
	}
	bodies := sampleBodies(640, size)
	b.ResetTimer()
	before := used().cpu
	for i := range b.N {
		r := httptest.NewRequest("POST", "/v1/audit/logs", bytes.NewReader(bodies[i%len(bodies)]))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/x-ndjson")
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if signed {
		if err := s.evidence.sign(ctx, tenant, s.evidence.log(tenant)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	cpu, events := used().cpu-before, float64(b.N)*size
	b.ReportMetric(float64(cpu.Nanoseconds())/events, "cpu-ns/event")
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytesBelow(b, filepath.Join(c.Data, "proof")))/events, "B/event")
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
	if err := s.close(); err != nil {
		b.Error(err)
	}
}

// bytesBelow returns the size of all files below a directory.
func bytesBelow(b *testing.B, dir string) (sum int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Fatal(err)
	}
	return sum
}
