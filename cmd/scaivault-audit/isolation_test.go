package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// reads are the requests that read a log. TENANT stands for what the values of
// one tenant have in their names, and nobody else's.
var reads = []string{
	"/v1/audit/logs",
	"/v1/audit/logs?order=index&include=proof",
	"/v1/audit/logs?secret_path=TENANT/db",
	"/v1/audit/logs?path_prefix=TENANT",
	"/v1/audit/logs?identity_id=user:of-TENANT/db",
	"/v1/audit/logs?request_id=req-TENANT/db",
	"/v1/audit/logs?not_path_prefix=TENANT",
	"/v1/audit/logs/log_TENANT-db",
	"/v1/audit/secrets/TENANT/db",
	"/v1/audit/identities/user:of-TENANT%2Fdb",
	"/v1/audit/accesses",
	"/v1/audit/accesses?secret_path=TENANT/db",
	"/v1/audit/accesses?identity_id=user:of-TENANT/db",
	"/v1/audit/values?field=identity_id&q=TENANT",
	"/v1/audit/values?field=secret_path&q=TENANT",
	"/v1/audit/values?field=user_agent&q=TENANT",
	"/v1/audit/values?field=source_ip",
	"/v1/audit/values?field=action",
	"/v1/audit/summary",
	"/v1/audit/summary?secret_path=TENANT/db&interval=1d",
	"/v1/auth/whoami",
}

// changing is what differs between two answers that say the same.
var changing = regexp.MustCompile(`"(request_id":"req_[0-9A-Z]*|from":"[^"]*|to":"[^"]*)"`)

// To everybody else, what a tenant has is as if it was not there.
func TestTenantsAreApart(t *testing.T) {
	data := t.TempDir()
	own := newToken(t, data, "tnt_own")
	foreign := newToken(t, data, "tnt_foreign")
	p := serve(t, nil, "--data", data)
	for _, token := range []string{own, foreign} {
		within(t, "the token is in the log", func() bool { return len(tokenEvents(t, p.client(t, token))) == 1 })
	}
	appendOne(t, p.client(t, foreign), "tnt_foreign/db")
	appendOne(t, p.client(t, own), "tnt_own/db")

	ask := func(token, route, tenant string) string {
		resp, body := get(t, http.DefaultClient, p.url+strings.ReplaceAll(route, "TENANT", tenant), token)
		answer := changing.ReplaceAllString(resp.Status+" "+body, "")
		return strings.ReplaceAll(answer, tenant, "TENANT")
	}
	for _, route := range reads {
		if got := ask(own, route, "tnt_own"); !strings.HasPrefix(got, "200") {
			t.Errorf("%s, of one's own tenant: %s", route, got)
		}
		got, want := ask(own, route, "tnt_foreign"), ask(own, route, "tnt_none")
		if got != want {
			t.Errorf("%s, of another's values:\n%s\nof nobody's:\n%s", route, got, want)
		}
		if route, ok := strings.CutPrefix(route, "/v1/audit/"); ok {
			route = "/v1/t/TENANT/audit/" + route
			got, want := ask(own, route, "tnt_foreign"), ask(own, route, "tnt_none")
			if got != want || !strings.HasPrefix(got, "403") {
				t.Errorf("%s, of another tenant:\n%s\nof nobody:\n%s", route, got, want)
			}
		}
	}
	if got := ask(own, "/v1/audit/logs", "tnt_foreign"); strings.Contains(got, "TENANT") {
		t.Errorf("one's own log has another's events: %s", got)
	}
	testForeignCursor(t, p, own, foreign)
}

// A cursor is of no use to another tenant.
func testForeignCursor(t *testing.T, p *program, own, foreign string) {
	t.Helper()
	page, err := p.client(t, foreign).Logs(t.Context(), audit.Query{Limit: 1})
	if err != nil || page.Cursor == "" {
		t.Fatalf("page %+v, error %v; want a cursor", page, err)
	}
	route := p.url + "/v1/audit/logs?limit=1&cursor=" + url.QueryEscape(page.Cursor)
	resp, body := get(t, http.DefaultClient, route, own)
	if resp.StatusCode != 400 || !strings.Contains(body, `"invalid_cursor"`) {
		t.Errorf("another's cursor: status %d, %s", resp.StatusCode, body)
	}
}
