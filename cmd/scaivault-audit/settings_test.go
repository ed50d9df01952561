package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// Settings take effect, and a flag goes before the environment, the
// environment before the file.
func TestSettingsTakeEffect(t *testing.T) {
	data := t.TempDir()
	token := newToken(t, data, "tnt_a")
	file := filepath.Join(t.TempDir(), "settings.yaml")
	text := "data: " + data + "\nrate-limit-queries: 7\nallow-future: true\ninsecure-http: no\nissuer:\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		env     []string
		args    []string
		limit   string // of queries
		accepts bool   // events of the future
	}{
		{"defaults", nil, []string{"--data", data}, "1200", false},
		{"file", nil, []string{"--config", file}, "7", true},
		{"file of the environment", []string{"SCAIVAULT_AUDIT_CONFIG=" + file}, nil, "7", true},
		{"environment", []string{"SCAIVAULT_AUDIT_RATE_LIMIT_QUERIES=8", "SCAIVAULT_AUDIT_ALLOW_FUTURE=false",
			"SCAIVAULT_AUDIT_UNKNOWN=is ignored"}, []string{"--config", file}, "8", false},
		{"flags", []string{"SCAIVAULT_AUDIT_RATE_LIMIT_QUERIES=8", "SCAIVAULT_AUDIT_ALLOW_FUTURE=false"},
			[]string{"--config", file, "--rate-limit-queries=9", "--allow-future"}, "9", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, tt.env, tt.args...)
			resp, _ := get(t, http.DefaultClient, p.url+"/v1/audit/logs", token)
			if got := resp.Header.Get("X-RateLimit-Limit"); got != tt.limit {
				t.Errorf("limit of queries %s; want %s", got, tt.limit)
			}
			e := audit.Event{Timestamp: audit.TimeOf(time.Now()) + 2*audit.Day, Action: audit.ActionRead,
				IdentityType: audit.TypeUser, IdentityID: "user:a"}
			_, err := p.client(t, token).Append(t.Context(), []audit.Event{e}, client.AppendOptions{})
			if accepts := err == nil; accepts != tt.accepts {
				t.Errorf("an event of the future: %v; want accepted: %t", err, tt.accepts)
			}
			p.end(t)
		})
	}
}
