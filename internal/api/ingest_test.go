package api_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
)

// stalled is a disk that does not answer.
type stalled struct{}

func (stalled) Take(ctx context.Context, _ audit.TenantID, _ io.Reader) error {
	<-ctx.Done()
	return audit.Errorf(audit.CodeUnavailable, "the disk did not answer in time")
}

// TestStalledVaultIngest answers within 5 seconds, whatever the disk does.
func TestStalledVaultIngest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newReference(time.Now)
		s := newServer(log, time.Now, io.Discard, func(c *api.Config) { c.Vault = stalled{} })
		begun := time.Now()
		r := httptest.NewRequest("POST", "/v1/audit/ingest/vault", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer tok_writer")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if took := time.Since(begun); w.Code != 503 || took >= 5*time.Second || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d after %s: %s", w.Code, took, w.Body)
		}
	})
}

// TestSlowVaultBody gives up a body that does not come, in time, and keeps the
// lines that did.
func TestSlowVaultBody(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the deadline of a connection")
	}
	t.Parallel()
	s := start(t)
	line := `{"type":"response","time":"2026-06-15T11:00:00Z","request":{"id":"r","path":"kv/a"}}` + "\n"
	begun := time.Now()
	r := s.post(t, "writer", "/v1/audit/ingest/vault", line+"{", "Content-Length: 1000")
	if took := time.Since(begun); r.StatusCode != 400 || took >= 5*time.Second {
		t.Errorf("%d after %s: %s", r.StatusCode, took, r.body)
	}
	if ids := s.get(t, "reader", "/v1/audit/logs").ids(); len(ids) != 1 {
		t.Errorf("the log has %v", ids)
	}
}
