package ui_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit/internal/ui"
)

func TestWithoutSession(t *testing.T) {
	b := start(t).browser(t)
	for _, target := range []string{"/ui/", "/ui/rows", "/ui/suggest?q=x", "/ui/overview", "/ui/secrets/a/b",
		"/ui/identities/user:x", "/ui/identities/user:x/worklist.csv", "/ui/exports", "/ui/exports/new", "/ui/sinks", "/ui/nothing"} {
		r := b.get(target)
		want := "/ui/signin?next=" + url.QueryEscape(target)
		if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != want {
			t.Errorf("%s: %s to %q, want %q", target, r.Status, r.Header.Get("Location"), want)
		}
	}
	r := b.get("/ui/rows?x", "HX-Request", "true", "HX-Current-URL", b.base+"/ui/?action=read")
	if got := r.Header.Get("HX-Redirect"); r.StatusCode != http.StatusUnauthorized ||
		got != "/ui/signin?next=%2Fui%2F%3Faction%3Dread" {
		t.Errorf("to htmx: %s to %q", r.Status, got)
	}
}

func TestSignIn(t *testing.T) {
	s := start(t)
	tests := []struct {
		name, token, csrf, site string
		status                  int
		says                    string
	}{
		{"good", "tok_reader", "right", "same-origin", http.StatusSeeOther, ""},
		{"good, with spaces around it", " tok_reader\n", "right", "", http.StatusSeeOther, ""},
		{"no token", "", "right", "", http.StatusUnauthorized, "A token is needed"},
		{"revoked", "tok_gone", "right", "", http.StatusUnauthorized, "was revoked"},
		{"no CSRF token", "tok_reader", "", "", http.StatusForbidden, "too old"},
		{"the CSRF token of another browser", "tok_reader", "other", "", http.StatusForbidden, "too old"},
		{"a form of another site", "tok_reader", "right", "cross-site", http.StatusForbidden, "too old"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := s.browser(t)
			form := url.Values{"token": {test.token}, "next": {"/ui/overview"}}
			switch csrf := b.csrf("/ui/signin"); test.csrf {
			case "right":
				form.Set("csrf", csrf)
			case "other":
				form.Set("csrf", s.browser(t).csrf("/ui/signin"))
			}
			r := b.post("/ui/signin", form, "Sec-Fetch-Site", test.site)
			if r.StatusCode != test.status {
				t.Fatalf("%s, want %d", r.Status, test.status)
			}
			wantText(t, r.body, test.says, "!tok_")
			in := b.get("/ui/").StatusCode == http.StatusOK
			if want := test.status == http.StatusSeeOther; in != want {
				t.Errorf("signed in: %t, want %t", in, want)
			}
		})
	}
}

func TestSignInLeadsBelowUI(t *testing.T) {
	s := start(t)
	for next, want := range map[string]string{
		"/ui/?action=read": "/ui/?action=read", "": "/ui/", "//evil.test/ui/": "/ui/", "https://evil.test/ui/": "/ui/",
		"/\\evil.test": "/ui/", "/ui/\\evil": "/ui/", "/v1/audit/logs": "/ui/", "javascript:alert(1)": "/ui/",
		"/ui/signin?next=/ui/signin": "/ui/",
	} {
		b := s.browser(t)
		form := url.Values{"token": {"tok_reader"}, "next": {next}, "csrf": {b.csrf("/ui/signin")}}
		if got := b.post("/ui/signin", form).Header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q, want %q", next, got, want)
		}
	}
}

func TestCookies(t *testing.T) {
	for name, serve := range map[string]func(http.Handler) *httptest.Server{
		"plain": httptest.NewServer, "TLS": httptest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, serve)
			b := s.browser(t)
			form := url.Values{"token": {"tok_reader"}, "csrf": {b.csrf("/ui/signin")}}
			r := b.post("/ui/signin", form)
			var found bool
			for _, c := range r.Cookies() {
				secure := name == "TLS"
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != secure || c.Domain != "" ||
					strings.HasPrefix(c.Name, "__Host-") != secure || strings.Contains(c.Value, "tok_") {
					t.Errorf("cookie %v", c)
				}
				found = found || len(c.Value) == 43
			}
			if !found {
				t.Error("no cookie of 256 bits")
			}
			wantText(t, b.page("/ui/"), "!tok_reader")
		})
	}
}

func TestSessionEnds(t *testing.T) {
	tests := []struct {
		name  string
		after func(*site, *browser)
		in    bool
	}{
		{"just not idle", func(s *site, _ *browser) { s.Advance(ui.IdleTime - time.Second) }, true},
		{"idle", func(s *site, _ *browser) { s.Advance(ui.IdleTime) }, false},
		{"kept alive", func(s *site, b *browser) { s.keepAlive(b, ui.MaxAge-time.Second) }, true},
		{"too old", func(s *site, b *browser) { s.keepAlive(b, ui.MaxAge) }, false},
		{"revoked", func(s *site, _ *browser) { s.revoke("reader") }, false},
		{"signed out", func(_ *site, b *browser) { b.post("/ui/logout", url.Values{"csrf": {b.csrf("/ui/")}}) }, false},
		{"sign-out without CSRF token", func(_ *site, b *browser) { b.post("/ui/logout", nil) }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			b := s.signIn(t, "reader")
			test.after(s, b)
			if in := b.get("/ui/").StatusCode == http.StatusOK; in != test.in {
				t.Errorf("signed in: %t, want %t", in, test.in)
			}
		})
	}
}

// keepAlive uses the session until it is d old.
func (s *site) keepAlive(b *browser, d time.Duration) {
	const step = ui.IdleTime / 2
	for ; d > step; d -= step {
		s.Advance(step)
		b.get("/ui/suggest")
	}
	s.Advance(d)
}

func TestOldSessionIDIsNotTakenOver(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "reader")
	u, _ := url.Parse(s.http.URL)
	before := b.Jar.Cookies(u)
	form := url.Values{"csrf": {b.csrf("/ui/signin")}, "token": {"tok_admin"}}
	b.post("/ui/signin", form)
	old := s.browser(t)
	old.Jar.SetCookies(u, before)
	if r := old.get("/ui/"); r.StatusCode != http.StatusSeeOther {
		t.Errorf("the old session still opens the page: %s", r.Status)
	}
}

func TestPostsNeedCSRF(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "admin")
	good := b.csrf("/ui/")
	for _, target := range []string{"/ui/logout", "/ui/evidence/verify", "/ui/tokens", "/ui/tokens/tok_1/revoke", "/ui/sinks/siem/pause", "/ui/sinks/siem/resume", "/ui/tenant", "/ui/exports/new", "/ui/exports", "/ui/exports/exp_1/cancel"} {
		for name, try := range map[string]answer{
			"none":            b.post(target, nil),
			"malformed":       b.post(target, url.Values{"csrf": {"x"}}),
			"of someone else": b.post(target, url.Values{"csrf": {s.signIn(t, "other").csrf("/ui/")}}),
			"cross-site":      b.post(target, url.Values{"csrf": {good}}, "Sec-Fetch-Site", "cross-site"),
		} {
			if try.StatusCode != http.StatusForbidden {
				t.Errorf("%s with a CSRF token %s: %s", target, name, try.Status)
			}
		}
	}
}
