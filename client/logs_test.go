package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// line is canonical, with an escape, a number that no float holds and text
// that HTML escaping would change.
const line = `{"id":"log_a","timestamp":"2026-04-23T20:00:00.000001Z","action":"read",` +
	`"identity_type":"service_account","identity_id":"sa:<r&d>","secret_path":null,"source_ip":"10.0.1.50",` +
	`"user_agent":"a\"b","success":true,"duration_ms":12,"request_id":"req_xyz",` +
	`"extra_data":{"n":12345678901234567890.10,"s":"\u0001ü"}}`

const proved = `,"index":7,"received_at":"2026-04-23T20:00:01.000000Z"}`

func TestEntryKeepsTheCanonicalLine(t *testing.T) {
	for name, text := range map[string]string{
		"line": line, "proved": line[:len(line)-1] + proved,
		"no extra data": `{"id":"log_a","timestamp":"2026-04-23T20:00:00.000001Z","action":"read",` +
			`"identity_type":"user","identity_id":"user:a","secret_path":"a/b","source_ip":null,` +
			`"user_agent":"","success":false,"duration_ms":0,"request_id":"","extra_data":{}}`,
	} {
		var e client.Entry
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := string(e.AppendJSON(nil)); got != text {
			t.Errorf("%s: got  %s\nwant %s", name, got, text)
		}
	}
}

func TestEntryOfAPrettyPrinter(t *testing.T) {
	var e client.Entry
	text := line[:len(line)-len(`"s":"\u0001ü"}}`)] + "\n  \"s\": \"\\u0001ü\"\n}, \"later\": [1]}"
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if got := string(e.AppendJSON(nil)); got != line {
		t.Errorf("got  %s\nwant %s", got, line)
	}
}

func TestLogs(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"logs":[%s],"cursor":"next","has_more":true}`, line[:len(line)-1]+proved)
	})
	page, err := c.Logs(t.Context(), audit.Query{Proof: true})
	if err != nil {
		t.Fatal(err)
	}
	index, received := uint64(7), audit.Time(1776974401000000)
	want := client.LogPage{Cursor: "next", HasMore: true, Logs: []client.Entry{{
		Index: &index, ReceivedAt: &received,
		Event: audit.Event{ID: "log_a", Timestamp: 1776974400000001, Action: "read",
			IdentityType: "service_account", IdentityID: "sa:<r&d>", SourceIP: "10.0.1.50", UserAgent: `a"b`,
			Success: true, DurationMS: 12, RequestID: "req_xyz",
			ExtraData: `{"n":12345678901234567890.10,"s":"\u0001ü"}`},
	}}}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// pages serves n events in pages of one, each cursor the number of events seen.
func pages(t *testing.T, n int, asked *[]string) *client.Client {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.RawQuery)
		seen := 0
		fmt.Sscan(r.URL.Query().Get("cursor"), &seen)
		cursor := "null"
		if seen+1 < n {
			cursor = fmt.Sprintf(`"%d"`, seen+1)
		}
		fmt.Fprintf(w, `{"logs":[%s],"accesses":[{"count":%d}],"cursor":%s,"has_more":%t}`,
			line, seen, cursor, cursor != "null")
	})
}

func TestAllLogsWalksEveryPage(t *testing.T) {
	var asked []string
	c := pages(t, 3, &asked)
	n := 0
	for e, err := range c.AllLogs(t.Context(), audit.Query{Filter: audit.Filter{IdentityID: "a"}}) {
		if err != nil || e.ID != "log_a" {
			t.Fatalf("entry %+v, error %v", e, err)
		}
		n++
	}
	want := []string{"identity_id=a&limit=1000", "cursor=1&identity_id=a&limit=1000",
		"cursor=2&identity_id=a&limit=1000"}
	if n != 3 {
		t.Errorf("%d entries; want 3", n)
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAllLogsAsksForNoPageThatIsNotNeeded(t *testing.T) {
	var asked []string
	c := pages(t, 3, &asked)
	for range c.AllLogs(t.Context(), audit.Query{}) {
		break
	}
	if len(asked) != 1 {
		t.Errorf("%d requests; want 1", len(asked))
	}
}

func TestAllLogsEndsWithTheError(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("cursor") {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":{"code":"invalid_cursor","message":"expired"}}`)
			return
		}
		fmt.Fprintf(w, `{"logs":[%s],"cursor":"1","has_more":true}`, line)
	})
	var codes []audit.Code
	for _, err := range c.AllLogs(t.Context(), audit.Query{}) {
		codes = append(codes, audit.ErrorCode(err))
	}
	if diff := cmp.Diff([]audit.Code{"", audit.CodeInvalidCursor}, codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func TestAllAccesses(t *testing.T) {
	var asked []string
	c := pages(t, 3, &asked)
	var counts []uint64
	for a, err := range c.AllAccesses(t.Context(), audit.AccessQuery{Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, a.Count)
	}
	if diff := cmp.Diff([]uint64{0, 1, 2}, counts); diff != "" {
		t.Errorf("accesses (-want +got):\n%s", diff)
	}
}

func TestTrails(t *testing.T) {
	const summary = `"period_days":30,"from":"2026-03-24T20:00:00.000000Z","to":"2026-04-23T20:00:00.000000Z",` +
		`"total_events":2,"successful_events":1,"failed_events":1,"actions_breakdown":{"read":2},` +
		`"first_accessed_at":null,"last_accessed_at":"2026-04-23T19:00:00.000000Z"`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/audit/secrets/a/b" {
			fmt.Fprintf(w, `{"path":"a/b","logs":[%s],"summary":{%s,"unique_identities":1,`+
				`"top_identities":[{"identity_id":"sa:x","count":2}]},"cursor":"c","has_more":true}`, line, summary)
			return
		}
		fmt.Fprintf(w, `{"identity_id":"sa:x","identity_type":null,"logs":[],"summary":{%s,"unique_resources":1,`+
			`"top_resources":[{"path":"a/b","count":2}]},"cursor":null,"has_more":false}`, summary)
	})
	to := audit.Time(1776974400000000)
	last := to - audit.Hour
	counts := audit.TrailSummary{PeriodDays: 30, From: to - 30*audit.Day, To: to,
		TotalEvents: 2, SuccessfulEvents: 1, FailedEvents: 1,
		ActionsBreakdown: map[audit.Action]uint64{"read": 2}, LastAccessedAt: &last}

	secret, err := c.Secret(t.Context(), "a/b", audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	wantSecret := client.SecretTrail{Path: "a/b",
		LogPage: client.LogPage{Logs: secret.Logs, Cursor: "c", HasMore: true},
		Summary: audit.SecretSummary{TrailSummary: counts, UniqueIdentities: 1,
			TopIdentities: []audit.IdentityCount{{IdentityID: "sa:x", Count: 2}}}}
	if diff := cmp.Diff(wantSecret, secret); diff != "" || len(secret.Logs) != 1 {
		t.Errorf("secret trail of %d entries (-want +got):\n%s", len(secret.Logs), diff)
	}

	identity, err := c.Identity(t.Context(), "sa:x", audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	wantIdentity := client.IdentityTrail{IdentityID: "sa:x", LogPage: client.LogPage{Logs: []client.Entry{}},
		Summary: audit.IdentitySummary{TrailSummary: counts, UniqueResources: 1,
			TopResources: []audit.PathCount{{Path: "a/b", Count: 2}}}}
	if diff := cmp.Diff(wantIdentity, identity); diff != "" {
		t.Errorf("identity trail (-want +got):\n%s", diff)
	}
}
