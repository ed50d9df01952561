package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

func TestAppendLine(t *testing.T) {
	full := audit.Event{
		ID: "log_abc", Timestamp: 1_776_938_400_000_001, Action: "read", IdentityType: "service_account",
		IdentityID: `sa:"ü"`, SecretPath: `a\b/<c>`, SourceIP: "10.0.1.50", UserAgent: "x\ty", Success: true,
		DurationMS: 2147483647, RequestID: "req_&", ExtraData: `{"b":1.0,"a":[]}`,
	}
	least := audit.Event{ID: "log_a", Action: "list", IdentityType: "user", IdentityID: "user:a"}
	for want, e := range map[string]audit.Event{
		`{"id":"log_abc","timestamp":"2026-04-23T10:00:00.000001Z","action":"read",` +
			`"identity_type":"service_account","identity_id":"sa:\"ü\"","secret_path":"a\\b/<c>",` +
			`"source_ip":"10.0.1.50","user_agent":"x\ty","success":true,"duration_ms":2147483647,` +
			`"request_id":"req_&","extra_data":{"b":1.0,"a":[]}}`: full,
		`{"id":"log_a","timestamp":"1970-01-01T00:00:00.000000Z","action":"list","identity_type":"user",` +
			`"identity_id":"user:a","secret_path":null,"source_ip":null,"user_agent":"","success":false,` +
			`"duration_ms":0,"request_id":"","extra_data":{}}`: least,
	} {
		if got := string(e.AppendLine([]byte("kept "))); got != "kept "+want {
			t.Errorf("%s\nwant kept %s", got, want)
		}
		if got, err := e.MarshalJSON(); err != nil || string(got) != want {
			t.Errorf("MarshalJSON: %s, %v", got, err)
		}
	}
}

// RFC 8785, section 3.2.2.2, over every byte of ASCII and some beyond.
func TestAppendString(t *testing.T) {
	short := map[rune]string{
		'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`,
	}
	for _, r := range append([]rune("é\u0080\u2028\u2029\ufeff\ufffd😀"), asciiRunes()...) {
		want, ok := short[r]
		switch {
		case !ok && r < 0x20:
			want = fmt.Sprintf(`\u%04x`, r)
		case !ok:
			want = string(r)
		}
		if got := string(audit.AppendString(nil, "a"+string(r)+"b")); got != `"a`+want+`b"` {
			t.Errorf("%U: %s, want \"a%sb\"", r, got, want)
		}
	}
}

func asciiRunes() (all []rune) {
	for r := range rune(0x80) {
		all = append(all, r)
	}
	return all
}

func TestAppendStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "s")
		text := audit.AppendString(nil, want)
		var got string
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("%q is written %s, which reads %q, %v", want, text, got, err)
		}
		if longest := 2 + 6*len(want); len(text) > longest || strings.ContainsAny(string(text), "\n\r\x00") {
			t.Fatalf("%q is written %q", want, text)
		}
	})
}
