package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// streaming answers every request with a text.
type streaming struct {
	status int
	body   string
	asked  *http.Request
}

func (s *streaming) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = r
	return &http.Response{StatusCode: s.status, Status: "status", Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(s.body))}, nil
}

func TestStream(t *testing.T) {
	const event = `{"id":"log_1","timestamp":"2026-01-02T03:04:05.000000Z","action":"read","index":7}`
	for name, tc := range map[string]struct {
		body string
		ids  string
		code audit.Code
		end  error
	}{
		"events":    {"retry: 1\n: beat\nid: a\n\nid: b\ndata: " + event + "\n\ndata: " + event + "\n\n", "7 7", "", client.ErrUnreachable},
		"half":      {"data: " + event + "\n\ndata: " + event, "7", "", client.ErrUnreachable},
		"failure":   {"event: failed\ndata: {\"error\":{\"code\":\"token_revoked\",\"message\":\"m\"}}\n\n", "", audit.CodeTokenRevoked, nil},
		"too long":  {"data: " + strings.Repeat("x", 200<<10) + "\n\n", "", "", client.ErrUnreachable},
		"no events": {"data: hello\n\n", "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := &streaming{status: 200, body: tc.body}
			c, err := client.New(client.Config{URL: "http://server", Token: "tok", HTTP: &http.Client{Transport: server}})
			if err != nil {
				t.Fatal(err)
			}
			from := uint64(3)
			s, err := c.Stream(t.Context(), audit.StreamQuery{FromIndex: &from, Proof: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var ids []string
			for e, err := range s.Entries() {
				if err == nil {
					ids = append(ids, string(rune('0'+*e.Index)))
					continue
				}
				if audit.ErrorCode(err) != tc.code && tc.code != "" || tc.end != nil && !errors.Is(err, tc.end) {
					t.Errorf("ends with %v; want %s %v", err, tc.code, tc.end)
				}
				ids = append(ids, "end")
			}
			if got, want := strings.Join(ids, " "), strings.TrimSpace(tc.ids+" end"); got != want {
				t.Errorf("yields %q; want %q", got, want)
			}
			if got, want := server.asked.URL.RequestURI(), "/v1/audit/stream?from_index=3&include=proof"; got != want {
				t.Errorf("asks %s; want %s", got, want)
			}
		})
	}
}

func TestStreamIsRefused(t *testing.T) {
	server := &streaming{status: 403, body: `{"error":{"code":"insufficient_scope","message":"no"}}`}
	c, err := client.New(client.Config{URL: "http://server", HTTP: &http.Client{Transport: server}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stream(t.Context(), audit.StreamQuery{}); audit.ErrorCode(err) != audit.CodeInsufficientScope {
		t.Errorf("error %v, want %s", err, audit.CodeInsufficientScope)
	}
}
