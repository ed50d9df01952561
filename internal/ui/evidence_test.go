package ui_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/ui"
)

func TestEvidencePage(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/evidence"), "No checkpoint yet", "!Copy note")
	if r := b.get("/ui/evidence/checkpoint"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a checkpoint before the first one: %s", r.Status)
	}
	gap := s.event("system:scaivault-audit", "")
	gap.Action = audit.ActionAuditGap
	s.add(t, "tnt_a", s.event("user:ada", "a/b"), gap)
	body := b.page("/ui/evidence")
	wantText(t, body, "<dd>2</dd>", "log.example.com/tnt_a\n2\n", "A gap, on record", "event=log_0000000000000001",
		`aria-current="page">Evidence`, "2 events")
	note := b.get("/ui/evidence/checkpoint")
	if !strings.HasPrefix(note.body, "log.example.com/tnt_a\n2\n") ||
		note.Header.Get("Content-Disposition") != `attachment; filename="tnt_a-2026-06-15.checkpoint"` {
		t.Errorf("checkpoint %q, %v", note.body, note.Header)
	}
	keys := b.get("/ui/evidence/keys").body
	wantText(t, html.UnescapeString(body), strings.TrimSpace(keys))
	wantText(t, keys, "log.example.com/tnt_a+")
	wantText(t, b.page("/ui/"), "Sealed", "all 2 events")
	s.add(t, "tnt_a", s.event("user:ada", "a/b"))
	wantText(t, b.page("/ui/"), "Sealing", "1 event to go")
}

// TestDoubts shows what witnesses say: what is proved, and what is not.
func TestDoubts(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:ada", "a/b"))
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/evidence"), "!Witness ")
	*s.notary.doubts = []ui.Doubt{{Witness: "w.test/<1>", Says: "it says so (422)", Since: audit.TimeOf(s.Now()) - 2*audit.Hour, Times: 1234}}
	wantText(t, b.page("/ui/evidence"), "w.test/&lt;1&gt;</bdi> refuses, without proof", "it says so (422)", "1,234 times, since",
		"2 h ago", "no proved fork", "!it is proved")
	*s.notary.doubts = []ui.Doubt{{Witness: "w.test/2", Says: "fork: the witness saw other events", Proved: true}}
	wantText(t, b.page("/ui/evidence"), "w.test/2</bdi> saw another log", "it is proved", "!without proof")
}

func TestProve(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:in", "prod/db/k"), s.event("user:out", "web"), s.event("user:in", "prod/db/k"))
	b := s.signIn(t, "reader")
	body := b.page("/ui/proof?id=log_0000000000000001")
	wantText(t, body, "In the log, unaltered", "event 2 of 3", "2 hashes lead", "user:out", "&#34;leaf_index&#34;:1", "Latest checkpoint")
	part := b.get("/ui/proof?id=log_0000000000000001", "HX-Request", "true").body
	wantText(t, part, "event 2 of 3", "!<main")
	wantText(t, b.page("/ui/?event=log_0000000000000001"), `hx-get="/ui/proof?id=log_0000000000000001"`)

	for who, targets := range map[string][]string{
		"reader": {"/ui/proof?id=log_0000000000000009", "/ui/proof?id=nope", "/ui/proof"},
		"rows":   {"/ui/proof?id=log_0000000000000001"},
		"other":  {"/ui/proof?id=log_0000000000000000"},
	} {
		for _, target := range targets {
			r := s.signIn(t, who).get(target)
			if r.StatusCode != http.StatusNotFound {
				t.Errorf("%s of %s: %s", target, who, r.Status)
			}
			wantText(t, r.body, "!leaf_index", "!user:out<")
		}
	}
	wantText(t, s.signIn(t, "rows").page("/ui/proof?id=log_0000000000000002"), "event 3 of 3")
}

func TestVerifyPage(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:ada", "a/b"), s.event("user:ada", "a/c"))
	s.add(t, "tnt_b", s.event("user:bob", "b"))
	b, other := s.signIn(t, "reader"), s.signIn(t, "other")
	kept := b.get("/ui/evidence/checkpoint").body
	foreign := other.get("/ui/evidence/checkpoint").body
	const key = `a/"><script>alert(1)</script>.csv`
	manifest, signature := s.notary.manifest(t, "tnt_a", key)
	s.add(t, "tnt_a", s.event("user:ada", "a/d"))
	if _, err := s.notary.Latest("tnt_a"); err != nil { // signs it
		t.Fatal(err)
	}
	tests := []struct {
		name, doc, sig string
		status         int
		says           []string
	}{
		{"a checkpoint", kept, "", 200, []string{"the log continues it", "signed this checkpoint of 2 events", "begins with the same 2 events"}},
		{"with lost and doubled line ends", "\r\n" + strings.ReplaceAll(strings.TrimSpace(kept), "\n", "\r\n"), "", 200,
			[]string{"the log continues it"}},
		{"a checkpoint that was changed", strings.Replace(kept, "\n2\n", "\n1\n", 1), "", 200, []string{"It is not what was signed"}},
		{"a checkpoint of another tenant", foreign, "", 200, []string{"No key of this log signed it", "!user:bob"}},
		{"a manifest", manifest, signature, 200, []string{"the log continues it", "signed this manifest", "not at hand",
			strings.Repeat("0a", 32), "!<script>alert"}},
		{"without its last line end", strings.TrimSpace(manifest), signature, 200, []string{"the log continues it"}},
		{"a manifest that was changed", strings.Replace(manifest, "exp_1", "exp_2", 1), signature, 200, []string{"It is not what was signed", "!not at hand"}},
		{"a manifest without signature", manifest, "", 422, []string{"manifest.json.sig"}},
		{"nothing", " ", "", 422, []string{"want a manifest.json"}},
		{"something else", "<b>hello</b>", "", 200, []string{"It is not what was signed", "!<b>hello"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			form := url.Values{"csrf": {b.csrf("/ui/evidence")}, "document": {test.doc}, "signature": {test.sig}}
			r := b.post("/ui/evidence/verify", form)
			if r.StatusCode != test.status {
				t.Errorf("%s, want %d", r.Status, test.status)
			}
			wantText(t, r.body, append(test.says, "Latest checkpoint")...)
			checkHeaders(t, test.name, r)
			part := b.post("/ui/evidence/verify", form, "HX-Request", "true")
			wantText(t, part.body, append(test.says, "!<main")...)
		})
	}
}

// TestVerifyFormLimit posts a form at the limit and one past it.
func TestVerifyFormLimit(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "reader")
	csrf := b.csrf("/ui/evidence")
	form := func(n int) url.Values {
		v := url.Values{"csrf": {csrf}, "document": {""}}
		v.Set("document", strings.Repeat("x", n-len(v.Encode())))
		return v
	}
	if r := b.post("/ui/evidence/verify", form(ui.MaxVerified)); r.StatusCode != http.StatusOK && r.StatusCode != http.StatusNotFound {
		t.Errorf("at the limit: %s", r.Status)
	}
	if r := b.post("/ui/evidence/verify", form(ui.MaxVerified+1)); r.StatusCode != http.StatusForbidden {
		t.Errorf("one past it: %s", r.Status)
	}
}
