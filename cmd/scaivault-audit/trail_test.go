package main

import (
	"fmt"
	"io"
	"net/http"
	"testing"
)

const trailCounts = `"period_days":30,` +
	`"from":"2026-03-24T20:00:00.000000Z","to":"2026-04-23T20:00:00.000000Z",` +
	`"total_events":12,"successful_events":11,"failed_events":1,` +
	`"actions_breakdown":{"read":10,"list":1,"write":1},` +
	`"first_accessed_at":"2026-04-01T00:00:00.000000Z","last_accessed_at":"2026-04-23T20:00:00.000001Z"`

func TestSecretTrail(t *testing.T) {
	answer := fmt.Sprintf(`{"path":"prod/d b","logs":[%s],"summary":{%s,"unique_identities":2,"top_identities":`+
		`[{"identity_id":"user:a","count":10},{"identity_id":"sa:b","count":2}]},"cursor":"x","has_more":true}`,
		canonical, trailCounts)
	var asked string
	start(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		io.WriteString(w, answer)
	})
	check(t, runLine(t, "", "secret-trail", "prod/d b", "--success", "true"), result{Stdout: answer + "\n"})
	if want := "/v1/audit/secrets/prod/d%20b?limit=100&success=true"; asked != want {
		t.Errorf("asked for %s; want %s", asked, want)
	}
	check(t, onTerminal(t, 120, "secret-trail", "prod/d b"), result{
		Stderr: "1 event shown; there are more (--limit, or logs --all)\n",
		Stdout: `
Secret prod/d b
Last 30 days: 12 events, 1 failed, 2 identities; first 2026-04-01T00:00:00.000Z, last 2026-04-23T20:00:00.000Z

Actions
  10  read
   1  list
   1  write

Identities
  10  user:a
   2  sa:b

TIME                      ACTION  RESULT  IDENTITY       SECRET   SOURCE     ID
────────────────────────────────────────────────────────────────────────────────────
2026-04-23T20:00:00.000Z  read    failed  user:\x1b[2Ja  prod/db  10.0.1.50  log_a
`[1:]})
}

func TestIdentity(t *testing.T) {
	answer := fmt.Sprintf(`{"identity_id":"user:a/b","identity_type":"user","logs":[],"summary":{%s,`+
		`"unique_resources":1,"top_resources":[{"path":"prod/db","count":12}]},"cursor":null,"has_more":false}`,
		trailCounts)
	var asked string
	start(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		io.WriteString(w, answer)
	})
	check(t, runLine(t, "", "identity", "user:a/b", "--secret-path", "prod/db"), result{Stdout: answer + "\n"})
	if want := "/v1/audit/identities/user:a%2Fb?limit=100&secret_path=prod%2Fdb"; asked != want {
		t.Errorf("asked for %s; want %s", asked, want)
	}
	check(t, onTerminal(t, 120, "identity", "user:a/b"), result{Stdout: `
Identity user:a/b (user)
Last 30 days: 12 events, 1 failed, 1 secret; first 2026-04-01T00:00:00.000Z, last 2026-04-23T20:00:00.000Z

Actions
  10  read
   1  list
   1  write

Secrets
  12  prod/db

No events.
`[1:]})
}

func TestSummary(t *testing.T) {
	const answer = `{"total_events":12,"successful_events":11,"failed_events":1,` +
		`"actions_breakdown":{"read":11,"write":1},"top_identities":[{"identity_id":"sa:b","count":12}],` +
		`"top_resources":[{"path":"prod/db","count":12}],"from":"2026-04-23T00:00:00.000000Z",` +
		`"to":"2026-04-23T04:00:00.000000Z","as_of":99,"timeline":[` +
		`{"start":"2026-04-23T00:00:00.000000Z","total_events":8,"failed_events":0},` +
		`{"start":"2026-04-23T01:00:00.000000Z","total_events":0,"failed_events":0},` +
		`{"start":"2026-04-23T02:00:00.000000Z","total_events":3,"failed_events":1},` +
		`{"start":"2026-04-23T03:00:00.000000Z","total_events":1,"failed_events":0}]}`
	var asked string
	start(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		io.WriteString(w, answer)
	})
	check(t, runLine(t, "", "summary", "--interval", "60m", "--top", "3", "--identity-id", "sa:b"),
		result{Stdout: answer + "\n"})
	if want := "/v1/audit/summary?identity_id=sa%3Ab&interval=1h&top=3"; asked != want {
		t.Errorf("asked for %s; want %s", asked, want)
	}
	check(t, onTerminal(t, 54, "summary"), result{Stdout: `
2026-04-23T00:00:00.000Z to 2026-04-23T04:00:00.000Z: 12 events, 11 ok, 1 failed

Actions
  11  read
   1  write

Identities
  12  sa:b

Secrets
  12  prod/db

Timeline
  2026-04-23T00:00Z  8  ██████████████████
  2026-04-23T01:00Z  0
  2026-04-23T02:00Z  3  ██████▊ 1 failed
  2026-04-23T03:00Z  1  ██▎
`[1:]})
}

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		n, most uint64
		want    string
	}{
		{0, 10, ""}, {10, 10, "████"}, {5, 10, "██"}, {1, 1 << 63, "▏"}, {1 << 63, 1 << 63, "████"}, {0, 0, ""},
	} {
		if got := bar(tt.n, tt.most, 4); got != tt.want {
			t.Errorf("bar(%d, %d) = %q; want %q", tt.n, tt.most, got, tt.want)
		}
	}
}
