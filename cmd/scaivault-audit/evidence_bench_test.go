package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/scaivault/audit"
)

// BenchmarkEvidence appends batches of 500 events to the server's handler,
// without a network, with and without evidence, and reports the processor's time
// that an event takes in all, of the user and the system, and events a second.
func BenchmarkEvidence(b *testing.B) {
	for _, signed := range []bool{false, true} {
		name := "without"
		if signed {
			name = "with"
		}
		b.Run(name, func(b *testing.B) { ingestForBench(b, signed) })
	}
}

func ingestForBench(b *testing.B, signed bool) {
	const size = 500
	const tenant audit.TenantID = "tnt_bench"
	c := &serveCommand{Data: b.TempDir(), RateLimitQueries: 1 << 30, RateLimitExports: 30}
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
	bodies := sampleBodies(64, size)
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
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
	if err := s.close(); err != nil {
		b.Error(err)
	}
}
