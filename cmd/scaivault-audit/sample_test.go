package main

import (
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
)

// TestSample checks every line that is printed: canonical, in the order of
// time, within the period, and the same again.
func TestSample(t *testing.T) {
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, more := range [][]string{nil, {"--cardinality", "high"}, {"--seed", "2", "--period", "7d"}} {
		args := append([]string{"sample", "--events", "2k", "--end", "2026-01-01T00:00:00Z"}, more...)
		got := runLine(t, "", args...)
		if again := runLine(t, "", args...); got != again || got.Code != exitOK || got.Stderr != "" {
			t.Fatalf("%q: code %d, %q; or not the same twice", args, got.Code, got.Stderr)
		}
		last, n := audit.Time(0), 0
		for line := range strings.Lines(got.Stdout) {
			line = strings.TrimSuffix(line, "\n")
			e, err := audit.DecodeEvent(line)
			if err != nil || string(e.AppendLine(nil)) != line {
				t.Fatalf("%q: line %d is not canonical: %s: %v", args, n+1, line, err)
			}
			if e.Timestamp < last || e.Timestamp >= audit.TimeOf(end) {
				t.Fatalf("%q: line %d at %s follows %s", args, n+1, e.Timestamp, last)
			}
			last = e.Timestamp
			n++
		}
		if n != 2000 {
			t.Errorf("%q: %d lines, want 2000", args, n)
		}
	}
}

func TestEventCount(t *testing.T) {
	for text, want := range map[string]eventCount{
		"1": 1, "20k": 20_000, "10m": 10_000_000, "1g": 1_000_000_000, "1000g": maxEvents,
		"1001g": 0, "0": 0, "": 0, "k": 0, "-1": 0, "+1k": 1000, "1kk": 0, "1.5m": 0, "1M": 0,
		"99999999999999999999": 0,
	} {
		var got eventCount
		err := got.UnmarshalText([]byte(text))
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
