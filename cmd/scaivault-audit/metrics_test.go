package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// newWitnessKey returns the verifier key of a witness of that name.
func newWitnessKey(t *testing.T, name string) string {
	t.Helper()
	w, err := proof.OpenWitness(vfs.NewMem(), "witness", proof.WitnessOptions{Name: name, Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return w.Key().String()
}

// TestMetrics scrapes a server that has answered requests and has a sink: the
// figures of health and of the sink are there, and nothing about streams.
func TestMetrics(t *testing.T) {
	c := &serveCommand{Data: t.TempDir(), Metrics: "127.0.0.1:0", RateLimitQueries: 100, RateLimitExports: 1}
	c.SinkDir = t.TempDir()
	c.Witness, c.WitnessKey = []string{"http://w.test"}, []string{newWitnessKey(t, "w.test/w1")}
	token := newToken(t, c.Data, "tnt_a")
	s, err := openServer(c, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, r := range []*http.Request{
		httptest.NewRequest("POST", "/v1/audit/logs", strings.NewReader(`{"action":"read","identity_id":"user:ada","identity_type":"user","secret_path":"prod/key","success":true}`)),
		httptest.NewRequest("GET", "/v1/audit/logs", nil),
		httptest.NewRequest("GET", "/v1/audit/logs?limit=none", nil),
	} {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		s.http.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	who := audit.Caller{Principal: &audit.Principal{Tenant: "tnt_a", IdentityID: "user:ada", IdentityType: audit.TypeUser}}
	_, err = s.sinks.Create(t.Context(), "tnt_a", who, audit.SinkRequest{Sink: audit.Sink{Name: "copy",
		Type: audit.SinkFile, Format: audit.SinkJSON}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.evidence.covered(t.Context(), "tnt_a", 1); err != nil {
		t.Fatal(err)
	}
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) })
	s.cosigns.witnesses[0].http = &http.Client{Transport: handlerTransport{refuse}}
	s.cosigns.sweep(t.Context())
	w := httptest.NewRecorder()
	s.meters.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	lines := strings.Split(w.Body.String(), "\n")
	for _, want := range []string{
		`scaivault_audit_check_ok{check="store"} 1`,
		`scaivault_audit_store_events 2`, // the second says that there is a sink
		`scaivault_audit_store_damaged_indexes 0`,
		`scaivault_audit_sinks_sinks 1`,
		`scaivault_audit_witnesses_refuses_without_proof{name="w.test/w1"} 1`,
		`scaivault_audit_witnesses_unwitnessed_events{name="w.test/w1"} 2`,
		`scaivault_audit_sink_running{sink="copy",tenant="tnt_a"} 1`,
		`scaivault_audit_sink_delivered_total{sink="copy",tenant="tnt_a"} 0`,
		`scaivault_audit_sink_last_success_timestamp_seconds{sink="copy",tenant="tnt_a"} 0`,
		`scaivault_audit_http_request_duration_seconds_count{code="200",method="post"} 1`,
		`scaivault_audit_http_request_duration_seconds_count{code="200",method="get"} 1`,
		`scaivault_audit_http_request_duration_seconds_count{code="422",method="get"} 1`,
	} {
		found := false
		for _, line := range lines {
			found = found || line == want
		}
		if !found {
			t.Errorf("%s is not among what is answered", want)
		}
	}
	if t.Failed() {
		for _, line := range lines {
			if strings.HasPrefix(line, metricsPrefix) && !strings.Contains(line, "_bucket") {
				t.Log(line)
			}
		}
	}
}
