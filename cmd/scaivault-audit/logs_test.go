package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogsFlagsAreFilters(t *testing.T) {
	var asked string
	start(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		fmt.Fprint(w, `{"logs":[],"cursor":null,"has_more":false}`)
	})
	got := runLine(t, "", "logs", "--from", "2026-04-23", "--to", "2026-04-24T00:00:00+02:00",
		"--action", "read,write", "--action", "list", "--identity-id", "user:a,b", "--identity-type", "user",
		"--secret-path", "prod/db", "--path-prefix", "prod/", "--success", "false",
		"--source-ip", "10.0.0.1,::ffff:10.0.0.2", "--request-id", "req_1",
		"--extra", "accessor=a;b=c", "--extra", "n=1", "--not-action", "rotate", "--not-identity-id", "sa:x",
		"--not-path-prefix", "prod/ci", "--not-source-ip", "10.9.9.9",
		"--order", "index", "--from-index", "7", "--limit", "5", "--proof", "--json")
	check(t, got, result{})
	want := url.Values{
		"from": {"2026-04-23T00:00:00.000000Z"}, "to": {"2026-04-23T22:00:00.000000Z"},
		"action": {"list,read,write"}, "identity_id": {"user:a,b"}, "identity_type": {"user"},
		"secret_path": {"prod/db"}, "path_prefix": {"prod"}, "success": {"false"},
		"source_ip": {"10.0.0.1,10.0.0.2"}, "request_id": {"req_1"}, "extra.accessor": {"a;b=c"}, "extra.n": {"1"},
		"not_action": {"rotate"}, "not_identity_id": {"sa:x"}, "not_path_prefix": {"prod/ci"},
		"not_source_ip": {"10.9.9.9"}, "order": {"index"}, "from_index": {"7"}, "limit": {"6"},
		"include": {"proof"},
	}
	values, err := url.ParseQuery(asked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
}

// manyLogs answers n events in pages of the size that is asked for.
func manyLogs(t *testing.T, n int) {
	start(t, func(w http.ResponseWriter, r *http.Request) {
		limit, seen := 0, 0
		fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		fmt.Sscan(r.URL.Query().Get("cursor"), &seen)
		var lines []string
		for ; len(lines) < limit && seen < n; seen++ {
			lines = append(lines, strings.Replace(canonical, "log_a", fmt.Sprintf("log_%d", seen), 1))
		}
		cursor := "null"
		if seen < n {
			cursor = fmt.Sprintf(`"%d"`, seen)
		}
		fmt.Fprintf(w, `{"logs":[%s],"cursor":%s,"has_more":%t}`,
			strings.Join(lines, ","), cursor, cursor != "null")
	})
}

func TestLogsLimit(t *testing.T) {
	manyLogs(t, 2500)
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, 100},
		{[]string{"--limit", "1"}, 1},
		{[]string{"--limit", "1000"}, 1000},
		{[]string{"--limit", "1001"}, 1001},
		{[]string{"--limit", "9999"}, 2500},
		{[]string{"--all"}, 2500},
	} {
		got := runLine(t, "", append([]string{"logs"}, tt.args...)...)
		lines := strings.Split(strings.TrimSuffix(got.Stdout, "\n"), "\n")
		last := fmt.Sprintf(`{"id":"log_%d",`, tt.want-1)
		if got.Code != exitOK || len(lines) != tt.want || !strings.HasPrefix(lines[len(lines)-1], last) {
			t.Errorf("%q: exit code %d, %d lines; want %d", tt.args, got.Code, len(lines), tt.want)
		}
	}
}

func TestLogsAreCanonicalLines(t *testing.T) {
	start(t, func(w http.ResponseWriter, r *http.Request) {
		line := canonical
		if r.URL.Query().Has("include") {
			line = line[:len(line)-1] + `,"index":7,"received_at":"2026-04-23T20:00:01.000000Z"}`
		}
		fmt.Fprintf(w, `{"logs":[%s],"cursor":null,"has_more":false}`, line)
	})
	check(t, runLine(t, "", "logs"), result{Stdout: canonical + "\n"})
	check(t, runLine(t, "", "logs", "--proof"), result{Stdout: canonical[:len(canonical)-1] +
		`,"index":7,"received_at":"2026-04-23T20:00:01.000000Z"}` + "\n"})
}

func TestLogsTable(t *testing.T) {
	manyLogs(t, 3)
	check(t, onTerminal(t, 120, "logs", "--limit", "2"), result{
		Stderr: "2 events shown; there are more (--limit, --all)\n",
		Stdout: `
TIME                      ACTION  RESULT  IDENTITY       SECRET   SOURCE     ID
────────────────────────────────────────────────────────────────────────────────────
2026-04-23T20:00:00.000Z  read    failed  user:\x1b[2Ja  prod/db  10.0.1.50  log_0
2026-04-23T20:00:00.000Z  read    failed  user:\x1b[2Ja  prod/db  10.0.1.50  log_1
`[1:]})
}

// However narrow a terminal is, the program does not fail.
func TestLogsTableOnTheNarrowestTerminal(t *testing.T) {
	manyLogs(t, 1)
	for width := 1; width < narrowest; width++ {
		got := onTerminal(t, width, "logs")
		if !strings.Contains(got.Stdout, "2026-04-23T20:00:00.000Z  read    failed  user:") {
			t.Errorf("%d columns: no event is shown:\n%s", width, got.Stdout)
		}
	}
}

// A narrower terminal goes without ids, then without addresses, then wraps
// cells; what they say is not cut.
func TestLogsTableOnANarrowTerminal(t *testing.T) {
	manyLogs(t, 1)
	check(t, onTerminal(t, 80, "logs"), result{Stdout: `
TIME                      ACTION  RESULT  IDENTITY       SECRET   SOURCE
─────────────────────────────────────────────────────────────────────────────
2026-04-23T20:00:00.000Z  read    failed  user:\x1b[2Ja  prod/db  10.0.1.50
`[1:]})
	check(t, onTerminal(t, 70, "logs"), result{Stdout: `
TIME                      ACTION  RESULT  IDENTITY       SECRET
──────────────────────────────────────────────────────────────────
2026-04-23T20:00:00.000Z  read    failed  user:\x1b[2Ja  prod/db
`[1:]})
	check(t, onTerminal(t, 62, "logs"), result{Stdout: `
TIME                      ACTION  RESULT  IDENTITY    SECRET
──────────────────────────────────────────────────────────────
2026-04-23T20:00:00.000Z  read    failed  user:\x1b[  prod/d
                                          2Ja         b
`[1:]})
}

func TestLogsJSONOnATerminal(t *testing.T) {
	start(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"logs":[%s],"cursor":null}`, strings.Replace(canonical, "prod/db", "a\u202eb", 1))
	})
	want := strings.Replace(canonical, "prod/db", `a\u202eb`, 1) + "\n"
	check(t, onTerminal(t, 80, "logs", "--json"), result{Stdout: want})
}
