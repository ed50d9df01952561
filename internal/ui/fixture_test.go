package ui_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

// clock is a clock that stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

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

// people are the bearers of the tokens tok_reader, tok_admin and so on; a test
// may take one away.
type people struct {
	mu  sync.Mutex
	all map[string]audit.Principal
	// expired are names whose tokens were good once.
	expired []string
}

func (p *people) Authenticate(_ context.Context, bearer string) (*audit.Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := strings.TrimPrefix(bearer, "tok_")
	if slices.Contains(p.expired, name) {
		return nil, audit.Errorf(audit.CodeTokenExpired, "the token expired")
	}
	x, ok := p.all[name]
	if !ok {
		return nil, audit.Errorf(audit.CodeTokenRevoked, "the token was revoked")
	}
	return &x, nil
}

func (p *people) revoke(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, name)
}

// site is the pages over a store in memory.
type site struct {
	*clock
	*people
	*store.Store
	notary  notary
	tokens  tokens
	sinks   *sinks
	sources *sources
	http    *httptest.Server
}

func start(t *testing.T) *site { return open(t, httptest.NewServer) }

func open(t *testing.T, serve func(http.Handler) *httptest.Server, options ...func(*ui.Config)) *site {
	t.Helper()
	s := &site{clock: &clock{now: time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)}, people: newPeople()}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if s.Store, err = store.Open(vfs.NewMem(), "log", store.Options{Clock: s.Now, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	exports, err := export.Open(vfs.NewMem(), "data", export.Options{Log: s.Store, Clock: s.Now, Logger: quiet,
		Open: func(ctx context.Context, d export.Place) (blob.Bucket, error) {
			return blob.Open(ctx, blob.Config{Type: "file", Bucket: dir, Owner: string(d.Export), Prefix: d.Destination.Prefix,
				Directories: []string{dir}})
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.notary = newNotary(t, s.Store, s.clock)
	s.tokens = newTokens(t, s.clock)
	s.sinks, s.sources = newSinks(t, s), &sources{}
	c := ui.Config{Tokens: s.tokens, Sinks: s.sinks, Sources: s.sources, Tenants: tenants{"tnt_a", "tnt_b", "tnt_c"},
		Settings: []ui.Setting{{Name: "--listen", Value: "127.0.0.1:8480", Help: "Host and port."}},
		Log:      s.Store, Exports: exports, Evidence: s.notary, Auth: s.people, Clock: s.Now, Logger: quiet}
	for _, o := range options {
		o(&c)
	}
	s.http = serve(ui.New(c))
	t.Cleanup(func() {
		s.http.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newPeople() *people {
	person := func(tenant audit.TenantID, id audit.IdentityID, scopes ...audit.Scope) audit.Principal {
		return audit.Principal{IdentityID: id, IdentityType: audit.TypeUser, Tenant: tenant, Scopes: scopes}
	}
	super := person("tnt_b", "user:sup", audit.Scopes()...)
	super.Roles = []audit.Role{audit.RoleSuperAdmin}
	boxed := person("tnt_a", "user:box", audit.Scopes()...)
	boxed.PathPrefixes = []audit.Path{"prod/db"}
	rows := person("tnt_a", "user:rose", audit.ScopeRead)
	rows.PathPrefixes = []audit.Path{"prod/db"}
	return &people{all: map[string]audit.Principal{
		"reader": person("tnt_a", "user:ada", audit.ScopeRead),
		"admin":  person("tnt_a", "user:root", audit.Scopes()...),
		"writer": person("tnt_a", "sa:app", audit.ScopeWrite),
		"super":  super,
		"boxed":  boxed,
		"other":  person("tnt_b", "user:bob", audit.Scopes()...),
		"rows":   rows,
	}}
}

// fill appends sample events to the log of a tenant.
func (s *site) fill(t *testing.T, tenant audit.TenantID, n int) {
	t.Helper()
	g := sample.New(1, sample.Options{Events: n, End: s.Now()})
	s.add(t, tenant, slices.Collect(g.Events())...)
}

func (s *site) add(t *testing.T, tenant audit.TenantID, events ...audit.Event) {
	t.Helper()
	if _, err := s.Append(t.Context(), tenant, audit.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
}

// event returns an event of an hour ago.
func (s *site) event(who audit.IdentityID, path audit.Path) audit.Event {
	return audit.Event{Timestamp: audit.TimeOf(s.Now()) - audit.Hour, Action: audit.ActionRead,
		IdentityType: audit.TypeUser, IdentityID: who, SecretPath: path, Success: true}
}

// browser keeps cookies and follows no redirect.
type browser struct {
	t *testing.T
	*http.Client
	base string
}

func (s *site) browser(t *testing.T) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	c := s.http.Client()
	return &browser{t, &http.Client{Jar: jar, Transport: c.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, s.http.URL}
}

// signIn returns a browser with a session.
func (s *site) signIn(t *testing.T, name string) *browser {
	t.Helper()
	b := s.browser(t)
	form := url.Values{"csrf": {b.csrf("/ui/signin")}, "token": {"tok_" + name}}
	if r := b.post("/ui/signin", form); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-in of %s: %s", name, r.Status)
	}
	return b
}

// answer is a response with its body.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request, header ...string) answer {
	b.t.Helper()
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{got, string(body)}
}

func (b *browser) get(target string, header ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), "GET", b.base+target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r, header...)
}

func (b *browser) post(target string, form url.Values, header ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), "POST", b.base+target, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r, header...)
}

// page gets a page that must be there.
func (b *browser) page(target string) string {
	b.t.Helper()
	r := b.get(target)
	if r.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s\n%s", target, r.Status, r.body)
	}
	return r.body
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf returns the CSRF token of a page.
func (b *browser) csrf(target string) string {
	b.t.Helper()
	m := csrfField.FindStringSubmatch(b.get(target).body)
	if m == nil {
		b.t.Fatalf("%s has no CSRF token", target)
	}
	return m[1]
}

// wantText fails unless the page holds each text; those with a leading ! it must not.
func wantText(t *testing.T, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if not, ok := strings.CutPrefix(text, "!"); ok {
			if strings.Contains(body, not) {
				t.Errorf("the page holds %q", not)
			}
		} else if !strings.Contains(body, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}
