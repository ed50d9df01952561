package ui_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/ui"
)

// liveTail is a live tail as a browser reads it.
type liveTail struct {
	*http.Response
	lines *bufio.Scanner
}

func (b *browser) tail(target string) *liveTail {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), "GET", b.base+target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	got, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { got.Body.Close() })
	x := &liveTail{got, bufio.NewScanner(got.Body)}
	x.lines.Buffer(nil, 1<<20)
	if got.StatusCode == http.StatusOK {
		x.lines.Scan() // it is open
	}
	return x
}

// rows returns the HTML of the next message, "" at the end.
func (x *liveTail) rows() string {
	var html strings.Builder
	for x.lines.Scan() {
		line := x.lines.Text()
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			html.WriteString(text + "\n")
		}
		if line == "" && html.Len() > 0 {
			break
		}
	}
	return html.String()
}

func TestLive(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:old", "a"))
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/?path_prefix=a"), `data-stream="/ui/stream?path_prefix=a"`)
	wantText(t, b.page("/ui/?from=2026-06-01&to=2026-06-02"), "!data-stream")
	tail := b.tail("/ui/stream?path_prefix=a")
	if got := tail.Header.Get("Content-Type"); tail.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%s, %s", tail.Status, got)
	}
	script := s.event("user:<script>alert(1)</script>", "a/<b>")
	s.add(t, "tnt_a", s.event("user:no", "b"), s.event("user:one", "a"), script)
	got := tail.rows()
	wantText(t, got, "!user:no", "!<script>", "!old", "&lt;script&gt;", "&lt;b&gt;", "one", "path_prefix=a")
	if strings.Index(got, "script") > strings.Index(got, "one") {
		t.Error("the newest row is not first")
	}
	s.add(t, "tnt_b", s.event("user:foreign", "a"))
	s.add(t, "tnt_a", s.event("user:two", "a"))
	wantText(t, tail.rows(), "two", "!foreign", "!one")
}

func TestLiveKeepsToTheRowsOfItsToken(t *testing.T) {
	s := start(t)
	tail := s.signIn(t, "rows").tail("/ui/stream")
	s.add(t, "tnt_a", s.event("user:one", "prod/web"), s.event("user:two", "prod/db/x"))
	wantText(t, tail.rows(), "two", "!one")
}

// What no one could read is counted, not shown.
func TestLiveOfManyEvents(t *testing.T) {
	s := start(t)
	tail := s.signIn(t, "reader").tail("/ui/stream")
	var events []audit.Event
	for i := range 1300 {
		events = append(events, s.event("user:many", audit.Path(fmt.Sprintf("n%d", i))))
	}
	s.add(t, "tnt_a", events...)
	got := tail.rows()
	wantText(t, got, "n1299<", "n1200<", "!n1199<", "1,200 more")
	if n := strings.Count(got, "<tr data-id"); n != 100 {
		t.Errorf("%d rows, want 100", n)
	}
}

func TestLiveIsRefused(t *testing.T) {
	s := start(t)
	for name, got := range map[string]*liveTail{
		"no session": s.browser(t).tail("/ui/stream"),
		"bad filter": s.signIn(t, "reader").tail("/ui/stream?action=fly"),
		"no scope":   s.signIn(t, "writer").tail("/ui/stream"),
	} {
		if got.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
}

func TestLiveEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(*site, *browser){
		"signed out":    func(_ *site, b *browser) { b.post("/ui/logout", url.Values{"csrf": {b.csrf("/ui/")}}) },
		"token revoked": func(s *site, _ *browser) { s.revoke("reader") },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			b := s.signIn(t, "reader")
			tail := b.tail("/ui/stream")
			end(s, b)
			s.Advance(3 * time.Second)
			s.add(t, "tnt_a", s.event("user:late", "a"))
			if got := tail.rows(); got != "" {
				t.Errorf("goes on with %q", got)
			}
		})
	}
}

func TestLiveEndsWithTheServer(t *testing.T) {
	drain := make(chan struct{})
	s := open(t, httptest.NewServer, func(c *ui.Config) { c.Drain = drain })
	tail := s.signIn(t, "reader").tail("/ui/stream")
	close(drain)
	if got := tail.rows(); got != "" {
		t.Errorf("goes on with %q", got)
	}
}
