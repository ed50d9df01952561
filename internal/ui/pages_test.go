package ui_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/scaivault/audit"
)

// everyPage are the pages of somebody with all scopes.
var everyPage = []string{"/ui/", "/ui/?range=90d", "/ui/?range=90d&success=false&order=asc", "/ui/rows?range=90d",
	"/ui/suggest?q=a", "/ui/overview", "/ui/overview?range=7d", "/ui/paths", "/ui/paths?under=prod/db", "/ui/evidence", "/ui/tokens", "/ui/sinks", "/ui/settings",
	"/ui/spark?range=90d&action=read", "/ui/new?field=identity_id&range=90d", "/ui/new?field=secret_path", "/ui/new?field=source_ip", "/ui/secrets/prod/db", "/ui/identities/user:ada",
	"/ui/identities/user:ada/worklist.csv", "/ui/exports", "/ui/exports/new?action=read", "/ui/?event=log_nope"}

func TestPages(t *testing.T) {
	for name, n := range map[string]int{"empty": 0, "sample": 2_000} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if n > 0 {
				s.fill(t, "tnt_a", n)
			}
			b := s.signIn(t, "admin")
			for _, target := range append(everyPage, "/ui/signin") {
				r := b.get(target)
				if r.StatusCode != http.StatusOK {
					t.Errorf("%s: %s\n%s", target, r.Status, r.body)
				}
				checkHeaders(t, target, r)
			}
		})
	}
}

func checkHeaders(t *testing.T, target string, r answer) {
	t.Helper()
	csp := r.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: policy lacks %s", target, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("%s: policy %s", target, csp)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", target, name, got, want)
		}
	}
	checkMarkup(t, target, r.body)
}

// checkMarkup reads a page as a browser does and fails on any script, style or
// handler in the page itself, and on any element that pages do not use.
func checkMarkup(t *testing.T, target, body string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(body)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return
		}
		if kind == html.TextToken && strings.ContainsAny(string(z.Text()), "\u202a\u202b\u202d\u202e\u2066\u2067\u2068") {
			t.Errorf("%s: text that turns what is around it", target)
			continue
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		token := z.Token()
		loads := false
		for _, a := range token.Attr {
			loads = loads || a.Key == "src" && strings.HasPrefix(a.Val, "/ui/static/")
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Key, "hx-on") ||
				a.Key == "href" && strings.Contains(a.Val, "javascript:") {
				t.Errorf("%s: attribute %s of %s", target, a.Key, token.Data)
			}
		}
		switch token.Data {
		case "script":
			if !loads {
				t.Errorf("%s: a script in the page", target)
			}
		case "img", "style", "iframe", "object", "base":
			t.Errorf("%s: element %s", target, token.Data)
		}
	}
}

func TestExplore(t *testing.T) {
	s := start(t)
	e := s.event("user:eve@example.org", "prod/db/password")
	e.Success, e.ExtraData, e.SourceIP, e.RequestID = false, `{"error":"permission denied","n":7}`, "203.0.113.7", "req_1"
	s.add(t, "tnt_a", e, s.event("sa:app", "prod/db/user"))
	b := s.signIn(t, "reader")
	body := b.page("/ui/")
	wantText(t, body, `<html lang="en">`, ">2</span> events", "<strong>1</strong> failed", "1 h ago", "Denied", "203.0.113.7",
		`data-id="log_0000000000000000"`)
	wantText(t, b.page("/ui/?success=true"), "sa:</i>app", "!203.0.113.7", `aria-label="Remove filter result"`)
	drawer := b.page("/ui/?event=log_0000000000000000")
	wantText(t, drawer, "was denied a read of", "permission denied", "2026-06-15 11:00:00.000000 UTC", "req_1",
		`/ui/?extra.n=7`, "/v1/audit/logs/log_0000000000000000", `href="/ui/secrets/prod/db/password"`)
	part := b.get("/ui/?event=log_0000000000000000", "HX-Request", "true", "HX-Target", "drawer").body
	wantText(t, part, "was denied a read of", "!<html", "!<table")
	wantText(t, b.get("/ui/", "HX-Request", "true", "HX-Target", "explore").body, "<table", "!<html")
	wantText(t, b.get("/ui/", "HX-Request", "true", "HX-History-Restore-Request", "true").body, "<html")
}

func TestEmptyStatesNameTheNextStep(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/"), "No events yet", "scaivault-audit ingest")
	old := s.event("user:ada", "a/b")
	old.Timestamp -= 3 * audit.Day
	s.add(t, "tnt_a", old)
	wantText(t, b.page("/ui/"), "No event matches", "Show the last 7 days", `href="/ui/?range=7d"`)
	wantText(t, b.page("/ui/?secret_path=x"), "Clear the filter", "No event in the whole log")
}

func TestBadFilters(t *testing.T) {
	b := start(t).signIn(t, "reader")
	for target, status := range map[string]int{
		"/ui/?action=nope": 422, "/ui/?from=yesterday": 422, "/ui/?range=7y": 422, "/ui/?unknown=1": 422,
		"/ui/?from=2026-06-02&to=2026-06-01": 422, "/ui/?action=read&action=write": 422, "/ui/?path_prefix=a//b": 422,
		"/ui/rows?cursor=forged": 400, "/ui/nope": 404, "/ui/exports/exp_1": 403,
		"/ui/?q=a//b": 422,
	} {
		r := b.get(target)
		if r.StatusCode != status {
			t.Errorf("%s: %s, want %d", target, r.Status, status)
		}
		wantText(t, r.body, `role="alert"`)
	}
}

func TestTyped(t *testing.T) {
	b := start(t).signIn(t, "reader")
	for text, want := range map[string]string{
		"user:ada@example.org": "identity_id=user%3Aada%40example.org", "sa:app": "identity_id=sa%3Aapp",
		"prod/db/": "path_prefix=prod%2Fdb", "prod": "path_prefix=prod", "rotate": "action=rotate",
		"203.0.113.7": "source_ip=203.0.113.7", "2001:DB8::1": "source_ip=2001%3Adb8%3A%3A1", "failed": "success=false",
		"req_12": "request_id=req_12", "extra.error=x": "extra.error=x", "not_action:list": "not_action=list",
		"secret:a/b": "secret_path=a%2Fb", "log_1": "event=log_1", "identity:weird one": "identity_id=weird+one",
	} {
		r := b.get("/ui/?range=7d&q=" + url.QueryEscape(text))
		loc, _ := url.Parse(r.Header.Get("Location"))
		if loc.Query().Get("range") != "7d" || !strings.Contains(loc.RawQuery, want) {
			t.Errorf("%q leads to %q, want %s", text, r.Header.Get("Location"), want)
		}
	}
}

// TestRowsWalk follows the pages of a table to their end: each event once,
// whatever is appended meanwhile.
func TestRowsWalk(t *testing.T) {
	s := start(t)
	s.fill(t, "tnt_a", 350)
	b := s.signIn(t, "reader")
	more, id := regexp.MustCompile(`hx-get="([^"]+cursor[^"]+)"`), regexp.MustCompile(`data-id="([^"]+)"`)
	seen := make(map[string]int)
	body := b.page("/ui/?range=90d")
	for pages := 1; ; pages++ {
		for _, m := range id.FindAllStringSubmatch(body, -1) {
			seen[m[1]]++
		}
		m := more.FindStringSubmatch(body)
		if m == nil {
			break
		}
		s.add(t, "tnt_a", s.event("user:late", "late"))
		body = b.page(strings.ReplaceAll(m[1], "&amp;", "&"))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is listed %d times", id, n)
		}
	}
	if len(seen) != 350 {
		t.Errorf("%d events are listed, want 350", len(seen))
	}
	wantText(t, body, "These are all")
}

func TestWorklist(t *testing.T) {
	s := start(t)
	read, other := s.event("user:eve", "=cmd/x"), s.event("user:eve", "db/old")
	rotate := s.event("system:rotation", "db/old")
	rotate.Action, rotate.Timestamp = audit.ActionRotate, rotate.Timestamp+audit.Minute
	s.add(t, "tnt_a", read, other, rotate)
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/identities/user:eve"), "1 secret keeps", "1 of 2", "not yet")
	wantText(t, b.page("/ui/identities/user:eve?show=done"), "59 min ago", "!not yet")
	r := b.get("/ui/identities/user:eve/worklist.csv")
	rows, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil || len(rows) != 3 || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%v, %v, %v", rows, err, r.Header)
	}
	rotated := map[string]string{}
	for _, row := range rows[1:] {
		rotated[row[0]] = row[6]
	}
	if rotated["'=cmd/x"] != "false" || rotated["db/old"] != "true" {
		t.Errorf("rotated since: %v", rotated)
	}
}

func TestSecretPage(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:eve", "a b/ü?#%/k"), s.event("user:ada", "a b/ü?#%/k"))
	b := s.signIn(t, "reader")
	link := regexp.MustCompile(`href="(/ui/secrets/[^"]+)"`).FindStringSubmatch(b.page("/ui/?event=log_0000000000000000"))
	if link == nil {
		t.Fatal("no link to the page of the secret")
	}
	wantText(t, b.page(link[1]), "ü?#%", "2 identities", "user:</i>eve", "user:</i>ada")
	wantText(t, b.page("/ui/secrets/never/seen"), "Never seen")
}
