package ui_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/scaivault/audit"
)

// ago returns an event of d ago.
func (s *site) ago(d audit.Time, who audit.IdentityID, path audit.Path, ip string) audit.Event {
	e := s.event(who, path)
	e.Timestamp, e.SourceIP = audit.TimeOf(s.Now())-d, ip
	return e
}

func TestOverviewCompares(t *testing.T) {
	s := start(t)
	failed := s.ago(audit.Day, "user:ada", "prod/db", "")
	failed.Success = false
	s.add(t, "tnt_a", s.ago(audit.Day, "user:ada", "prod/db", ""), s.ago(2*audit.Day, "user:new", "prod/web", ""), failed,
		s.ago(9*audit.Day, "user:ada", "prod/db", ""))
	body := s.signIn(t, "reader").page("/ui/overview?range=7d")
	wantText(t, body, "&#43;200.0 %", "from 1", `<span class="num">2</span><span class="num dim">&#43;100.0 %`,
		`/ui/spark?identity_id=user%3Aada&amp;range=7d`, `/ui/spark?range=7d&amp;secret_path=prod%2Fweb`,
		`/ui/spark?action=read&amp;range=7d`, `<span class="tag accent">new</span>`,
		`/ui/new?field=identity_id&amp;range=7d`, `/ui/new?field=source_ip&amp;range=7d`)
}

func TestSpark(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:ada", "a/b"))
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/spark?range=7d&identity_id=user:ada"), `<path d="M-9 40V22.0L0.0 22.0`, "!<html")
	wantText(t, b.page("/ui/spark?range=7d&identity_id=user:nobody"), "<svg", "!<path")
	r := b.get("/ui/spark?range=7y", "HX-Request", "true")
	if r.StatusCode != http.StatusUnprocessableEntity || r.Header.Get("HX-Reswap") != "none" {
		t.Errorf("a bad filter: %s, HX-Reswap %q", r.Status, r.Header.Get("HX-Reswap"))
	}
}

func TestNews(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.ago(50*audit.Day, "user:old", "old/path", "192.0.2.1"), s.ago(audit.Day, "user:old", "old/path", "192.0.2.1"),
		s.ago(2*audit.Day, "user:fresh", "new/path", "192.0.2.2"), s.ago(audit.Hour, "user:fresh", "new/path", "192.0.2.2"))
	s.add(t, "tnt_b", s.ago(audit.Day, "user:other", "other", "192.0.2.3"))
	b := s.signIn(t, "reader")
	for field, want := range map[string][]string{
		"identity_id": {"1 identity<", "user:</i>fresh", "!user:</i>old"},
		"secret_path": {"1 secret<", "/ui/secrets/new/path", "!old/path"},
		"source_ip":   {"1 address<", "source_ip=192.0.2.2", "!192.0.2.1"},
	} {
		body := b.page("/ui/new?range=7d&field=" + field)
		wantText(t, body, append(want, "2 d ago", "!other", "!192.0.2.3", "!The log begins")...)
		wantText(t, b.get("/ui/new?range=7d&field="+field, "HX-Request", "true").body, "2 d ago", "!<html", "!<main")
	}
	wantText(t, b.page("/ui/new?range=90d&field=identity_id"), "2 identities", "The log begins in this range")
	wantText(t, b.page("/ui/new?range=15m&field=identity_id"), "Nothing new")
	if r := b.get("/ui/new?field=extra"); r.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown field: %s", r.Status)
	}
	wantText(t, s.signIn(t, "rows").page("/ui/new?range=90d&field=secret_path"), "!new/path", "!old/path")
}

// TestManyNews walks over the limits of both lists.
func TestManyNews(t *testing.T) {
	s := start(t)
	for i := range 201 {
		s.add(t, "tnt_a", s.event(audit.IdentityID(fmt.Sprintf("user:n%03d", i)), "a"))
	}
	b := s.signIn(t, "reader")
	wantText(t, b.get("/ui/new?field=identity_id", "HX-Request", "true").body, "All 201", "n005", "!n006")
	wantText(t, b.page("/ui/new?field=identity_id"), "201 identities", "n199", "!n200", "skip=200")
	wantText(t, b.get("/ui/new?field=identity_id&skip=200", "HX-Request", "true").body, "n200", "!n199", "!Show more", "!<header")
}
