package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hostile is text that a terminal would obey, hide or reorder, and how it is
// to be shown instead.
var hostile = map[string]string{
	"plain/ünïcode/密/🔑":     "plain/ünïcode/密/🔑",
	"\x1b[31mred":           `\x1b[31mred`,
	"\x1b]8;;http://x\x07l": `\x1b]8;;http://x\al`,
	"a\r\nb\tc\x00":         `a\r\nb\tc\x00`,
	"\x7f\u0085\u009b2J":    `\x7f\u0085\u009b2J`,
	"ab\u202egpj.exe":       `ab\u202egpj.exe`,
	"\u2066x\u2069\u200f":   `\u2066x\u2069\u200f`,
	"zero\u200bwidth\ufeff": `zero\u200bwidth\ufeff`,
	"no\u00a0break\u2028":   `no\u00a0break\u2028`,
	"tag\U000e0041":         `tag\U000e0041`,
}

func TestVisible(t *testing.T) {
	for s, want := range hostile {
		if got := visible(s); got != want {
			t.Errorf("visible(%q) = %q; want %q", s, got, want)
		}
	}
	if got, want := visible("bad\xff\x9b\xc0"), `bad\xff\x9b\xc0`; got != want {
		t.Errorf("invalid UTF-8 is shown as %q; want %q", got, want)
	}
}

// JSON on a terminal has the same values and nothing that [visible] escapes.
func TestVisibleJSON(t *testing.T) {
	for s := range hostile {
		text, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		shown := visibleJSON(text)
		if v := visible(string(shown)); v != string(shown) {
			t.Errorf("%q is shown as %q", s, shown)
		}
		var got map[string]string
		if err := json.Unmarshal(shown, &got); err != nil {
			t.Fatalf("%q is shown as %q: %v", s, shown, err)
		}
		if diff := cmp.Diff(map[string]string{s: s}, got); diff != "" {
			t.Errorf("%q became another value (-want +got):\n%s", s, diff)
		}
	}
}
