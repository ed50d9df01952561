package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

const token = "skt_not-a-real-one"

// serve starts a server and returns a client of it that repeats nothing.
func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return open(t, client.Config{URL: server.URL, Token: token, MaxAttempts: 1})
}

func open(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequest(t *testing.T) {
	tests := []struct {
		name string
		call func(context.Context, *client.Client) error
		want string // as the server reads it
	}{
		{"logs", func(ctx context.Context, c *client.Client) error {
			yes := true
			f := audit.Filter{IdentityID: "user:a,b+c@x", Success: &yes}
			_, err := c.Logs(ctx, audit.Query{Filter: f, Limit: 5})
			return err
		}, "GET /v1/audit/logs?identity_id=user%3Aa%2Cb%2Bc%40x&limit=5&success=true"},
		{"event", func(ctx context.Context, c *client.Client) error {
			_, err := c.Event(ctx, "log_a-1")
			return err
		}, "GET /v1/audit/logs/log_a-1"},
		{"secret", func(ctx context.Context, c *client.Client) error {
			_, err := c.Secret(ctx, "prod/db 1/100%?#ü;,", audit.Query{})
			return err
		}, "GET /v1/audit/secrets/prod/db%201/100%25%3F%23%C3%BC%3B%2C"},
		{"identity", func(ctx context.Context, c *client.Client) error {
			_, err := c.Identity(ctx, "user:a/b,c%2F?", audit.Query{Limit: 1})
			return err
		}, "GET /v1/audit/identities/user:a%2Fb%2Cc%252F%3F?limit=1"},
		{"accesses", func(ctx context.Context, c *client.Client) error {
			_, err := c.Accesses(ctx, audit.AccessQuery{Filter: audit.Filter{SecretPath: "a/b"}})
			return err
		}, "GET /v1/audit/accesses?secret_path=a%2Fb"},
		{"values", func(ctx context.Context, c *client.Client) error {
			_, err := c.Values(ctx, audit.ValuesQuery{Field: audit.FieldAction, Contains: "re"})
			return err
		}, "GET /v1/audit/values?field=action&q=re"},
		{"summary", func(ctx context.Context, c *client.Client) error {
			_, err := c.Summary(ctx, audit.SummaryQuery{Interval: audit.Hour, Top: 3})
			return err
		}, "GET /v1/audit/summary?interval=1h&top=3"},
		{"whoami", func(ctx context.Context, c *client.Client) error {
			_, err := c.Whoami(ctx)
			return err
		}, "GET /v1/auth/whoami"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.Method + " " + r.RequestURI
				io.WriteString(w, "{}")
			})
			if err := tt.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("server read  %s\nwant         %s", got, tt.want)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		fmt.Fprint(w, r.URL.Path)
	}))
	defer server.Close()
	url := server.URL + "/behind/proxy/"
	c := open(t, client.Config{URL: url, Token: token, Tenant: "tnt_b", UserAgent: "test/1"})
	body, err := c.Raw(t.Context(), client.RouteSummary, "")
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"test/1"},
		"Authorization": {"Bearer " + token}, "X-Tenant-Id": {"tnt_b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if string(body) != "/behind/proxy/v1/audit/summary" {
		t.Errorf("asked for %s", body)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []client.Config{
		{},
		{URL: "localhost:8480"},
		{URL: "ftp://localhost"},
		{URL: "http://"},
		{URL: "http://user:pw@localhost"},
		{URL: "http://localhost?a=b"},
		{URL: "http://localhost", Token: "skt_x\n"},
		{URL: "http://localhost", Tenant: "a/b"},
	} {
		_, err := client.New(cfg)
		if audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("New(%+v): error %v; want a %s", cfg, err, audit.CodeValidationError)
		}
	}
}

func TestBadArgumentsAreNotSent(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
	_, err := c.Secret(t.Context(), "../logs", audit.Query{})
	if audit.ErrorCode(err) != audit.CodeInvalidPath {
		t.Errorf("Secret: error %v; want an %s", err, audit.CodeInvalidPath)
	}
	if _, err := c.Identity(t.Context(), "", audit.Query{}); audit.ErrorCode(err) != audit.CodeValidationError {
		t.Errorf("Identity: error %v; want a %s", err, audit.CodeValidationError)
	}
	if _, err := c.Event(t.Context(), "log_a/b"); audit.ErrorCode(err) != audit.CodeValidationError {
		t.Errorf("Event: error %v; want a %s", err, audit.CodeValidationError)
	}
}

func TestErrors(t *testing.T) {
	const detailed = `{"error":{"code":"validation_error","message":"limit: want less","request_id":"req_1",
		"details":{"fields":[{"field":"limit","message":"want less"}]}}}`
	tests := []struct {
		name   string
		status int
		body   string
		want   audit.Error
	}{
		{"coded", 422, detailed, audit.Error{Code: audit.CodeValidationError, Message: "limit: want less",
			Fields: []audit.FieldError{{Field: "limit", Message: "want less"}}}},
		{"unknown code", 422, `{"error":{"code":"destination_unavailable","message":"no bucket"}}`,
			audit.Error{Code: "destination_unavailable", Message: "no bucket"}},
		{"odd details", 403, `{"error":{"code":"access_denied","message":"no","details":[1]}}`,
			audit.Error{Code: audit.CodeAccessDenied, Message: "no"}},
		{"proxy", 404, "<html>", audit.Error{Code: audit.CodeNotFound,
			Message: `server answered "404 Not Found", not in the manner of this API; is the URL right?`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Request-ID", "req_1")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			_, err := c.Logs(t.Context(), audit.Query{})
			var got *audit.Error
			var resp *client.Response
			if !errors.As(err, &got) || !errors.As(err, &resp) {
				t.Fatalf("error %v (%T)", err, err)
			}
			if resp.Status != tt.status || resp.RequestID != "req_1" {
				t.Errorf("response %d %s; want %d req_1", resp.Status, resp.RequestID, tt.status)
			}
			plain := *got
			plain.Err = nil
			if diff := cmp.Diff(tt.want, plain); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if _, err := c.Logs(t.Context(), audit.Query{}); audit.ErrorCode(err) != audit.CodeInternal {
		t.Errorf("error %v; want an %s", err, audit.CodeInternal)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := open(t, client.Config{URL: "http://" + l.Addr().String(), Token: token, MaxAttempts: 1})
	_, err = c.Logs(t.Context(), audit.Query{Filter: audit.Filter{RequestID: "private"}})
	if !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("error %v; want %v", err, client.ErrUnreachable)
	}
	for _, leak := range []string{token, "private"} {
		if strings.Contains(err.Error(), leak) {
			t.Errorf("error %q tells %q", err, leak)
		}
	}
}

func TestHealthAndVersion(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/health":
			io.WriteString(w, `{"status":"healthy","timestamp":"2026-04-23T20:00:00.000000Z"}`)
		case "/v1/version":
			io.WriteString(w, `{"version":"1.2.3","more":[]}`)
		}
	})
	h, err := c.Health(t.Context())
	if err != nil || h.Status != "healthy" || h.Timestamp.String() != "2026-04-23T20:00:00.000000Z" {
		t.Errorf("Health: %+v, %v", h, err)
	}
	v, err := c.Version(t.Context())
	if err != nil || v.Version != "1.2.3" {
		t.Errorf("Version: %+v, %v", v, err)
	}
}
