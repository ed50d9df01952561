package audit_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// An event that has every field, and one that has no more than it must.
var (
	whole = audit.Event{
		Timestamp: 100, Action: "read", IdentityType: "user", IdentityID: "user:a", SecretPath: "a/b/c",
		SourceIP: "10.0.0.1", Success: true, RequestID: "r",
		ExtraData: `{"s":"x\"y","n":1.50,"t":true,"f":false,"z":null,` +
			`"o":{"s":"in"},"l":["s"],"e":"","a.b":"dot"}`,
	}
	bare = audit.Event{Timestamp: 100, Action: "read", IdentityType: "user", IdentityID: "user:a"}
)

// extra is a filter of pairs of a key and a value.
func extra(pairs ...string) (f audit.Filter) {
	for i := 0; i < len(pairs); i += 2 {
		f.Extra = append(f.Extra, audit.ExtraFilter{Key: pairs[i], Value: pairs[i+1]})
	}
	return f
}

func TestFilterMatch(t *testing.T) {
	at := func(n audit.Time) *audit.Time { return &n }
	yes, no := true, false
	tests := []struct {
		name        string
		filter      audit.Filter
		whole, bare bool
	}{
		{"nothing asked", audit.Filter{}, true, true},
		{"from is inclusive", audit.Filter{From: at(100)}, true, true},
		{"from later", audit.Filter{From: at(101)}, false, false},
		{"to is exclusive", audit.Filter{To: at(100)}, false, false},
		{"to later", audit.Filter{To: at(101)}, true, true},
		{"from after to", audit.Filter{From: at(101), To: at(100)}, false, false},
		{"one of the actions", audit.Filter{Actions: []audit.Action{"list", "read"}}, true, true},
		{"none of the actions", audit.Filter{Actions: []audit.Action{"list"}}, false, false},
		{"not the action", audit.Filter{NotActions: []audit.Action{"list", "read"}}, false, false},
		{"not another action", audit.Filter{NotActions: []audit.Action{"list"}}, true, true},
		{"action and not the action",
			audit.Filter{Actions: []audit.Action{"read"}, NotActions: []audit.Action{"read"}}, false, false},
		{"identity", audit.Filter{IdentityID: "user:a"}, true, true},
		{"part of the identity", audit.Filter{IdentityID: "user:"}, false, false},
		{"not the identity", audit.Filter{NotIdentityID: "user:a"}, false, false},
		{"not another identity", audit.Filter{NotIdentityID: "user:b"}, true, true},
		{"type", audit.Filter{IdentityType: "user"}, true, true},
		{"another type", audit.Filter{IdentityType: "group"}, false, false},
		{"path", audit.Filter{SecretPath: "a/b/c"}, true, false},
		{"path above", audit.Filter{SecretPath: "a/b"}, false, false},
		{"prefix", audit.Filter{PathPrefix: "a/b"}, true, false},
		{"prefix itself", audit.Filter{PathPrefix: "a/b/c"}, true, false},
		{"prefix inside a segment", audit.Filter{PathPrefix: "a/b/"}, false, false},
		{"prefix below", audit.Filter{PathPrefix: "a/b/c/d"}, false, false},
		{"not below the prefix", audit.Filter{NotPathPrefix: "a"}, false, true},
		{"not below another prefix", audit.Filter{NotPathPrefix: "a/bc"}, true, true},
		{"success", audit.Filter{Success: &yes}, true, false},
		{"failure", audit.Filter{Success: &no}, false, true},
		{"one of the addresses", audit.Filter{SourceIPs: []string{"::1", "10.0.0.1"}}, true, false},
		{"none of the addresses", audit.Filter{SourceIPs: []string{"::1"}}, false, false},
		{"not the address", audit.Filter{NotSourceIPs: []string{"10.0.0.1"}}, false, true},
		{"not another address", audit.Filter{NotSourceIPs: []string{"::1"}}, true, true},
		{"request", audit.Filter{RequestID: "r"}, true, false},
		{"another request", audit.Filter{RequestID: "R"}, false, false},
		{"extra string, decoded", extra("s", `x"y`), true, false},
		{"extra string, as written", extra("s", `x\"y`), false, false},
		{"part of an extra string", extra("s", "x"), false, false},
		{"extra empty string", extra("e", ""), true, false},
		{"extra number, as written", extra("n", "1.50"), true, false},
		{"extra number of equal value", extra("n", "1.5"), false, false},
		{"extra true", extra("t", "true"), true, false},
		{"extra false", extra("f", "false"), true, false},
		{"extra null has no text", extra("z", "null"), false, false},
		{"extra null is not empty", extra("z", ""), false, false},
		{"extra object has no text", extra("o", `{"s":"in"}`), false, false},
		{"extra list has no text", extra("l", `["s"]`), false, false},
		{"extra member below the top", extra("s", "in"), false, false},
		{"extra key with a dot", extra("a.b", "dot"), true, false},
		{"extra key that is absent", extra("missing", ""), false, false},
		{"extra key in other case", extra("S", `x"y`), false, false},
		{"all extras hold", extra("n", "1.50", "t", "true"), true, false},
		{"one extra does not", extra("n", "1.50", "t", "false"), false, false},
		{"within", audit.Filter{Within: []audit.Path{"x", "a/b"}}, true, false},
		{"without", audit.Filter{Within: []audit.Path{"x", "a/bc"}}, false, false},
		{"within narrows exclusions",
			audit.Filter{Within: []audit.Path{"x"}, NotPathPrefix: "y"}, false, false},
		{"within narrows paths", audit.Filter{Within: []audit.Path{"x"}, SecretPath: "a/b/c"}, false, false},
		{"within nothing", audit.Filter{Within: []audit.Path{""}}, false, false},
	}
	for _, test := range tests {
		if got := test.filter.Match(&whole); got != test.whole {
			t.Errorf("%s: the whole event matches: %v, want %v", test.name, got, test.whole)
		}
		if got := test.filter.Match(&bare); got != test.bare {
			t.Errorf("%s: the bare event matches: %v, want %v", test.name, got, test.bare)
		}
	}
}

// A value is found in the canonical text however it has to be escaped there.
func TestFilterMatchesAnyExtra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, value := rapid.String().Draw(t, "key"), rapid.String().Draw(t, "value")
		text := audit.AppendString([]byte("{"), key)
		text = append(audit.AppendString(append(text, ':'), value), '}')
		f := extra(key, value)
		if !f.MatchExtra(string(text)) {
			t.Fatalf("%q = %q is not found in %s", key, value, text)
		}
		if other := extra(key, value+"x"); other.MatchExtra(string(text)) {
			t.Fatalf("%q = %q is found in %s", key, value+"x", text)
		}
	})
}
