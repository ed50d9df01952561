package ui_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// branches returns the name, the events and the secrets of each branch.
func branches(body string) []string {
	row := regexp.MustCompile(`(?s)<li><div class="branch">.*?<bdi>([^<]*)</bdi>(<i>/</i>)?.*?` +
		`<a class="num"[^>]*>([^<]*)</a><span class="num dim">([^<]*)</span>`)
	var list []string
	for _, m := range row.FindAllStringSubmatch(body, -1) {
		slash := ""
		if m[2] != "" {
			slash = "/"
		}
		list = append(list, strings.TrimSpace(m[1]+slash+" "+m[3]+" "+m[4]))
	}
	return list
}

func wantBranches(t *testing.T, body string, want ...string) {
	t.Helper()
	if got := branches(body); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("branches %q, want %q", got, want)
	}
}

func TestTreeOfPaths(t *testing.T) {
	s := start(t)
	old := s.event("user:ada", "prod/gone")
	old.Timestamp -= 40 * audit.Day
	s.add(t, "tnt_a", s.event("user:ada", "prod/db"), s.event("user:ada", "prod/db/k"), s.event("user:eve", "prod/db/k"),
		s.event("user:ada", "prod/web"), s.event("user:ada", "prodigy"), s.event("user:ada", "zoo/a/b/c"),
		s.event("user:ada", ""), old)
	b := s.signIn(t, "reader")
	top := b.page("/ui/paths")
	wantBranches(t, top, "prod/ 4 3", "prodigy 1", "zoo/ 1 1")
	wantText(t, top, "5 secrets", "6 events<", `href="/ui/secrets/prodigy"`, "path_prefix=prod&amp;range=30d")
	prod := b.page("/ui/paths?under=prod/")
	wantBranches(t, prod, "db/ 2 1", "db 1", "web 1")
	wantBranches(t, b.page("/ui/paths?under=prod&order=events"), "db/ 2 1", "db 1", "web 1")
	wantBranches(t, b.page("/ui/paths?under=prod&range=90d"), "db/ 2 1", "db 1", "gone 1", "web 1")
	wantBranches(t, b.page("/ui/paths?under=prod/db"), "as a secret 1", "k 2")
	wantText(t, b.page("/ui/paths?under=zoo/a/b"), "under=zoo%2Fa", ">c<")
	wantText(t, b.page("/ui/paths?under=nothing"), "No path here", "Show the last 90 days")
	part := b.get("/ui/paths?under=prod", "HX-Request", "true").body
	wantBranches(t, part, "db/ 2 1", "db 1", "web 1")
	wantText(t, part, "!<html", "!<main")
	if r := b.get("/ui/paths?under=a//b"); r.StatusCode != 422 {
		t.Errorf("a bad prefix: %s", r.Status)
	}
}

func TestTreeKeepsToTheRowScope(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:in", "prod/db/k"), s.event("user:in", "prod/db/x/y"), s.event("user:out", "prod/web/k"),
		s.event("user:out", "top"))
	s.add(t, "tnt_b", s.event("user:out", "prod/db/other"))
	b := s.signIn(t, "rows")
	wantBranches(t, b.page("/ui/paths"), "prod/ 2 2")
	wantBranches(t, b.page("/ui/paths?under=prod"), "db/ 2 2")
	wantBranches(t, b.page("/ui/paths?under=prod/db"), "k 1", "x/ 1 1")
	wantBranches(t, b.page("/ui/paths?under=prod/db/x"), "y 1")
	wantBranches(t, b.page("/ui/paths?under=prod/web"))
	wantBranches(t, b.page("/ui/paths?under=top"))
}

// TestWideTree has a folder with more branches than are shown at a time: one at
// the limit, and the rest behind it, each once.
func TestWideTree(t *testing.T) {
	s := start(t)
	for i := range 401 {
		s.add(t, "tnt_a", s.event("user:ada", audit.Path(fmt.Sprintf("w/%03d", i))))
	}
	b := s.signIn(t, "reader")
	more := regexp.MustCompile(`hx-get="([^"]+)"`)
	target, pages := "/ui/paths?under=w", [][]string{}
	for target != "" {
		body := b.get(target, "HX-Request", "true").body
		pages = append(pages, branches(body))
		m := more.FindStringSubmatch(body)
		if target = ""; m != nil {
			target = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(pages) != 3 || len(pages[0]) != 200 || len(pages[1]) != 200 || len(pages[2]) != 1 || pages[2][0] != "400 1" {
		t.Errorf("pages %v", pages)
	}
}

func TestHostileSegments(t *testing.T) {
	const probe = `"'><script>alert(1)<|script>&amp;?#%2F`
	s := start(t)
	s.add(t, "tnt_a", s.event("user:ada", audit.Path("a/"+probe+"/k")))
	b := s.signIn(t, "reader")
	for _, under := range []string{"", "a", "a/" + probe, "a/" + probe + "/k"} {
		target := "/ui/paths?under=" + url.QueryEscape(under)
		body := b.page(target)
		wantText(t, body, "!<script>alert")
		checkHeaders(t, target, b.get(target))
		if n := len(branches(body)); n != 1 {
			t.Errorf("below %q: %d branches, want 1", under, n)
		}
	}
}
