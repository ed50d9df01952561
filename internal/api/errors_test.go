package api_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
)

// failing is a log whose lists fail.
type failing struct {
	*reference
	fail func(ctx context.Context) error
}

func (f failing) Query(ctx context.Context, _ audit.TenantID, _ audit.Query) (audit.Page, error) {
	return audit.Page{}, f.fail(ctx)
}

func startFailing(t *testing.T, fail func(context.Context) error) *service {
	t.Helper()
	return start(t, func(c *api.Config) { c.Log = failing{c.Log.(*reference), fail} })
}

// TestStatusOfEveryCode reads the codes from the vocabulary's source, so that
// none is added without a status.
func TestStatusOfEveryCode(t *testing.T) {
	want := map[string]int{
		"invalid_request": 400, "invalid_path": 400, "invalid_cursor": 400,
		"authentication_required": 401, "token_expired": 401, "token_invalid": 401, "token_revoked": 401,
		"insufficient_scope": 403, "tenant_access_denied": 403, "access_denied": 403,
		"not_found": 404, "event_not_found": 404, "export_not_found": 404, "method_not_allowed": 405,
		"id_conflict": 409, "export_conflict": 409, "destination_conflict": 409, "destination_unavailable": 422,
		"payload_too_large": 413, "uri_too_long": 414, "unsupported_media_type": 415,
		"validation_error": 422, "rate_limited": 429, "internal_error": 500, "data_damaged": 500,
		"service_unavailable": 503, "storage_full": 503, "query_timeout": 503,
	}
	var code audit.Code
	s := startFailing(t, func(context.Context) error {
		return audit.Errorf(code, "a message: %w", errors.New("and its cause"))
	})
	for _, text := range codes(t) {
		status, ok := want[text]
		if !ok {
			t.Errorf("code %s has no row in this test", text)
		}
		code = audit.Code(text)
		r := s.get(t, "reader", "/v1/audit/logs")
		if r.StatusCode != status || r.member("error.code") != text {
			t.Errorf("%s: got %d %s, want %d", text, r.StatusCode, r.body, status)
		}
		if told := strings.Contains(r.body, "a message"); told != (status < 500) {
			t.Errorf("%s: message told is %t: %s", text, told, r.body)
		}
	}
}

// codes returns the values of the constants of type audit.Code.
func codes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		return true
	})
	if len(list) < 20 {
		t.Fatalf("found %d codes only", len(list))
	}
	return list
}

func TestErrorDetails(t *testing.T) {
	var err error
	s := startFailing(t, func(context.Context) error { return err })
	ask := func(want string) {
		t.Helper()
		r := s.get(t, "reader", "/v1/audit/logs", "X-Request-ID: r1")
		if r.body != want {
			t.Errorf("got  %s\nwant %s", r.body, want)
		}
	}
	err = audit.Invalid([]audit.FieldError{{Field: "a<b>\u2028", Message: "no"}, {Field: "c", Message: "\xff"}})
	ask(`{"error":{"code":"validation_error","message":"a<b>` + "\u2028" + `: no; c: ` + "\ufffd" +
		`","details":{"fields":[{"field":"a<b>` + "\u2028" + `","message":"no"},` +
		`{"field":"c","message":"` + "\ufffd" +
		`"}]},"request_id":"r1"}}`)

	err = &audit.Error{Code: audit.CodeDataDamaged, Message: "segment 7: checksum mismatch at 8192",
		Damaged: []audit.IndexRange{{From: 5, To: 9}}}
	ask(`{"error":{"code":"data_damaged","message":"a part of the log that the answer needs is damaged; ` +
		`details name the indexes","details":{"damaged":[{"from":5,"to":9}]},"request_id":"r1"}}`)

	err = errors.New("open wal: permission denied")
	ask(`{"error":{"code":"internal_error","message":"the server made a mistake; its log names the cause ` +
		`beside this request id","request_id":"r1"}}`)
	last := s.lines()
	if line := last[len(last)-1]; !strings.Contains(line, `"error":"open wal: permission denied"`) ||
		!strings.Contains(line, `"request_id":"r1"`) || !strings.Contains(line, `"level":"ERROR"`) {
		t.Errorf("logged %s", line)
	}
}

func TestPanic(t *testing.T) {
	n := 0
	s := startFailing(t, func(context.Context) error {
		if n++; n == 1 {
			panic("a secret\ninside")
		}
		return audit.Errorf(audit.CodeNotFound, "fine")
	})
	r := s.get(t, "reader", "/v1/audit/logs")
	if r.StatusCode != 500 || r.member("error.code") != "internal_error" || strings.Contains(r.body, "secret") {
		t.Errorf("got %d %s", r.StatusCode, r.body)
	}
	if r := s.get(t, "reader", "/v1/audit/logs"); r.StatusCode != 404 {
		t.Errorf("afterwards: %d", r.StatusCode)
	}
	lines := s.lines()
	if len(lines) != 2 || !strings.Contains(lines[0], `panic: a secret\ninside\ngoroutine`) {
		t.Errorf("logged %s", lines)
	}
}

func TestReadiness(t *testing.T) {
	var err error
	s := start(t, func(c *api.Config) {
		c.Checks = []api.Check{
			{Name: "store", Run: func(context.Context, audit.TenantID) (map[string]any, error) {
				return map[string]any{"events": 7}, err
			}},
			{Name: "keys", Run: func(context.Context, audit.TenantID) (map[string]any, error) { return nil, nil }},
		}
	})
	ask := func(as, path string, status int, want string) {
		t.Helper()
		if r := s.get(t, as, path); r.StatusCode != status || r.body != want {
			t.Errorf("%s: %d %s\nwant %d %s", path, r.StatusCode, r.body, status, want)
		}
	}
	ask("", "/v1/health/ready", 200, `{"status":"ready","checks":{"keys":"ok","store":"ok"}}`)
	err = audit.Errorf(audit.CodeStorageFull, "/var/lib/audit: %w", io.ErrShortWrite)
	ask("", "/v1/health/ready", 503, `{"status":"not_ready","checks":{"keys":"ok","store":"failed"},`+
		`"errors":{"store":"the storage is full: events can be read, not appended"}}`)
	ask("admin", "/v1/health/detailed", 503, `{"status":"not_ready","checks":{"keys":"ok","store":"failed"},`+
		`"errors":{"store":"the storage is full: events can be read, not appended"},`+
		`"version":"1.2.3","uptime_seconds":0,"figures":{"store":{"events":7}}}`)
	ask("", "/v1/health", 200, `{"status":"healthy","timestamp":"2026-06-15T12:00:00.000000Z"}`)
}

// TestFiguresAreOfTheTenant sees whose figures the checks are asked for: they
// tell how much a log holds.
func TestFiguresAreOfTheTenant(t *testing.T) {
	var asked []audit.TenantID
	s := start(t, func(c *api.Config) {
		c.Checks = []api.Check{{Name: "store", Run: func(_ context.Context, tenant audit.TenantID) (map[string]any, error) {
			asked = append(asked, tenant)
			return map[string]any{"events": 7}, nil
		}}}
	})
	s.get(t, "admin", "/v1/health/detailed")
	s.get(t, "operator", "/v1/health/detailed")
	if want := []audit.TenantID{"tnt_a", ""}; !slices.Equal(asked, want) {
		t.Errorf("figures of %q were asked for, want of %q", asked, want)
	}
	if r := s.get(t, "scopedadmin", "/v1/health/detailed"); !strings.Contains(r.body, `"figures":{}`) {
		t.Errorf("a row scope does not keep figures of all rows back: %s", r.body)
	}
}
