package audit_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

func TestParsePath(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "integrations/salesforce/oauth": true, "A b/..c/d..": true, "ünï/名": true,
		`q"\<>%2e`: true, "...": true,
		strings.Repeat("p", 512): true, strings.Repeat("a/", 31) + "a": true, "\u00a0": true, "\ufffd": true,
		"": false, "/": false, "/a": false, "a/": false, "a//b": false, ".": false, "..": false,
		"a/./b": false, "../a": false,
		"a/..": false, strings.Repeat("p", 513): false, strings.Repeat("a/", 32) + "a": false,
		"a\x00": false, "a\nb": false, "a\x1f": false, "a\x7f": false, "a\u0085b": false, "a\u009f": false,
		"a\u2028b": false, "a\u2029": false, "\xff": false, "a\xc0\xae": false, "\xed\xa0\x80": false,
		"12345678\x00": false,
	} {
		got, err := audit.ParsePath(s)
		if (err == nil) != ok || ok && string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
		if !ok && audit.ErrorCode(err) != audit.CodeInvalidPath {
			t.Errorf("%q: %v, want %s", s, err, audit.CodeInvalidPath)
		}
	}
}

// The rule again, in other words.
func TestParsePathAgainstRule(t *testing.T) {
	anyBytes := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
	anyText := rapid.OneOf(rapid.String(), anyBytes,
		rapid.StringMatching(`[a-c./\x{2028}\x{80}\x01]{0,12}`))
	control := func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
	rapid.Check(t, func(t *rapid.T) {
		s := anyText.Draw(t, "s")
		ok := s != "" && len(s) <= audit.MaxPath && utf8.ValidString(s) &&
			!strings.ContainsFunc(s, control) && len(strings.Split(s, "/")) <= audit.MaxSegments
		for segment := range strings.SplitSeq(s, "/") {
			ok = ok && segment != "" && segment != "." && segment != ".."
		}
		if _, err := audit.ParsePath(s); (err == nil) != ok {
			t.Fatalf("%q: %v, want accepted: %v", s, err, ok)
		}
	})
}

func TestParsePrefix(t *testing.T) {
	for s, want := range map[string]audit.Path{
		"a": "a", "a/": "a", "a/b/": "a/b", "/": "", "": "", "a//": "", "/a/": "",
	} {
		got, err := audit.ParsePrefix(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", s, got, err, want)
		}
	}
}

func TestPathWithin(t *testing.T) {
	tests := []struct {
		path, prefix audit.Path
		want         bool
	}{
		{"a/b", "a/b", true},
		{"a/b/c", "a/b", true},
		{"a/bc", "a/b", false},
		{"a", "a/b", false},
		{"a/b", "a", true},
		{"b/a", "a", false},
		{"", "a", false},
		{"a", "", false},
		{"", "", false},
		{"A/b", "a", false},
	}
	for _, test := range tests {
		if got := test.path.Within(test.prefix); got != test.want {
			t.Errorf("%q within %q: %v, want %v", test.path, test.prefix, got, test.want)
		}
	}
}
