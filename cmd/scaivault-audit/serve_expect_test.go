package main

import (
	"testing"
	"time"

	"github.com/scaivault/audit/internal/source"
)

func TestParseExpectation(t *testing.T) {
	for text, want := range map[string]source.Expectation{
		"tnt_a/billing=5m":       {Tenant: "tnt_a", Source: "billing", Within: 5 * time.Minute},
		"tnt_a/eu/west=proxy=1s": {Tenant: "tnt_a", Source: "eu/west=proxy", Within: time.Second},
		"tnt_a/billing=999ms":    {},
		"tnt_a/billing=5":        {},
		"tnt_a/billing":          {},
		"tnt_a/=5m":              {},
		"billing=5m":             {},
		"/billing=5m":            {},
		"":                       {},
	} {
		got, err := parseExpectation(text)
		if want.Within == 0 {
			if err == nil {
				t.Errorf("%q: %+v; want an error", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	twice := expectSettings{GapWait: time.Minute, Expect: []string{"tnt_a/billing=5m", "tnt_a/billing=6m"}}
	if err := twice.check(); err == nil {
		t.Error("a source that stands twice is taken")
	}
}
