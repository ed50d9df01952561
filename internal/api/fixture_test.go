package api_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/vfs"
)

// clock is a clock that stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// people are the bearers of the tokens tok_reader, tok_writer and so on, and
// for each scope of those who have only it, all but it, or it in tnt_b.
var people = func() map[string]audit.Principal {
	all := map[string]audit.Principal{
		"reader": person("tnt_a", "user:ada@example.org", audit.ScopeRead),
		"writer": person("tnt_a", "sa:app", audit.ScopeWrite),
		"admin":  person("tnt_a", "user:root@example.org", audit.Scopes()...),
		"none":   person("tnt_a", "user:none@example.org"),
		"scoped": with(person("tnt_a", "user:auditor@example.org", audit.ScopeRead, audit.ScopeWrite),
			func(p *audit.Principal) { p.PathPrefixes = []audit.Path{"prod/db", "prod/cache"} }),
		"rows": with(person("tnt_a", "user:rose@example.org", audit.ScopeRead),
			func(p *audit.Principal) { p.PathPrefixes = []audit.Path{"a/b", "b"} }),
		"exporter": person("tnt_a", "user:eve@example.org", audit.ScopeExport, audit.ScopeRead),
		"exportrows": with(person("tnt_a", "user:rae@example.org", audit.ScopeExport),
			func(p *audit.Principal) { p.PathPrefixes = []audit.Path{"prod/db"} }),
		"other": person("tnt_b", "user:bob@example.org", audit.Scopes()...),
		"twin":  person("tnt_b", "user:ada@example.org", audit.ScopeRead),
		"partner": with(person("tnt_p", "user:pat@example.org", audit.ScopeRead, audit.ScopeWrite),
			func(p *audit.Principal) { p.Partner, p.Roles = "prt_1", []audit.Role{audit.RolePartnerAdmin} }),
		"nopartner": with(person("tnt_lone", "user:lu@example.org", audit.ScopeRead),
			func(p *audit.Principal) { p.Roles = []audit.Role{audit.RolePartnerAdmin} }),
		"super": with(person("tnt_s", "user:sue@example.org", audit.ScopeRead, audit.ScopeWrite),
			func(p *audit.Principal) { p.Roles = []audit.Role{audit.RoleSuperAdmin} }),
	}
	all["operator"] = with(person("tnt_s", "user:olu@example.org", audit.ScopeAdmin),
		func(p *audit.Principal) { p.Roles = []audit.Role{audit.RoleSuperAdmin} })
	all["scopedadmin"] = with(person("tnt_a", "user:sam@example.org", audit.ScopeAdmin),
		func(p *audit.Principal) { p.PathPrefixes = []audit.Path{"prod/db"} })
	for _, scope := range audit.Scopes() {
		id := audit.IdentityID("user:" + string(scope))
		others := slices.DeleteFunc(audit.Scopes(), func(x audit.Scope) bool { return x == scope })
		all["only_"+string(scope)] = person("tnt_a", id, scope)
		all["allbut_"+string(scope)] = person("tnt_a", id, others...)
		all["foreign_"+string(scope)] = person("tnt_b", id, scope)
	}
	return all
}()

func person(tenant audit.TenantID, id audit.IdentityID, scopes ...audit.Scope) audit.Principal {
	p := audit.Principal{IdentityID: id, IdentityType: audit.TypeUser, Tenant: tenant, Scopes: scopes,
		MFAVerifiedAt: audit.NoTime, ExpiresAt: 1_800_000_000 * audit.Second}
	if strings.HasPrefix(string(id), "sa:") {
		p.IdentityType = audit.TypeServiceAccount
	}
	return p
}

func with(p audit.Principal, change func(*audit.Principal)) audit.Principal {
	change(&p)
	return p
}

// tokens authenticates people.
type tokens struct{}

func (tokens) Authenticate(_ context.Context, bearer string) (*audit.Principal, error) {
	name, ok := strings.CutPrefix(bearer, "tok_")
	if p, known := people[name]; ok && known {
		return &p, nil
	}
	switch name {
	case "expired":
		return nil, audit.Errorf(audit.CodeTokenExpired, "the token ended yesterday")
	case "revoked":
		return nil, audit.Errorf(audit.CodeTokenRevoked, "the token was revoked")
	case "unlucky":
		return nil, io.ErrClosedPipe
	}
	return nil, audit.Errorf(audit.CodeTokenInvalid, "the token is not one of ours")
}

// tenants has the partner of each tenant that exists.
type tenants map[audit.TenantID]string

func (t tenants) Lookup(id audit.TenantID) (string, bool) {
	partner, ok := t[id]
	return partner, ok
}

// service is a server on a loopback port, with all that stands behind it.
type service struct {
	*clock
	api.Log
	log  *reference // unless an option has put another log in its place
	addr string

	exports *export.Manager
	intake  *source.Intake
	out     *bytes.Buffer // its log; read after the server is closed, or see lines
	http    *httptest.Server
}

func start(t *testing.T, options ...func(*api.Config)) *service {
	t.Helper()
	s := &service{clock: newClock(), out: new(bytes.Buffer)}
	s.log = newReference(s.Now)
	server := newServer(s.log, s.Now, s.out, append(options, s.withIntake(t))...)
	s.http = httptest.NewUnstartedServer(nil)
	s.Log, s.exports = server.Log, server.Exports.(*export.Manager)
	s.http.Config = api.NewHTTPServer(server, server.Logger)
	s.http.Start()
	t.Cleanup(s.http.Close)
	s.addr = s.http.Listener.Addr().String()
	return s
}

func newServer(log api.Log, now func() time.Time, out io.Writer, options ...func(*api.Config)) *api.Server {
	c := api.Config{
		Log:       log,
		OTLP:      source.DecodeOTLP,
		Auth:      tokens{},
		Tenants:   tenants{"tnt_a": "prt_1", "tnt_b": "prt_2", "tnt_lone": "", "tnt_lone2": ""},
		CursorKey: audit.CursorKey{1, 2, 3},
		Clock:     now,
		Logger:    slog.New(slog.NewJSONHandler(out, nil)),
		Version:   api.Version{Version: "1.2.3", Commit: "abcdef", BuildDate: "2026-06-01", GoVersion: "go1.26"},
	}
	for _, o := range options {
		o(&c)
	}
	c.Exports = newExports(&c)
	c.Sinks = newSinks(&c)
	c.Evidence = newEvidence(&c)
	return api.New(c)
}

// withIntake lets a server take vault lines into its log.
func (s *service) withIntake(t *testing.T) func(*api.Config) {
	return func(c *api.Config) {
		i, err := source.OpenIntake(vfs.NewMem(), "/vault", c.Log,
			source.IntakeOptions{Clock: c.Clock, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { i.Close() })
		s.intake, c.Vault = i, i
	}
}

// lines stops the server, so that all is logged, and returns its log.
func (s *service) lines() []string {
	s.http.Close()
	return strings.Split(strings.TrimSpace(s.out.String()), "\n")
}

// seed appends the events of testdata to the logs of two tenants.
func (s *service) seed(t *testing.T) {
	t.Helper()
	for tenant, name := range map[audit.TenantID]string{"tnt_a": "a.ndjson", "tnt_b": "b.ndjson"} {
		body, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := audit.DecodeBatch(audit.FormNDJSON, string(body), audit.MaxTime, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), tenant, b); err != nil {
			t.Fatal(err)
		}
	}
}

// response is an answer with its body.
type response struct {
	*http.Response
	body string
}

// send writes the text of a request to a connection of its own and reads one
// response. What is sent is exactly what the text says.
func (s *service) send(t *testing.T, method, raw string) response {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, raw) // the server may answer before it has read all
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.80q: %v", raw, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%.80q: %v", raw, err)
	}
	return response{r, string(body)}
}

// do sends a request with the token of a person; lines are headers.
func (s *service) do(t *testing.T, as, method, target, body string, lines ...string) response {
	t.Helper()
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: audit.test\r\nConnection: close\r\n")
	if as != "" {
		b.WriteString("Authorization: Bearer tok_" + as + "\r\n")
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	hasLength := slices.ContainsFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "Content-Length:") || strings.HasPrefix(l, "Transfer-Encoding:")
	})
	if body != "" && !hasLength {
		b.WriteString("Content-Length: " + itoa(len(body)) + "\r\n")
	}
	r := s.send(t, method, b.String()+"\r\n"+body)
	checkShape(t, method+" "+target, r)
	return r
}

// get is a GET with the token of a person.
func (s *service) get(t *testing.T, as, target string, lines ...string) response {
	t.Helper()
	return s.do(t, as, "GET", target, "", lines...)
}

// post appends a body with the token of a person.
func (s *service) post(t *testing.T, as, target, body string, lines ...string) response {
	t.Helper()
	return s.do(t, as, "POST", target, body, lines...)
}
