package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/scaivault/audit"
)

// BenchmarkInclusion asks the server's handler, without a network, for proofs that
// events are in a log of a million, most of which is sealed: each looks the event
// up by its id and reads the 256 lines around it. A log ten times as long has four
// more hashes in a proof.
func BenchmarkInclusion(b *testing.B) {
	const batches, size = 2100, 500
	const tenant audit.TenantID = "tnt_bench"
	c := &serveCommand{Data: b.TempDir(), RateLimitQueries: 1 << 30, RateLimitExports: 30}
	token := newToken(b, c.Data, tenant)
	s, err := openServer(c, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ask := func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/x-ndjson")
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%s: %d %s", r.URL, w.Code, w.Body)
		}
	}
	bodies := sampleBodies(64, size)
	for i := range batches {
		ask(httptest.NewRequest("POST", "/v1/audit/logs", bytes.NewReader(bodies[i%len(bodies)])))
	}
	if err := s.evidence.sign(b.Context(), tenant, s.evidence.log(tenant)); err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		id := audit.DerivedID(0, rnd.Uint64N(batches*size))
		ask(httptest.NewRequest("GET", fmt.Sprintf("/v1/audit/proofs/inclusion?id=%s", id), nil))
	}
	b.StopTimer()
	if err := s.close(); err != nil {
		b.Error(err)
	}
}
