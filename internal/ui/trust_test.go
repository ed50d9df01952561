package ui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// TestHostileValuesStayText puts markup into every field that takes it, and
// reads every page that shows it.
func TestHostileValuesStayText(t *testing.T) {
	const probe = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	s := start(t)
	who, path := audit.IdentityID("user:"+probe+"@\u202eexample"), audit.Path("a/"+strings.ReplaceAll(probe, "/", "|")+"/k")
	e := s.event(who, path)
	e.UserAgent, e.RequestID, e.Success = probe, probe, false
	e.ExtraData = `{"error":` + string(audit.AppendString(nil, probe)) + `,` +
		string(audit.AppendString(nil, probe)) + `:"x"}`
	long := s.event(audit.IdentityID(strings.Repeat("ш", audit.MaxIdentityID)), audit.Path(strings.Repeat("p", audit.MaxPath)))
	s.add(t, "tnt_a", e, long)
	b := s.signIn(t, "admin")
	escaped := url.PathEscape(string(who))
	for _, target := range []string{"/ui/", "/ui/?event=log_0000000000000000", "/ui/?event=log_0000000000000001",
		"/ui/suggest?q=a", "/ui/suggest?q=%3Cscript", "/ui/identities/" + escaped, "/ui/overview",
		"/ui/new?field=identity_id", "/ui/new?field=secret_path", "/ui/paths?under=a", "/ui/proof?id=log_0000000000000000",
		"/ui/secrets/" + strings.ReplaceAll(url.PathEscape(string(path)), "%2F", "/"),
		"/ui/?identity_id=" + url.QueryEscape(string(who)), "/ui/?extra.x=" + url.QueryEscape(probe),
		"/ui/exports/new?identity_id=" + url.QueryEscape(string(who)),
	} {
		body := b.page(target)
		wantText(t, body, "!<script>alert", "!<img src=x")
		if target != "/ui/?event=log_0000000000000001" {
			wantText(t, body, "&lt;")
		}
		checkHeaders(t, target, b.get(target))
	}
	wantText(t, b.page("/ui/"), "⟨U&#43;202E⟩") // who turns text around is seen to
	for _, target := range []string{"/ui/?q=" + url.QueryEscape(probe), "/ui/?" + url.QueryEscape(probe) + "=1",
		"/ui/?action=" + url.QueryEscape(probe), "/ui/signin?next=" + url.QueryEscape("/ui/"+probe)} {
		checkHeaders(t, target, b.get(target))
	}
}

func TestTenantsAreApart(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:alpha", "only/a"))
	s.add(t, "tnt_b", s.event("user:beta", "only/b"), s.event("user:gamma", "only/c"))
	a, b := s.signIn(t, "admin"), s.signIn(t, "other")
	for _, target := range everyPage {
		wantText(t, a.page(target), "!beta", "!only/b", "!tnt_b")
		wantText(t, b.page(target), "!alpha", "!only/a", "!tnt_a")
	}
	wantText(t, a.page("/ui/?event=log_0000000000000001"), "There is nothing here", "!gamma")
	wantText(t, a.page("/ui/secrets/only/b"), "Never seen")
	wantText(t, a.page("/ui/identities/user:beta"), "Never seen")
}

func TestRowScope(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:in", "prod/db/k"), s.event("user:out", "prod/web/k"), s.event("user:null", ""))
	b := s.signIn(t, "rows")
	for _, target := range []string{"/ui/", "/ui/rows", "/ui/suggest?q=user", "/ui/overview",
		"/ui/new?field=identity_id"} {
		wantText(t, b.page(target), "user:</i>in", "!user:</i>out", "!user:</i>null")
	}
	wantText(t, b.page("/ui/"), ">1</span> events")
	wantText(t, b.page("/ui/?event=log_0000000000000001"), "There is nothing here", "!prod/web")
	wantText(t, b.page("/ui/secrets/prod/web/k"), "Never seen")
	wantText(t, b.page("/ui/identities/user:out/worklist.csv"), "!prod/web")
}

func TestScopes(t *testing.T) {
	s := start(t)
	reader, writer := s.signIn(t, "reader"), s.signIn(t, "writer")
	wantText(t, reader.page("/ui/"), "!/ui/exports")
	for _, target := range everyPage {
		if r := writer.get(target); r.StatusCode != http.StatusForbidden {
			t.Errorf("%s without scopes: %s", target, r.Status)
		}
	}
	form := url.Values{"csrf": {reader.csrf("/ui/")}}
	for _, target := range []string{"/ui/exports", "/ui/exports/new", "/ui/exports/exp_1/cancel"} {
		if r := reader.get("/ui/exports"); r.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", target, r.Status)
		}
		if r := reader.post(target, form); r.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: %s", target, r.Status)
		}
	}
}

func TestExportWizard(t *testing.T) {
	s := start(t)
	s.fill(t, "tnt_a", 100)
	b := s.signIn(t, "admin")
	form := url.Values{"csrf": {b.csrf("/ui/exports/new")}, "filter": {"range=24h&to=2026-06-15T12%3A00%3A00Z"},
		"format": {"jsonl"}, "compression": {"none"}, "type": {"file"}}
	r := b.post("/ui/exports/new", form)
	wantText(t, r.body, "Dry run", "<dd>100</dd>", "Export 100 events")
	form.Set("key", regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(r.body)[1])
	first, second := b.post("/ui/exports", form), b.post("/ui/exports", form)
	place := first.Header.Get("Location")
	if first.StatusCode != http.StatusSeeOther || place != second.Header.Get("Location") {
		t.Fatalf("%s to %s, then to %s", first.Status, place, second.Header.Get("Location"))
	}
	wantText(t, b.page("/ui/exports"), place, "hx-trigger")
	wantText(t, b.page(place), "0 of 100 events", "Cancel export")
	if r := s.signIn(t, "other").get(place); r.StatusCode != http.StatusNotFound {
		t.Errorf("another tenant: %s", r.Status)
	}
	b.post(place+"/cancel", form)
	wantText(t, b.page(place), "cancelled", "!Cancel export", "!hx-trigger")

	wantText(t, b.page("/ui/exports/new?range=24h"), "2026-06-14 12:00:00.000000 UTC", "!the whole log")
	form.Set("filter", "range=24h") // which the page never sends
	if r = b.post("/ui/exports/new", form); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a relative range alone: %s", r.Status)
	}
	form.Del("filter")

	form.Set("format", "xml")
	form.Set("type", "s3")
	r = b.post("/ui/exports/new", form)
	if r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("bad form: %s", r.Status)
	}
	wantText(t, r.body, "destination.bucket", "format", "!Export 100")
}
