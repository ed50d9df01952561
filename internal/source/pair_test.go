package source_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

func sum(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// at returns the time of the line that many milliseconds after the start.
func at(ms int) string {
	t, err := time.Parse(time.RFC3339, start)
	if err != nil {
		panic(err)
	}
	return t.Add(time.Duration(ms) * time.Millisecond).Format(time.RFC3339Nano)
}

func ask(id string, ms int) string {
	return line("request", at(ms), members{"id": id, "operation": "read", "path": "kv/" + id})
}

func reply(id string, ms int) string {
	return line("response", at(ms), members{"id": id, "operation": "read", "path": "kv/" + id})
}

// story prints what matters of events in the order they came: the request,
// what its event is made of, success and duration.
func story(t *testing.T, events []audit.Event) string {
	t.Helper()
	var parts []string
	for _, e := range events {
		what := "whole"
		x := extra(t, e)
		switch {
		case x["outcome"] != nil:
			what = "lone"
		case x["late_for"] != nil:
			what = "late"
		}
		parts = append(parts, fmt.Sprintf("%s:%s:%v:%d", e.RequestID, what, e.Success, e.DurationMS))
	}
	return strings.Join(parts, " ")
}

func TestPairing(t *testing.T) {
	const wait = 10_000
	tests := []struct{ name, lines, want string }{
		{"pair", ask("a", 0) + reply("a", 12), "a:whole:true:12"},
		{"crossed", ask("a", 0) + ask("b", 1) + reply("b", 2) + reply("a", 3), "b:whole:true:1 a:whole:true:3"},
		{"clock goes back", ask("a", 5) + reply("a", 0), "a:whole:true:0"},
		{"answer alone", reply("a", 0), "a:whole:true:0"},
		{"answer first", reply("a", 1) + ask("a", 0), "a:whole:true:0"},
		{"request alone", ask("a", 0), "a:lone:false:0"},
		{"in time", ask("a", 0) + ask("b", wait-1) + reply("a", wait-1) + reply("b", wait-1),
			"a:whole:true:9999 b:whole:true:0"},
		{"given up", ask("a", 0) + ask("b", wait) + reply("b", wait), "a:lone:false:0 b:whole:true:0"},
		{"late", ask("a", 0) + ask("b", wait) + reply("a", wait+1) + reply("b", wait+2),
			"a:lone:false:0 a:late:true:0 b:whole:true:2"},
		{"late twice", ask("a", 0) + ask("b", wait) + reply("a", wait) + reply("a", wait) + reply("b", wait),
			"a:lone:false:0 a:late:true:0 b:whole:true:0"},
		{"two devices", ask("a", 0) + ask("a", 0) + reply("a", 1) + reply("a", 1) + ask("a", 0), "a:whole:true:1"},
		{"second device alone", ask("a", 0) + ask("b", wait) + ask("a", wait) + reply("b", wait),
			"a:lone:false:0 b:whole:true:0"},
		{"no id", ask("", 0) + reply("", 3) + ask("", 5) + reply("", 9), ":whole:true:3 :whole:true:4"},
		{"no id, no answer", ask("", 0) + ask("", 5) + reply("", 9), ":lone:false:0 :whole:true:4"},
	}
	for _, tt := range tests {
		events := read(t, source.NewPairer(source.Options{}), tt.lines)
		if got := story(t, events); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		ids := make(map[audit.EventID]bool)
		for _, e := range events {
			ids[e.ID] = true
		}
		if len(ids) != len(events) {
			t.Errorf("%s: %d events have %d ids", tt.name, len(events), len(ids))
		}
		again := read(t, source.NewPairer(source.Options{}), tt.lines)
		if diff := cmp.Diff(events, again); diff != "" {
			t.Errorf("%s: the same lines give other events (-first +second):\n%s", tt.name, diff)
		}
	}
}

func TestLateNamesTheEarlier(t *testing.T) {
	events := read(t, source.NewPairer(source.Options{Wait: time.Second}),
		ask("a", 0)+ask("b", 1000)+reply("a", 1001))
	if got := extra(t, events[1])["late_for"]; got != string(events[0].ID) {
		t.Errorf("late for %v, want %s", got, events[0].ID)
	}
}

// TestClock gives up requests by the clock that was given, not by the lines'.
func TestClock(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	p := source.NewPairer(source.Options{Now: func() time.Time { return now }})
	add := func(line string) string {
		t.Helper()
		events, err := p.Add([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		return story(t, events)
	}
	steps := []struct{ name, got, want string }{
		{"the lines' time does not count", add(ask("a", 0)) + add(ask("b", 60_000)), ""},
		{"before its time", func() string { now = now.Add(10*time.Second - 1); return story(t, p.Flush()) }(), ""},
		{"its time is up", func() string { now = now.Add(1); return story(t, p.Flush()) }(),
			"a:lone:false:0 b:lone:false:0"},
		{"late", add(reply("a", 0)), "a:late:true:0"},
		{"a clock that goes back", func() string {
			add(ask("c", 0))
			now = now.Add(-time.Hour)
			return story(t, p.Flush())
		}(), ""},
		{"the end", story(t, p.Close()), "c:lone:false:0"},
		{"after the end", story(t, p.Close()), ""},
	}
	for _, s := range steps {
		if s.got != s.want {
			t.Errorf("%s: got %q, want %q", s.name, s.got, s.want)
		}
	}
}

// TestBounds keeps the memory of a Pairer bounded: the oldest request is given
// up, the oldest memory goes.
func TestBounds(t *testing.T) {
	abc := ask("a", 0) + ask("b", 0) + ask("c", 0)
	replies := reply("a", 0) + reply("b", 0) + reply("c", 0)
	tests := []struct {
		name    string
		options source.Options
		lines   string
		want    string
	}{
		{"open at the limit", source.Options{MaxOpen: 3}, abc, "a:lone:false:0 b:lone:false:0 c:lone:false:0"},
		{"open past it", source.Options{MaxOpen: 2}, abc + replies,
			"a:lone:false:0 a:late:true:0 b:whole:true:0 c:whole:true:0"},
		{"bytes", source.Options{MaxOpenBytes: 250}, abc + replies,
			"a:lone:false:0 a:late:true:0 b:whole:true:0 c:whole:true:0"},
		{"known at the limit", source.Options{MaxKnown: 3}, abc + replies + replies,
			"a:whole:true:0 b:whole:true:0 c:whole:true:0"},
		{"known past it", source.Options{MaxKnown: 2}, abc + replies + reply("a", 0),
			"a:whole:true:0 b:whole:true:0 c:whole:true:0 a:whole:true:0"},
	}
	for _, tt := range tests {
		got := story(t, read(t, source.NewPairer(tt.options), tt.lines))
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// FuzzVaultLine feeds a line, as it is and as another request's answer, to a
// Pairer. Whatever it holds, its events are ones that the log accepts.
func FuzzVaultLine(f *testing.F) {
	n := 0
	for line := range strings.Lines(sample(f)) {
		if n++; n%12 == 0 {
			f.Add([]byte(line))
		}
	}
	f.Add([]byte(`@cee: {"type":"request","request":{"id":"\ud800","path":"a//../b","data":{"a":[[[[[[[1]]]]]]]}}}`))
	f.Add([]byte(`{"type":"response","request":{"path":"` + "\xff" + `"},"response":{"data":{"error":1}}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		p := source.NewPairer(source.Options{})
		var events []audit.Event
		for _, l := range [][]byte{line, []byte(ask("a", 0)), line, []byte(reply("a", 0))} {
			got, err := p.Add(l)
			if err != nil && audit.ErrorCode(err) != audit.CodeInvalidRequest {
				t.Fatal(err)
			}
			events = append(events, got...)
		}
		check(t, append(events, p.Close()...))
	})
}
