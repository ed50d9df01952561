package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// TestEvidenceRequests says what is asked, and that answers come as they were
// sent.
func TestEvidenceRequests(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/audit/checkpoint":
			fmt.Fprint(w, "log.test/tnt_a\n3\n"+r.URL.RawQuery)
		case "/v1/audit/keys":
			fmt.Fprint(w, `{"keys":["a","b"],"statements":["s"],"newer":1}`)
		default:
			fmt.Fprintf(w, `{"asked":%q}`, r.URL.RequestURI())
		}
	}))
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for want, call := range map[string]func(context.Context) (any, error){
		"log.test/tnt_a\n3\n": func(ctx context.Context) (any, error) {
			note, err := c.Checkpoint(ctx)
			return string(note), err
		},
		"log.test/tnt_a\n3\nwitnessed=true": func(ctx context.Context) (any, error) {
			note, err := c.WitnessedCheckpoint(ctx)
			return string(note), err
		},
		"[s]":   func(ctx context.Context) (any, error) { return c.KeyStatements(ctx) },
		"[a b]": func(ctx context.Context) (any, error) { return c.Keys(ctx) },
		`{"asked":"/v1/audit/proofs/inclusion?id=log_1"}`: func(ctx context.Context) (any, error) {
			p, err := c.Inclusion(ctx, audit.EventID("log_1"))
			return string(p), err
		},
		`{"asked":"/v1/audit/proofs/consistency?from_size=1&to_size=9"}`: func(ctx context.Context) (any, error) {
			p, err := c.Consistency(ctx, 1, 9)
			return string(p), err
		},
	} {
		if got, err := call(t.Context()); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%v, %v; want %s", got, err, want)
		}
	}
}
