package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// fields are the fields of an event in the order of the documentation.
var fields = []string{
	"id", "timestamp", "action", "identity_type", "identity_id", "secret_path", "source_ip",
	"user_agent", "success", "duration_ms", "request_id", "extra_data",
}

// minimal is the event that brings only what it must.
func minimal() map[string]string {
	return map[string]string{
		"action": `"read"`, "identity_type": `"user"`, "identity_id": `"user:a"`, "success": `true`,
	}
}

// object writes members as JSON, known fields first.
func object(members map[string]string) string {
	var b strings.Builder
	for _, name := range fields {
		if value, ok := members[name]; ok {
			fmt.Fprintf(&b, ",%q:%s", name, value)
		}
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

// with is the minimal event with one member set, and the timestamp that an id
// asks for.
func with(name, value string) string {
	members := minimal()
	if name == "id" {
		members["timestamp"] = `"1970-01-01T00:00:00Z"`
	}
	members[name] = value
	return object(members)
}

// members splits a canonical line.
func members(t testing.TB, line []byte) map[string]string {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	m := make(map[string]string, len(raw))
	for name, value := range raw {
		m[name] = string(value)
	}
	return m
}

func TestDecodeEvent(t *testing.T) {
	base, err := audit.DecodeEvent(object(minimal()))
	if err != nil {
		t.Fatal(err)
	}
	base.Timestamp = 0
	plain := members(t, base.AppendLine(nil))
	golden(t, "testdata/decode.txt", func(input string) string {
		text := input
		if name, value, ok := strings.Cut(input, " = "); ok {
			text = with(name, value)
		}
		if name, ok := strings.CutPrefix(input, "without "); ok {
			m := minimal()
			delete(m, name)
			text = object(m)
		}
		e, err := audit.DecodeEvent(text)
		if err != nil {
			return explain(err)
		}
		if e.Timestamp == audit.NoTime {
			e.Timestamp = 0
		}
		got := members(t, e.AppendLine(nil))
		answer := "ok"
		for _, name := range fields {
			if got[name] != plain[name] {
				answer += " " + name + "=" + got[name]
			}
		}
		return answer
	})
}

// Texts that cannot stand in a file of behaviour.
func TestDecodeEventBytes(t *testing.T) {
	tests := []struct {
		name, text string
		code       audit.Code
	}{
		{"invalid UTF-8 in a value", with("user_agent", "\"\xff\""), audit.CodeInvalidRequest},
		{"overlong UTF-8", with("user_agent", "\"\xc0\xae\""), audit.CodeInvalidRequest},
		{"UTF-8 of a surrogate", with("user_agent", "\"\xed\xa0\x80\""), audit.CodeInvalidRequest},
		{"invalid UTF-8 in a key", `{"action` + "\xff" + `":1}`, audit.CodeInvalidRequest},
		{"invalid UTF-8 in extra data", with("extra_data", "{\"a\":[\"\xff\"]}"), audit.CodeInvalidRequest},
		{"byte order mark", "\ufeff" + object(minimal()), audit.CodeInvalidRequest},
		{"raw line feed in a string", with("user_agent", "\"a\nb\""), audit.CodeInvalidRequest},
		{"NUL behind the event", object(minimal()) + "\x00", audit.CodeInvalidRequest},
		{"empty", "", audit.CodeInvalidRequest},
		{"white space around", " \t\r\n" + object(minimal()) + " \t\r\n", ""},
		{"DEL in a string", with("user_agent", "\"\x7f\""), ""},
		{"DEL in an identity", with("identity_id", "\"a\x7f\""), audit.CodeValidationError},
	}
	for _, test := range tests {
		_, err := audit.DecodeEvent(test.text)
		if code := audit.ErrorCode(err); code != test.code {
			t.Errorf("%s: code %q (%v), want %q", test.name, code, err, test.code)
		}
	}
}

func TestDecodeEventLimits(t *testing.T) {
	str := func(s string) string { return `"` + s + `"` }
	many := func(n int, s string) string { return `"` + strings.Repeat(s, n) + `"` }
	nest := func(levels int) string {
		return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
	}
	bytesOf := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	tests := []struct{ name, field, most, over string }{
		{"id", "id", str("log_" + strings.Repeat("z", 60)), str("log_" + strings.Repeat("z", 61))},
		{"identity in ASCII", "identity_id", many(256, "i"), many(257, "i")},
		{"identity in characters", "identity_id", many(256, "é"), many(257, "é")},
		{"path in bytes", "secret_path", many(512, "p"), many(513, "p")},
		{"path in bytes of UTF-8", "secret_path", many(256, "é"), str(strings.Repeat("é", 256) + "p")},
		{"path in segments", "secret_path",
			str(strings.Repeat("a/", 31) + "a"), str(strings.Repeat("a/", 32) + "a")},
		{"user agent", "user_agent", many(1024, "u"), many(1025, "u")},
		{"user agent in bytes of UTF-8", "user_agent", many(512, "é"), str(strings.Repeat("é", 512) + "u")},
		{"duration", "duration_ms", "2147483647", "2147483648"},
		{"duration, least", "duration_ms", "0", "-1"},
		{"request id", "request_id", many(128, "r"), many(129, "r")},
		{"request id in characters", "request_id", many(128, "é"), many(129, "é")},
		{"time, least", "timestamp", str("1970-01-01T00:00:00Z"), str("1969-12-31T23:59:59.999999Z")},
		{"time, most", "timestamp", str("2261-12-31T23:59:59.999999999Z"), str("2262-01-01T00:00:00Z")},
		{"extra data in bytes", "extra_data", bytesOf(16 << 10), bytesOf(16<<10 + 1)},
		{"extra data in canonical bytes", "extra_data",
			" " + bytesOf(16<<10) + " ", " " + bytesOf(16<<10+1) + " "},
		{"extra data in levels", "extra_data", nest(8), nest(9)},
		{"extra data in levels of arrays", "extra_data",
			`{"a":[[[[[[[]]]]]]]}`, `{"a":[[[[[[[[]]]]]]]]}`},
	}
	for _, test := range tests {
		if _, err := audit.DecodeEvent(with(test.field, test.most)); err != nil {
			t.Errorf("%s at the limit: %v", test.name, err)
		}
		_, err := audit.DecodeEvent(with(test.field, test.over))
		if audit.ErrorCode(err) != audit.CodeValidationError || strings.Join(places(err), " ") != test.field {
			t.Errorf("%s past the limit: %v, want only %s refused", test.name, err, test.field)
		}
	}
}

// The event is the first of the 32 levels of JSON; beyond them it is not read.
func TestDecodeEventDepth(t *testing.T) {
	for levels, want := range map[int]audit.Code{
		audit.MaxDepth:     audit.CodeValidationError,
		audit.MaxDepth + 1: audit.CodeInvalidRequest,
		100_000:            audit.CodeInvalidRequest,
	} {
		text := with("extra_data", strings.Repeat("[", levels-1)+strings.Repeat("]", levels-1))
		if _, err := audit.DecodeEvent(text); audit.ErrorCode(err) != want {
			t.Errorf("%d levels: %v, want %s", levels, err, want)
		}
	}
}

// Nothing that is accepted has a canonical line beyond the limit, so that no
// reader checks it: the limits of the fields leave room.
func TestLongestLine(t *testing.T) {
	e := audit.Event{
		ID: audit.EventID("log_" + strings.Repeat("z", 60)), Timestamp: audit.MaxTime,
		Action: audit.ActionSubscriptionEvent, IdentityType: audit.TypeServiceAccount,
		IdentityID: audit.IdentityID(strings.Repeat("\U0001F511", audit.MaxIdentityID)),
		SecretPath: audit.Path(strings.Repeat(`"`, audit.MaxPath)),
		SourceIP:   "1111:1111:1111:1111:1111:1111:1111:1111",
		UserAgent:  strings.Repeat("\x01", audit.MaxUserAgent), DurationMS: audit.MaxDuration,
		RequestID: strings.Repeat("\x01", audit.MaxRequestID),
		ExtraData: `{"a":"` + strings.Repeat("x", audit.MaxExtraData-len(`{"a":""}`)) + `"}`,
	}
	line := e.AppendLine(nil)
	if len(line) > audit.MaxLine {
		t.Errorf("longest line has %d bytes, want at most %d", len(line), audit.MaxLine)
	}
	got, err := audit.DecodeEvent(string(line))
	if diff := cmp.Diff(e, got); err != nil || diff != "" {
		t.Errorf("the longest line does not read back: %v\n%s", err, diff)
	}
}

// The order of keys is free, and so is the white space between them.
func TestDecodeEventOrder(t *testing.T) {
	line := lines(1)[0]
	want, err := audit.DecodeEvent(line)
	if err != nil {
		t.Fatal(err)
	}
	m := members(t, []byte(line))
	for i := range fields {
		var b bytes.Buffer
		for j := range fields {
			name := fields[(i+7*j)%len(fields)]
			fmt.Fprintf(&b, "\t,\r\n %q : %s ", name, m[name])
		}
		text := " { " + strings.TrimLeft(b.String(), "\t,") + "}\n"
		if got, err := audit.DecodeEvent(text); err != nil || got != want {
			t.Errorf("%s\nis %+v, %v", text, got, err)
		}
		if got, ok := audit.QuickEvent(text); !ok || got != want {
			t.Errorf("%s\nis nothing to the quick reader", text)
		}
	}
}

// The usual line must not fall back to the strict reader.
func TestQuickEventTakesUsualLines(t *testing.T) {
	for _, line := range append(lines(1000), object(minimal())) {
		if _, ok := audit.QuickEvent(line); !ok {
			t.Fatalf("left: %s", line)
		}
	}
}

// Nor must events of Vault, whose extra data holds objects, arrays and escapes.
func TestQuickEventTakesVaultLines(t *testing.T) {
	for _, line := range vaultLines(t) {
		if _, ok := audit.QuickEvent(line); !ok {
			t.Errorf("left: %s", line)
		}
	}
}

func vaultLines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/vault/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// Extra data that is not canonical as it stands, or not to be had twice, is left.
func TestQuickEventLeavesOddExtra(t *testing.T) {
	deep := func(levels int) string {
		return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	many := func(members int) string {
		var b strings.Builder
		for n := range members {
			fmt.Fprintf(&b, `,"a%d":{"a":[]}`, n)
		}
		return "{" + b.String()[1:] + "}"
	}
	for value, taken := range map[string]bool{
		`{"a":{"a":1,"b":{"a":2}},"b":1}`: true, `{"a":["\"\\\b\t\n\f\r",-0.5,null,{}]}`: true, `{"":{}}`: true,
		deep(audit.MaxExtraDepth): true, many(63): true,
		`{"a":{"a":1,"a":2}}`: false, `{"a":1,"b":2,"a":3}`: false, `{"a":{"b":1},"b":2,"b":3}`: false,
		`{"a":"\/"}`: false, `{"a":"\u000a"}`: false, `{"a":"\u001f"}`: false, `{"a":"é"}`: false, `{"\n":1}`: false,
		`{"a":[1, 2]}`: false, `{"a":[1,]}`: false, `{"a":{"b":1,}}`: false, `{"a":1e3}`: false, `{"a":01}`: false, `{"a":[}`: false,
		deep(audit.MaxExtraDepth + 1): false, many(65): false,
	} {
		text := with("extra_data", value)
		if _, ok := audit.QuickEvent(text); ok != taken {
			t.Errorf("%s: taken %v, want %v", value, ok, taken)
		}
		checkReaders(t, text)
	}
}

func TestUnmarshalEvent(t *testing.T) {
	want := []audit.Event{}
	for _, line := range lines(3) {
		e, err := audit.DecodeEvent(line)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, e)
	}
	text := "[" + strings.Join(lines(3), ",") + "]"
	var got []audit.Event
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var e audit.Event
	err := json.Unmarshal([]byte(`{"Action":"read"}`), &e)
	if audit.ErrorCode(err) != audit.CodeInvalidRequest {
		t.Errorf("wrong-case key: %v", err)
	}
	if e != (audit.Event{}) {
		t.Errorf("a refused text changed the event to %+v", e)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, line := range append(lines(20), vaultLines(f)...) {
		f.Add(line)
	}
	for _, input := range inputs(f, "testdata/decode.txt") {
		if name, value, ok := strings.Cut(input, " = "); ok {
			input = with(name, value)
		}
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, text string) { checkReaders(t, text) })
}

// Events of the values in the file of behaviour, in any order and mixture,
// some of them twice, some left out, with and without white space.
func TestReadersAgree(t *testing.T) {
	values := map[string][]string{}
	for _, line := range append(lines(50), object(minimal())) {
		for name, value := range members(t, []byte(line)) {
			values[name] = append(values[name], value)
		}
	}
	for _, input := range inputs(t, "testdata/decode.txt") {
		if name, value, ok := strings.Cut(input, " = "); ok {
			values[name] = append(values[name], value)
		}
	}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]string{"", "", " ", "\r\n\t"}).Draw(t, "space")
		names := rapid.Permutation(fields).Draw(t, "names")
		if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
			names = append(names, names[0])
		}
		var parts []string
		for _, name := range names {
			if rapid.IntRange(0, 19).Draw(t, "left out") > 0 {
				value := rapid.SampledFrom(values[name]).Draw(t, name)
				parts = append(parts, `"`+name+`"`+space+":"+space+value)
			}
		}
		text := "{" + space + strings.Join(parts, space+","+space) + space + "}" + space
		if checkReaders(t, text) {
			accepted++
		}
	})
	if accepted == 0 {
		t.Error("no event was accepted: the test compares errors only")
	}
}

// checkReaders checks that the quick reader accepts only what the strict one
// does, with the same result, and what holds of every event and every error.
func checkReaders(t rapid.TB, text string) (accepted bool) {
	t.Helper()
	strict, err := audit.StrictEvent(text)
	if quick, ok := audit.QuickEvent(text); ok && (err != nil || quick != strict) {
		t.Fatalf("quick: %+v\nstrict: %+v, %v", quick, strict, err)
	}
	e, err2 := audit.DecodeEvent(text)
	if e != strict || fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Fatalf("DecodeEvent: %+v, %v\nstrict: %+v, %v", e, err2, strict, err)
	}
	if err != nil {
		checkRefusal(t, err)
		return false
	}
	checkAccepted(t, text, e)
	return true
}

// checkRefusal checks that an error names fields, in order, or has another code.
func checkRefusal(t rapid.TB, err error) {
	t.Helper()
	var e *audit.Error
	if !errors.As(err, &e) {
		t.Fatalf("uncoded: %v", err)
	}
	last := -1
	for _, f := range e.Fields {
		i := slices.Index(fields, f.Field)
		if i <= last || f.Message == "" {
			t.Fatalf("fields out of order: %v", e.Fields)
		}
		last = i
	}
	if want := len(e.Fields) > 0; want != (e.Code == audit.CodeValidationError) ||
		!want && e.Code != audit.CodeInvalidRequest {
		t.Fatalf("%s with fields %v", e.Code, e.Fields)
	}
	if !utf8.ValidString(e.Message) {
		t.Fatalf("message is not UTF-8: %q", e.Message)
	}
}

// checkAccepted checks what holds of every event that was read.
func checkAccepted(t rapid.TB, text string, e audit.Event) {
	t.Helper()
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) || repeatsKey(text) {
		t.Fatalf("accepted: %q", text)
	}
	if bad := e.Validate(); bad != nil {
		t.Fatalf("accepted in spite of %v", bad)
	}
	if e.ID == "" {
		e.ID = "log_x"
	}
	if e.Timestamp == audit.NoTime {
		e.Timestamp = 0
	}
	line := e.AppendLine(nil)
	if len(line) > audit.MaxLine || !json.Valid(line) {
		t.Fatalf("canonical line: %s", line)
	}
	again, err := audit.DecodeEvent(string(line))
	if err != nil || again != e {
		t.Fatalf("canonical line %s\nreads %+v, %v\nwant  %+v", line, again, err, e)
	}
	if !bytes.Equal(again.AppendLine(nil), line) {
		t.Fatalf("canonical line is no fixed point: %s", line)
	}
}

// repeatsKey reports, by way of encoding/json, whether an object in text, which
// is JSON, has a key twice.
func repeatsKey(text string) bool {
	dec := json.NewDecoder(strings.NewReader(text))
	var walk func() bool
	walk = func() bool {
		token, err := dec.Token()
		if _, open := token.(json.Delim); err != nil || !open {
			return false
		}
		seen := map[json.Token]bool{}
		for dec.More() {
			if token == json.Delim('{') {
				key, _ := dec.Token()
				if seen[key] {
					return true
				}
				seen[key] = true
			}
			if walk() {
				return true
			}
		}
		_, err = dec.Token() // the bracket's twin
		return err != nil
	}
	return walk()
}
