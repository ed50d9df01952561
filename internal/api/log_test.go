package api_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRequestLog checks the one line about a request: whole, and without
// anything that a client could have put in it.
func TestRequestLog(t *testing.T) {
	s := start(t)
	s.seed(t)
	s.get(t, "reader", "/v1/audit/secrets/prod/db/main?limit=1", "X-Request-ID: r1")
	s.get(t, "partner", "/v1/t/tnt_a/audit/logs?limit=0", "X-Request-ID: r2")
	s.get(t, "", "/v1/audit/logs?access_token=tok_reader", "X-Request-ID: r3")
	s.get(t, "", "/v1/nothing/tok_reader", "X-Request-ID: r4\x22")
	lines := s.lines()
	if len(lines) != 4 {
		t.Fatalf("logged %d lines for 4 requests", len(lines))
	}
	want := []map[string]any{
		{"level": "INFO", "msg": "request", "request_id": "r1", "method": "GET",
			"route": "/v1/audit/secrets/{path...}", "status": 200.0,
			"identity": "user:ada@example.org", "tenant": "tnt_a"},
		{"level": "INFO", "msg": "request", "request_id": "r2", "method": "GET",
			"route": "/v1/t/{tenant_id}/audit/logs", "status": 422.0, "code": "validation_error",
			"identity": "user:pat@example.org", "tenant": "tnt_a"},
		{"level": "INFO", "msg": "request", "request_id": "r3", "method": "GET",
			"route": "/v1/audit/logs", "status": 401.0, "code": "authentication_required"},
		{"level": "INFO", "msg": "request", "method": "GET", "route": "", "status": 404.0, "code": "not_found"},
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range want[i] {
			if got[name] != value {
				t.Errorf("line %d: %s is %v, want %v", i+1, name, got[name], value)
			}
		}
		if got["bytes"].(float64) < 50 || got["took"] != 0.0 || len(got) > 12 {
			t.Errorf("line %d: %s", i+1, line)
		}
		if strings.Contains(line, "tok_") || strings.Contains(line, "prod/db") {
			t.Errorf("line %d tells too much: %s", i+1, line)
		}
	}
}

func TestRequestID(t *testing.T) {
	s := start(t)
	made := regexp.MustCompile(`^req_[0-9A-HJKMNP-TV-Z]{26}$`)
	var seen []string
	for _, sent := range []string{"", "with.dot", "a b", "é", strings.Repeat("x", 65), `"}`, "a\tb"} {
		got := s.get(t, "", "/v1/health", "X-Request-ID: "+sent).Header.Get("X-Request-ID")
		if !made.MatchString(got) || slices.Contains(seen, got) {
			t.Errorf("for %q got %q", sent, got)
		}
		seen = append(seen, got)
	}
	got := s.get(t, "", "/v1/health", "X-Request-ID: a", "X-Request-ID: b").Header.Get("X-Request-ID")
	if !made.MatchString(got) {
		t.Errorf("for two headers got %q", got)
	}
	for _, sent := range []string{"x", "A_-9", strings.Repeat("x", 64)} {
		if got := s.get(t, "", "/v1/health", "X-Request-ID: "+sent).Header.Get("X-Request-ID"); got != sent {
			t.Errorf("for %q got %q", sent, got)
		}
	}
}
