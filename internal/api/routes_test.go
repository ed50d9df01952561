package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/api"
)

// target is a request that a route answers with success for whoever may.
type target struct {
	path, body string
	status     int
	code       any
}

// targetOf returns the target of a route on a server that has an export.
func targetOf(rt api.Route, exportID string) target {
	x := target{path: pathOf(rt, exportID), status: 200, code: absent{}}
	switch {
	case strings.HasSuffix(rt.Pattern, "/sinks") && rt.Method == "POST":
		x.status, x.body = 201, sinkBody(strings.Trim(strings.ReplaceAll(rt.Pattern[:5], "/", "-"), "-"))
	case strings.Contains(rt.Pattern, "/sinks"):
	case strings.HasSuffix(rt.Pattern, "/export"):
		x.status, x.body = 202, exportBody
	case strings.HasSuffix(rt.Pattern, "/resume"):
		x.status, x.code = 409, "export_conflict" // it is not paused: the request was admitted
	case strings.HasSuffix(rt.Pattern, "/stream"):
		x.status, x.code = 400, "invalid_cursor" // a better one has no end: the request was admitted
	case strings.HasSuffix(rt.Pattern, "/vault"):
		x.status, x.body = 204, `{"type":"request","request":{"id":"r"}}`
	case rt.Method == "POST":
		x.body = `{"action":"login","identity_type":"user","identity_id":"user:x","success":true}`
	}
	return x
}

func sinkBody(name string) string { return `{"name":"` + name + `","type":"file"}` }

// seedSink makes the sink "siem" of tnt_a, if it is not there.
func (s *service) seedSink(t *testing.T) {
	t.Helper()
	r := s.post(t, "admin", "/v1/audit/sinks", sinkBody("siem"), "Content-Type: application/json")
	if r.StatusCode != 201 && r.StatusCode != 409 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

const exportBody = `{"format":"jsonl","destination":{"type":"s3","bucket":"archive","credentials_path":"export/creds"}}`

// seedExport makes an export of tnt_a and returns its id.
func (s *service) seedExport(t *testing.T) string {
	t.Helper()
	r := s.post(t, "exporter", "/v1/audit/export", exportBody, "Content-Type: application/json")
	id, ok := r.member("export_id").(string)
	if !ok {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	return id
}

func pathOf(rt api.Route, exportID string) string {
	path := strings.NewReplacer("{tenant_id}", "tnt_a", "logs/{id}", "logs/log_a03", "exports/{id}", "exports/"+exportID,
		"sinks/{name}", "sinks/siem",
		"identities/{id}", "identities/sa:app", "{path...}", "prod/db/main").Replace(rt.Pattern)
	if strings.HasSuffix(path, "/values") {
		path += "?field=action"
	}
	if strings.HasSuffix(path, "/stream") {
		path += "?cursor=none"
	}
	if strings.HasSuffix(path, "/inclusion") {
		path += "?id=log_a03"
	}
	if strings.HasSuffix(path, "/proofs/trail") {
		path += "?secret_path=a/b"
	}
	if strings.HasSuffix(path, "/consistency") {
		path += "?from_size=1&to_size=1"
	}
	return path
}

func (x target) ask(t *testing.T, s *service, as, method string, lines ...string) response {
	t.Helper()
	if x.body != "" {
		lines = append(lines, "Content-Type: application/json")
	}
	return s.do(t, as, method, x.path, x.body, lines...)
}

// TestRouteMatrix asks every route as everyone who may not.
func TestRouteMatrix(t *testing.T) {
	s := start(t, func(c *api.Config) { c.ExportRate = 1000 })
	s.seed(t)
	for _, rt := range api.Routes() {
		t.Run(rt.Method+" "+rt.Pattern, func(t *testing.T) {
			s.seedSink(t)
			x := targetOf(rt, s.seedExport(t))
			want := func(r response, status int, code any) {
				t.Helper()
				if r.StatusCode != status || r.member("error.code") != code {
					t.Errorf("got %d %v, want %d %v\n%s", r.StatusCode, r.member("error.code"), status, code, r.body)
				}
			}
			if rt.Scope == api.NoToken {
				want(x.ask(t, s, "", rt.Method), x.status, x.code)
				return
			}
			want(x.ask(t, s, "", rt.Method), 401, "authentication_required")
			want(x.ask(t, s, "wrong", rt.Method), 401, "token_invalid")
			want(x.ask(t, s, "expired", rt.Method), 401, "token_expired")
			want(x.ask(t, s, "revoked", rt.Method), 401, "token_revoked")
			if rt.Scope == api.AnyToken {
				want(x.ask(t, s, "none", rt.Method), x.status, x.code)
				return
			}
			want(x.ask(t, s, "none", rt.Method), 403, "insufficient_scope")
			want(x.ask(t, s, "allbut_"+rt.Scope, rt.Method), 403, "insufficient_scope")
			want(x.ask(t, s, "only_"+rt.Scope, rt.Method), x.status, x.code)
			want(x.ask(t, s, "foreign_"+rt.Scope, rt.Method, "X-Tenant-ID: tnt_a"), 403, "tenant_access_denied")
			if strings.Contains(rt.Pattern, "{tenant_id}") {
				want(x.ask(t, s, "foreign_"+rt.Scope, rt.Method), 403, "tenant_access_denied")
			}
		})
	}
}

// TestMethods asks every route with every other method.
func TestMethods(t *testing.T) {
	s := start(t)
	s.seed(t)
	s.seedSink(t)
	id := s.seedExport(t)
	methods := make(map[string][]string) // by pattern
	for _, rt := range api.Routes() {
		methods[rt.Pattern] = append(methods[rt.Pattern], rt.Method)
		if rt.Method == "GET" {
			methods[rt.Pattern] = append(methods[rt.Pattern], "HEAD")
		}
	}
	for _, rt := range api.Routes() {
		x := targetOf(rt, id)
		for method := range strings.FieldsSeq("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE QUERY") {
			if slices.Contains(methods[rt.Pattern], method) {
				continue
			}
			r := s.do(t, "admin", method, x.path, "")
			allow := strings.Join(methods[rt.Pattern], ", ")
			if r.StatusCode != 405 || r.Header.Get("Allow") != allow {
				t.Errorf("%s %s: got %d, Allow %q; want 405, %q", method, x.path,
					r.StatusCode, r.Header.Get("Allow"), allow)
			}
		}
		if rt.Method == "GET" {
			get, head := x.ask(t, s, "admin", "GET"), x.ask(t, s, "admin", "HEAD")
			if get.StatusCode != head.StatusCode || get.ContentLength != head.ContentLength {
				t.Errorf("%s: GET %d with %d bytes, HEAD %d with %d", x.path,
					get.StatusCode, get.ContentLength, head.StatusCode, head.ContentLength)
			}
		}
	}
}

// TestForeignIsAbsent asks for what another tenant has, on a server where it
// has it and on one where nobody does: the answers are the same bytes.
func TestForeignIsAbsent(t *testing.T) {
	with, without := start(t), start(t)
	with.seed(t)
	without.seed(t)
	without.log.records["tnt_a"] = nil
	cursor := with.get(t, "reader", "/v1/audit/logs?limit=1").member("cursor").(string)
	for _, path := range []string{
		"/v1/audit/logs",
		"/v1/audit/logs?include=proof",
		"/v1/audit/logs?path_prefix=prod/dbx",
		"/v1/audit/logs?request_id=req-8",
		"/v1/audit/logs?cursor=" + cursor,
		"/v1/audit/logs/log_a03",
		"/v1/audit/logs/log_0000000000000002",
		"/v1/audit/secrets/prod/dbx",
		"/v1/audit/secrets/prod/dbx?cursor=" + cursor,
		"/v1/audit/secrets/prod/db/main",
		"/v1/audit/identities/sa:app",
		"/v1/audit/identities/user:bob@example.org",
		"/v1/audit/accesses",
		"/v1/audit/accesses?identity_id=sa:app",
		"/v1/audit/values?field=secret_path",
		"/v1/audit/values?field=identity_id&q=app",
		"/v1/audit/summary",
		"/v1/audit/summary?identity_id=sa:app&interval=1d",
		"/v1/t/tnt_a/audit/logs",
		"/v1/t/tnt_a/audit/logs/log_a03",
		"/v1/t/tnt_nothere/audit/logs/log_a03",
	} {
		a := with.get(t, "other", path, "X-Request-ID: same")
		b := without.get(t, "other", path, "X-Request-ID: same")
		if a.StatusCode != b.StatusCode || a.body != b.body {
			t.Errorf("%s: %d %s\nwithout the other tenant: %d %s", path, a.StatusCode, a.body, b.StatusCode, b.body)
		}
	}
	denied := with.get(t, "other", "/v1/t/tnt_a/audit/logs", "X-Request-ID: same")
	for _, path := range []string{"/v1/t/tnt_nothere/audit/logs", "/v1/t/tnt!/audit/logs"} {
		if r := with.get(t, "other", path, "X-Request-ID: same"); r.body != denied.body {
			t.Errorf("%s: %s, want %s", path, r.body, denied.body)
		}
	}
}
