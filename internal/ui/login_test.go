package ui_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/scaivault/audit/internal/ui"
)

// provider is an identity provider whose codes are names of people.
type provider struct {
	mu        sync.Mutex
	down      bool
	verifier  string // of the sign-in under way
	refreshed int
}

func (p *provider) Host() string { return "id.example.org" }

func (p *provider) URL(_ context.Context, state, verifier string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return "", errors.New("no answer")
	}
	p.verifier = verifier
	return "https://id.example.org/authorize?state=" + url.QueryEscape(state), nil
}

func (p *provider) Exchange(_ context.Context, code, verifier string) (token, refresh string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if verifier != p.verifier || code == "bad" {
		return "", "", errors.New("invalid_grant")
	}
	return "tok_" + code, "again", nil
}

func (p *provider) Refresh(_ context.Context, old string) (token, refresh string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down || old != "again" {
		return "", "", errors.New("invalid_grant")
	}
	p.refreshed++
	return "tok_admin", "", nil
}

// startLogin starts a site with a provider.
func startLogin(t *testing.T) (*site, *provider) {
	t.Helper()
	p := new(provider)
	return open(t, httptest.NewServer, func(c *ui.Config) { c.Login = p }), p
}

// goToProvider begins a sign-in and returns the state that the provider got.
func (b *browser) goToProvider(next string) (state string) {
	b.t.Helper()
	r := b.get("/ui/signin/provider?next=" + url.QueryEscape(next))
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || r.StatusCode != http.StatusSeeOther || u.Host != "id.example.org" {
		b.t.Fatalf("%s to %q", r.Status, r.Header.Get("Location"))
	}
	return u.Query().Get("state")
}

func TestLogin(t *testing.T) {
	s, p := startLogin(t)
	b := s.browser(t)
	wantText(t, b.page("/ui/signin?next=/ui/overview"), `href="/ui/signin/provider?next=%2fui%2foverview"`, "id.example.org")
	state := b.goToProvider("/ui/overview")
	back := "/ui/signin/done?code=reader&state=" + state
	if r := s.browser(t).get(back); r.StatusCode != http.StatusForbidden {
		t.Errorf("in another browser: %s", r.Status)
	}
	if r := b.get(back, "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusSeeOther ||
		r.Header.Get("Location") != "/ui/overview" {
		t.Fatalf("%s to %q", r.Status, r.Header.Get("Location"))
	}
	wantText(t, b.page("/ui/overview"), "user:ada", "!tok_reader", "!"+p.verifier)
	if r := b.get(back); r.StatusCode != http.StatusForbidden {
		t.Errorf("the same answer again: %s", r.Status)
	}
}

func TestLoginFails(t *testing.T) {
	for name, tc := range map[string]struct {
		query  string // beside the state
		state  string // in place of the right one
		status int
		says   string
	}{
		"refused":         {"error=access_denied", "", http.StatusUnauthorized, "did not let you in"},
		"bad code":        {"code=bad", "", http.StatusBadGateway, "gave no token"},
		"not for us":      {"code=nobody", "", http.StatusForbidden, "not for this log"},
		"another state":   {"code=reader", "other", http.StatusForbidden, "did not begin in this browser"},
		"script as error": {"error=%3Cscript%3E", "", http.StatusUnauthorized, "did not let you in"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := startLogin(t)
			b := s.browser(t)
			state := b.goToProvider("/ui/")
			if tc.state != "" {
				state = tc.state
			}
			r := b.get("/ui/signin/done?" + tc.query + "&state=" + state)
			if r.StatusCode != tc.status {
				t.Errorf("%s, want %d", r.Status, tc.status)
			}
			wantText(t, r.body, tc.says, "!<script>", "!tok_")
			if r := b.get("/ui/"); r.StatusCode != http.StatusSeeOther {
				t.Errorf("signed in all the same: %s", r.Status)
			}
		})
	}
}

func TestLoginLeadsBelowUI(t *testing.T) {
	s, _ := startLogin(t)
	b := s.browser(t)
	state := b.goToProvider("https://evil.test/ui/")
	if got := b.get("/ui/signin/done?code=reader&state=" + state).Header.Get("Location"); got != "/ui/" {
		t.Errorf("leads to %q", got)
	}
}

func TestLoginWithoutProvider(t *testing.T) {
	s := start(t)
	wantText(t, s.browser(t).page("/ui/signin"), "!/ui/signin/provider")
	s, p := startLogin(t)
	p.down = true
	r := s.browser(t).get("/ui/signin/provider")
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a provider that is down: %s", r.Status)
	}
	wantText(t, r.body, "does not answer", `name="token"`)
}

// A session outlives its token if the provider renews that, once for all
// requests that find it expired.
func TestLoginIsRenewed(t *testing.T) {
	s, p := startLogin(t)
	b := s.browser(t)
	b.get("/ui/signin/done?code=reader&state=" + b.goToProvider("/ui/"))
	s.expire("reader")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if r := b.get("/ui/suggest"); r.StatusCode == http.StatusSeeOther {
				t.Errorf("a session that can be renewed ended: %s", r.Status)
			}
		})
	}
	wait.Wait()
	if p.refreshed != 1 {
		t.Errorf("the token was renewed %d times, want once", p.refreshed)
	}
	wantText(t, b.page("/ui/"), "user:root")
	p.down = true
	s.expire("admin")
	if r := b.get("/ui/"); r.StatusCode != http.StatusSeeOther {
		t.Errorf("a session whose token cannot be renewed goes on: %s", r.Status)
	}
}

// expire has a token end by its time.
func (p *people) expire(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expired = append(p.expired, name)
}
