package source_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

type members = map[string]any

const start = "2026-11-23T06:18:31.000000Z"

// line returns a line of an audit device with the members in request.
func line(kind, time string, request members, more ...members) string {
	m := members{"type": kind, "time": time, "request": request}
	for _, other := range more {
		maps.Copy(m, other)
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

// answer returns the one event of an answer without its request.
func answer(t *testing.T, request members, more ...members) audit.Event {
	t.Helper()
	events := read(t, source.NewPairer(source.Options{}), line("response", start, request, more...))
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	return events[0]
}

// extra returns the extra data of an event.
func extra(t *testing.T, e audit.Event) members {
	t.Helper()
	m := make(members)
	if e.ExtraData == "" {
		return m
	}
	if err := json.Unmarshal([]byte(e.ExtraData), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSecretPath(t *testing.T) {
	deep := strings.Repeat("s/", 31) + "s"
	long := "s/" + strings.Repeat("x", audit.MaxPath-1)
	hash := sum(long)
	tests := []struct {
		mount, kind, namespace, path string
		want                         audit.Path
	}{
		{"secret/", "kv", "", "secret/data/a/b", "secret/a/b"},
		{"secret/", "kv", "", "secret/metadata/a/b", "secret/a/b"},
		{"secret/", "kv", "", "secret/delete/a/b", "secret/a/b"},
		{"secret/", "kv", "", "secret/undelete/a/b", "secret/a/b"},
		{"secret/", "kv", "", "secret/destroy/a/b", "secret/a/b"},
		{"secret/", "kv", "", "secret/data/data/b", "secret/data/b"},
		{"secret/", "kv", "", "secret/database/b", "secret/database/b"},
		{"secret/", "kv", "", "secret/a/data/b", "secret/a/data/b"},
		{"secret/", "kv", "", "secret/metadata/", "secret"},
		{"secret/", "kv", "", "secret/metadata", "secret"},
		{"secret/", "kv", "", "secret/", "secret"},
		{"team/kv/", "kv", "", "team/kv/data/a", "team/kv/a"},
		{"team/kv/", "kv", "ns1/", "team/kv/data/a", "ns1/team/kv/a"},
		{"ns1/team/kv/", "kv", "ns1/", "team/kv/data/a", "ns1/team/kv/a"},
		{"ns1/team/kv/", "kv", "ns1/", "ns1/team/kv/data/a", "ns1/team/kv/a"},
		{"cubbyhole/", "cubbyhole", "", "cubbyhole/data/a", "cubbyhole/data/a"},
		{"pki/", "pki", "", "pki/issue/web", "pki/issue/web"},
		{"sys/", "system", "ns1/ns2/", "sys/policies/acl/p", "ns1/ns2/sys/policies/acl/p"},
		{"", "", "", "secret/data/a", "secret/a"},
		{"", "", "", "", ""},
		{"", "", "", "/", ""},
		{"s/", "x", "", "s/a//b", "s/a/%2Fb"},
		{"s/", "x", "", "s/a///b", "s/a/%2F%2Fb"},
		{"s/", "x", "", "s/a//", "s/a%2F"},
		{"s/", "x", "", "s/../b/.", "s/%2E%2E/b/%2E"},
		{"", "x", "", "/s/a", "%2Fs/a"},
		{"s/", "x", "", "s/a\n\x7f\u2028é", "s/a%0A%7F%E2%80%A8é"},
		{"s/", "x", "", deep, audit.Path(deep)},
		{"s/", "x", "", deep + "/t/u", audit.Path(deep + "%2Ft%2Fu")},
		{"s/", "x", "", long[:audit.MaxPath], audit.Path(long[:audit.MaxPath])},
		{"s/", "x", "", long, audit.Path(fmt.Sprintf("%.495s~%x", long, hash[:8]))},
	}
	for _, tt := range tests {
		e := answer(t, members{"operation": "read", "path": tt.path, "mount_point": tt.mount,
			"mount_type": tt.kind, "namespace": members{"path": tt.namespace}})
		if e.SecretPath != tt.want {
			t.Errorf("%s of %s (%s) in %q: got %q, want %q",
				tt.path, tt.mount, tt.kind, tt.namespace, e.SecretPath, tt.want)
		}
		if raw, _ := extra(t, e)["path"].(string); raw != tt.path {
			t.Errorf("%q is %q in the extra data", tt.path, raw)
		}
	}
}

func TestSuccess(t *testing.T) {
	type pair struct{ request, response members }
	const denied = "1 error occurred:\n\t* permission denied\n\n"
	data := func(m members) members { return members{"response": members{"data": m}} }
	not := members{"auth": members{"policy_results": members{"allowed": false}}}
	tests := []struct {
		name      string
		lines     pair
		mountType string
		want      bool
	}{
		{"no answer to speak of", pair{}, "kv", true},
		{"error of both", pair{members{"error": denied}, members{"error": denied}}, "kv", false},
		{"error of the request", pair{members{"error": denied}, nil}, "kv", false},
		{"error of the answer", pair{nil, members{"error": "x"}}, "kv", false},
		{"denied on the request", pair{not, nil}, "kv", false},
		{"denied on the answer", pair{nil, not}, "kv", false},
		{"logical error", pair{nil, data(members{"error": "hmac-sha256:00"})}, "kv", false},
		{"secret with a field error", pair{nil, data(members{"error": "x", "name": "y"})}, "kv", true},
		{"logical error with more", pair{nil, data(members{"error": "x", "name": "y"})}, "database", false},
		{"no logical error", pair{nil, data(members{"error": nil})}, "database", true},
		{"status 404", pair{nil, data(members{"http_status_code": 404})}, "pki", false},
		{"status 200", pair{nil, data(members{"http_status_code": 200})}, "pki", true},
	}
	for _, tt := range tests {
		request := members{"id": "r", "operation": "read", "path": "m/a",
			"mount_point": "m/", "mount_type": tt.mountType}
		events := read(t, source.NewPairer(source.Options{}),
			line("request", start, request, tt.lines.request)+line("response", start, request, tt.lines.response))
		if len(events) != 1 || events[0].Success != tt.want {
			t.Errorf("%s: got %v, want success %v", tt.name, text(events), tt.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	who := func(m members) members { return members{"auth": m} }
	login := func(mount string, rest string) members {
		return members{"operation": "update", "path": "auth/" + mount + "/" + rest,
			"mount_point": "auth/" + mount + "/", "mount_type": mount, "remote_address": "10.0.0.1"}
	}
	get := members{"operation": "read", "path": "kv/a", "remote_address": "10.0.0.1"}
	tests := []struct {
		request, more members
		id            audit.IdentityID
		kind          audit.IdentityType
	}{
		{get, who(members{"display_name": "root"}), "user:root", "user"},
		{get, who(members{"display_name": "userpass-bo", "entity_id": "e1"}), "user:e1", "user"},
		{get, who(members{"display_name": "approle", "entity_id": "e2"}), "sa:e2", "service_account"},
		{get, who(members{"display_name": "corp-oidc-bo"}), "user:corp-oidc-bo", "user"},
		{get, who(members{"display_name": "token-ci"}), "sa:token-ci", "service_account"},
		{get, who(members{"display_name": "own-thing"}), "sa:own-thing", "service_account"},
		{get, who(members{"metadata": members{"username": "bo"}}), "user:bo", "user"},
		{get, who(members{"metadata": members{"role": "deploy", "service_account_name": "web"}}), "sa:web",
			"service_account"},
		{get, who(members{"display_name": "a\nb"}), "sa:a%0Ab", "service_account"},
		{get, nil, "unknown", "user"},
		{login("userpass", "login/bo"), members{"response": who(members{"entity_id": "e1",
			"display_name": "userpass-bo"})}, "user:e1", "user"},
		{login("userpass", "login/bo"), members{"error": "invalid credentials"}, "user:bo", "user"},
		{login("ldap", "login/bo/x"), nil, "user:bo/x", "user"},
		{login("approle", "login"), nil, "unknown", "service_account"},
		{members{"path": "sys/audit/test", "operation": "update"}, nil, "system:vault", "system"},
	}
	for _, tt := range tests {
		e := answer(t, tt.request, tt.more)
		if e.IdentityID != tt.id || e.IdentityType != tt.kind {
			t.Errorf("%v %v: got %s %s, want %s %s",
				tt.request, tt.more, e.IdentityType, e.IdentityID, tt.kind, tt.id)
		}
	}
	for _, n := range []int{251, 252} { // 256 and 257 characters with the prefix
		name := strings.Repeat("é", n)
		e := answer(t, get, who(members{"display_name": name, "metadata": members{"username": "x"}}))
		want := audit.IdentityID("user:" + name)
		if whole := e.IdentityID == want; whole != (n == 251) || extra(t, e)["display_name"] == nil {
			t.Errorf("name of %d characters becomes %s", n, e.IdentityID)
		}
	}
}

// TestOddValues gives the members of a line values that nobody expects.
func TestOddValues(t *testing.T) {
	tests := []struct {
		name    string
		request members
		more    members
		want    members // of the extra data
	}{
		{"no members", nil, nil, nil},
		{"wrong types", members{"id": 7, "path": []string{"a"}, "headers": 1, "namespace": "x", "data": true},
			members{"auth": "x", "error": members{}, "response": []any{1}}, nil},
		{"strange port", members{"remote_port": "x1"}, nil, members{"remote_port": "x1"}},
		{"port with zeros", members{"remote_port": "007"}, nil, members{"remote_port": "007"}},
		{"port as text", members{"remote_port": "443"}, nil, members{"remote_port": 443.0}},
		{"address with zone", members{"remote_address": "fe80::1%eth0"}, nil,
			members{"remote_address": "fe80::1%eth0"}},
		{"no time", nil, members{"time": "yesterday"}, members{"time": "yesterday"}},
		{"unknown operation", members{"operation": "frobnicate"}, nil, members{"operation": "frobnicate"}},
		{"forwarded", nil, members{"forwarded": true, "forwarded_from": "h:1"},
			members{"forwarded": true, "forwarded_from": "h:1"}},
		{"standby", members{"policy_override": true, "wrap_ttl": 60, "replication_cluster": "c"}, nil,
			members{"policy_override": true, "wrap_ttl": "60", "replication_cluster": "c"}},
		{"null data", members{"data": nil}, nil, nil},
	}
	for _, tt := range tests {
		e := answer(t, tt.request, tt.more)
		got := extra(t, e)
		for name, want := range tt.want {
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tt.name, name, diff)
			}
		}
	}
}

func TestNoTime(t *testing.T) {
	e := answer(t, members{"id": "r"}, members{"time": nil})
	if e.ID != "" || e.Timestamp != audit.NoTime {
		t.Errorf("got %q at %d: an id must not come without a time", e.ID, e.Timestamp)
	}
}

func TestUserAgent(t *testing.T) {
	for _, n := range []int{audit.MaxUserAgent, audit.MaxUserAgent + 1} {
		agent := strings.Repeat("u", n)
		e := answer(t, members{"headers": members{"User-Agent": []string{agent, "other"}, "x-id": []string{"7"}}})
		if want := agent[:audit.MaxUserAgent]; e.UserAgent != want {
			t.Errorf("%d bytes: got %d", n, len(e.UserAgent))
		}
		x := extra(t, e)
		if diff := cmp.Diff(members{"x-id": []any{"7"}}, x["headers"]); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		if cut := x["truncated"] != nil; cut != (n > audit.MaxUserAgent) {
			t.Errorf("%d bytes: cut on record: %v", n, cut)
		}
	}
}

// TestAnswer keeps what Vault gave.
func TestAnswer(t *testing.T) {
	e := answer(t, members{"operation": "read", "path": "database/creds/app", "id": strings.Repeat("i", 129)},
		members{"response": members{
			"secret":    members{"lease_id": "database/creds/app/1", "other": 1},
			"auth":      members{"accessor": "hmac-sha256:01", "policies": []string{"p"}, "token_ttl": 60},
			"warnings":  []string{"soon", "never"},
			"redirect":  "https://standby",
			"wrap_info": members{"ttl": 60, "token": "hmac-sha256:02"},
			"unknown":   true,
		}})
	want := members{
		"operation": "read", "path": "database/creds/app",
		"lease_id":        "database/creds/app/1",
		"issued_accessor": "hmac-sha256:01", "issued_policies": []any{"p"}, "issued_token_ttl": 60.0,
		"warnings": []any{"soon", "never"}, "redirect": "https://standby",
		"request_id": strings.Repeat("i", 129),
		"wrap_info":  members{"ttl": 60.0, "token": "hmac-sha256:02"},
	}
	if diff := cmp.Diff(want, extra(t, e)); diff != "" {
		t.Errorf("extra data (-want +got):\n%s", diff)
	}
	if len(e.RequestID) != audit.MaxRequestID || !strings.HasPrefix(e.RequestID, "iii") {
		t.Errorf("request id %q", e.RequestID)
	}
}

// TestUnhashed reads the line of a device with log_raw: what is secret in it
// stays out of the log.
func TestUnhashed(t *testing.T) {
	e := answer(t, members{"client_token": "plain-token", "data": members{"password": "p4ss"}},
		members{"auth": members{"client_token": "plain-token"},
			"response": members{"data": members{"key": "s3cret"}, "auth": members{"client_token": "new-token"}}})
	for _, secret := range []string{"plain-token", "p4ss", "s3cret", "new-token"} {
		if strings.Contains(e.ExtraData, secret) {
			t.Errorf("extra data holds %s: %s", secret, e.ExtraData)
		}
	}
	if extra(t, e)["withheld"] == nil {
		t.Errorf("nothing tells that data was withheld: %s", e.ExtraData)
	}
}

func TestPrefix(t *testing.T) {
	plain := line("response", start, members{"id": "r", "path": "kv/a"})
	want := read(t, source.NewPairer(source.Options{}), plain)
	for _, prefix := range []string{"@cee: ", "<13>Nov 23 vault[7]: ", `a="b" `, "{x} ", " \t"} {
		got := read(t, source.NewPairer(source.Options{}), prefix+plain)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", prefix, diff)
		}
	}
}

func TestNotALine(t *testing.T) {
	good := line("request", start, members{"id": "r"})
	tests := []struct{ line, want string }{
		{"hello", "no JSON object"},
		{`"type"`, "no JSON object"},
		{`[1,2]`, "no JSON object"},
		{`{}`, "not of type request or response"},
		{`{"type":"seal"}`, "not of type request or response"},
		{`{"Type":"request"}`, "not of type request or response"},
		{`{"type":7}`, "not of type request or response"},
		{`{"type":"request"`, "malformed JSON at byte 17"},
		{`{"type":"request"} {}`, "text follows the object"},
		{`{"type":"request"} x`, "malformed JSON at byte 19"},
		{`{"type":"request","s3cret":nul}`, "malformed JSON at byte"},
		{`{"type":"request","request":` + strings.Repeat("[", 20_000), "depth"},
	}
	for _, tt := range tests {
		p := source.NewPairer(source.Options{})
		if _, err := p.Add([]byte(good)); err != nil {
			t.Fatal(err)
		}
		events, err := p.Add([]byte(tt.line))
		if audit.ErrorCode(err) != audit.CodeInvalidRequest || !strings.Contains(err.Error(), tt.want) ||
			!strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.40s: got %v, want %q and the number of the line", tt.line, err, tt.want)
		}
		if open := p.Close(); len(events) != 0 || len(open) != 1 {
			t.Errorf("%.40s: %d and %d events, want the open one", tt.line, len(events), len(open))
		}
	}
}

func TestBlankLine(t *testing.T) {
	p := source.NewPairer(source.Options{})
	for _, blank := range []string{"", "\n", " \r\n"} {
		if events, err := p.Add([]byte(blank)); err != nil || events != nil {
			t.Errorf("%q: got %v, %v", blank, events, err)
		}
	}
	if _, err := p.Add([]byte("x")); err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("got %v, want the number of the line with blank ones counted", err)
	}
}

// TestTruncation cuts what is too large and says so, at each limit and one
// past it.
func TestTruncation(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	nest := func(n int) any {
		var v any = "leaf"
		for range n {
			v = members{"n": v}
		}
		return v
	}
	tests := []struct {
		name string
		make func(n int) (request, more members)
		most int
	}{
		{"path", func(n int) (members, members) { return members{"path": long(n)}, nil }, 4096 - 2},
		{"error", func(n int) (members, members) { return nil, members{"error": long(n)} }, 4096 - 2},
		{"policies", func(n int) (members, members) {
			return nil, members{"auth": members{"policies": []string{long(n - 100), long(100)}}}
		}, 4096},
		{"granting", func(n int) (members, members) {
			p := []members{{"type": ""}, {"name": long(n - 100)}, {"name": long(100)}}
			return nil, members{"auth": members{"policy_results": members{"granting_policies": p}}}
		}, 4096},
		{"depth", func(n int) (members, members) { return members{"data": nest(n)}, nil }, 7},
		{"data", func(n int) (members, members) { return members{"data": members{"a": "hmac-" + long(n-5), "b": 1}}, nil },
			16<<10 - 320 - len(`{"operation":"","request_data":{"a":"","b":1}}`) + len(`"operation":"",`)},
	}
	for _, tt := range tests {
		for n := tt.most; n <= tt.most+1; n++ {
			request, more := tt.make(n)
			e := answer(t, request, more)
			cut, _ := extra(t, e)["truncated"].(members)
			if (cut != nil) != (n > tt.most) {
				t.Errorf("%s at %d of %d: truncated %v, %d bytes", tt.name, n, tt.most, cut, len(e.ExtraData))
			}
			raw := strings.TrimSpace(line("response", start, request, more))
			if cut != nil && cut["response_size"] != float64(len(raw)) {
				t.Errorf("%s: size %v, want %d", tt.name, cut["response_size"], len(raw))
			}
		}
	}
}

// TestHugeAnswer keeps the members that fit and the hash of the whole.
func TestHugeAnswer(t *testing.T) {
	keys := make(members)
	for i := range 100_000 {
		keys[fmt.Sprintf("key%06d", i)] = "hmac-" + strings.Repeat("v", 45)
	}
	request := members{"id": "r", "operation": "read", "path": "kv/a", "data": members{"version": 3}}
	text := line("response", start, request, members{"response": members{"data": keys}})
	e := answer(t, request, members{"response": members{"data": keys}})
	x := extra(t, e)
	kept, _ := x["response_data"].(members)
	if len(kept) < 200 || kept["key000000"] == nil || len(e.ExtraData) > audit.MaxExtraData {
		t.Errorf("%d of the members kept, %d bytes", len(kept), len(e.ExtraData))
	}
	want := members{"response_size": float64(len(text) - 1),
		"response_sha256": fmt.Sprintf("%x", sum(text[:len(text)-1]))}
	if diff := cmp.Diff(want, x["truncated"]); diff != "" {
		t.Errorf("truncated (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(members{"version": 3.0}, x["request_data"]); diff != "" {
		t.Errorf("request_data (-want +got):\n%s", diff)
	}
}

// TestCanonicalData keeps numbers as they are written and the first of two
// members of one name, on record.
func TestCanonicalData(t *testing.T) {
	raw := `{"type":"response","time":"` + start + `","request":{"data":` +
		`{ "n" : 1.50e+2, "big":123456789012345678901234567890, "s":"\u0041\/<\ud800", "n":2, "e":[ ] }, "client_token":"hmac-a" }}`
	events := read(t, source.NewPairer(source.Options{}), raw)
	want := `"request_data":{"n":1.50e+2,"big":123456789012345678901234567890,"s":"A/<` + "\ufffd" +
		`","e":[]},"truncated":{"response_size":`
	if got := events[0].ExtraData; !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
