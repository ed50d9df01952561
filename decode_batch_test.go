package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// event is a short good event whose request is named.
func event(request string) string {
	return with("request_id", fmt.Sprintf("%q", request))
}

// bad and odd are short events that are refused: by a rule, and for two readings.
const (
	bad = `{"action":"raed","identity_type":"user","identity_id":"user:a","success":1}`
	odd = `{"action":"read","action":"read","identity_type":"user","identity_id":"user:a","success":true}`
)

// requests names the events of a batch, each with its line.
func requests(b audit.Batch) (names []string) {
	for i, e := range b.Events {
		names = append(names, fmt.Sprintf("%s@%d", e.RequestID, b.Line(i)))
	}
	return names
}

// places names the fields of an error.
func places(err error) (names []string) {
	var e *audit.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
	}
	return names
}

func TestDecodeBatch(t *testing.T) {
	a, b, c := event("a"), event("b"), event("c")
	tests := []struct {
		name string
		form audit.BatchForm
		body string
		want []string // requests
	}{
		{"one object", audit.FormJSON, a, []string{"a@1"}},
		{"one object in white space", audit.FormJSON, "\r\n\t " + a + "\n", []string{"a@1"}},
		{"no events", audit.FormJSON, "[]", nil},
		{"no events in white space", audit.FormJSON, " [ ] \n", nil},
		{"array", audit.FormJSON, "[" + a + "," + b + "," + c + "]", []string{"a@1", "b@2", "c@3"}},
		{"array in white space", audit.FormJSON, "\n[ " + a + " ,\n" + b + "\t]\n", []string{"a@1", "b@2"}},
		{"array of events for the strict reader", audit.FormJSON,
			"[" + event("ä") + "," + b + "," + event("}],[{") + "]", []string{"ä@1", "b@2", "}],[{@3"}},
		{"lines", audit.FormNDJSON, a + "\n" + b + "\n", []string{"a@1", "b@2"}},
		{"lines without an end", audit.FormNDJSON, a + "\n" + b, []string{"a@1", "b@2"}},
		{"lines with CR", audit.FormNDJSON, a + "\r\n" + b + "\r\n", []string{"a@1", "b@2"}},
		{"blank lines", audit.FormNDJSON, "\n" + a + "\n\r\n \t\n" + b + "\n\n" + c,
			[]string{"a@2", "b@5", "c@7"}},
		{"blank lines behind", audit.FormNDJSON, a + "\n" + b + "\n\n", []string{"a@1", "b@2"}},
		{"no lines", audit.FormNDJSON, "", nil},
		{"blank lines only", audit.FormNDJSON, "\n \r\n", nil},
	}
	for _, test := range tests {
		for _, partial := range []bool{false, true} {
			got, err := audit.DecodeBatch(test.form, test.body, audit.MaxTime, partial)
			if err != nil || got.Partial != partial || len(got.Rejected) > 0 {
				t.Errorf("%s, partial %v: %+v, %v", test.name, partial, got, err)
			}
			if diff := cmp.Diff(test.want, requests(got)); diff != "" {
				t.Errorf("%s, partial %v: %s", test.name, partial, diff)
			}
		}
	}
}

// Lines are kept only where they differ from the position.
func TestDecodeBatchLines(t *testing.T) {
	for body, want := range map[string][]int{
		event("a") + "\n" + event("b") + "\n\n":           nil,
		event("a") + "\n\n" + event("b") + "\n":           {1, 3},
		"\n" + event("a") + "\n" + event("b"):             {2, 3},
		event("a") + "\n" + bad + "\n" + event("b"):       {1, 3},
		bad + "\n\n" + odd + "\n" + event("a") + "\nnull": {4},
	} {
		b, err := audit.DecodeBatch(audit.FormNDJSON, body, audit.MaxTime, true)
		if err != nil || !slices.Equal(b.Lines, want) || (b.Lines == nil) != (want == nil) {
			t.Errorf("%q: lines %v, %v, want %v", body, b.Lines, err, want)
		}
	}
}

func TestDecodeBatchRefused(t *testing.T) {
	a := event("a")
	both := []string{"events[1].action", "events[1].success"}
	tests := []struct {
		name   string
		form   audit.BatchForm
		body   string
		code   audit.Code
		fields []string
	}{
		{"one object", audit.FormJSON, bad, audit.CodeValidationError, []string{"action", "success"}},
		{"one odd object", audit.FormJSON, odd, audit.CodeInvalidRequest, nil},
		{"one in an array", audit.FormJSON, "[" + bad + "]", audit.CodeValidationError,
			[]string{"events[0].action", "events[0].success"}},
		{"by rules", audit.FormJSON, "[" + a + "," + bad + "," + a + "]", audit.CodeValidationError, both},
		{"by rules, all of them", audit.FormJSON, "[" + a + "," + bad + "," + a + "," + bad + "]",
			audit.CodeValidationError, append(slices.Clone(both), "events[3].action", "events[3].success")},
		{"two readings", audit.FormJSON, "[" + a + "," + bad + "," + odd + "]", audit.CodeInvalidRequest,
			append(slices.Clone(both), "events[2]")},
		{"no objects", audit.FormJSON, "[" + a + `,null,1,"x",[` + a + `]]`, audit.CodeInvalidRequest,
			[]string{"events[1]", "events[2]", "events[3]", "events[4]"}},
		{"lines by rules", audit.FormNDJSON, "\n" + a + "\n\n" + bad + "\n" + a,
			audit.CodeValidationError, both},
		{"lines of two readings", audit.FormNDJSON, odd + "\n" + bad, audit.CodeInvalidRequest,
			append([]string{"events[0]"}, both...)},
		{"malformed line", audit.FormNDJSON, a + "\n{\n" + a, audit.CodeInvalidRequest,
			[]string{"events[1]"}},
		{"two events on a line", audit.FormNDJSON, a + a, audit.CodeInvalidRequest, []string{"events[0]"}},
		{"array on a line", audit.FormNDJSON, "[" + a + "]", audit.CodeInvalidRequest, []string{"events[0]"}},
	}
	for _, test := range tests {
		got, err := audit.DecodeBatch(test.form, test.body, audit.MaxTime, false)
		if audit.ErrorCode(err) != test.code || got.Events != nil {
			t.Errorf("%s: %+v, %v, want %s", test.name, got, err, test.code)
		}
		if diff := cmp.Diff(test.fields, places(err)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestDecodeBatchMessage(t *testing.T) {
	_, err := audit.DecodeBatch(audit.FormJSON, "["+event("a")+","+odd+","+bad+"]", audit.MaxTime, false)
	want := `2 of 3 events are bad, the first because of events[1]: key "action" stands twice in an object`
	if err == nil || err.Error() != want {
		t.Errorf("message %v\nwant    %s", err, want)
	}
}

// A partial batch keeps what is good; the rest is told by line, with bare names.
func TestDecodeBatchPartial(t *testing.T) {
	a, b := event("a"), event("b")
	reject := func(line int, text string) audit.Rejection {
		_, err := audit.DecodeEvent(text)
		var e *audit.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", text, err)
		}
		fields := append([]audit.FieldError{}, e.Fields...)
		return audit.Rejection{Line: line, Code: e.Code, Message: e.Message, Fields: fields}
	}
	tests := []struct {
		name     string
		form     audit.BatchForm
		body     string
		want     []string
		rejected []audit.Rejection
	}{
		{"array", audit.FormJSON, "[" + a + "," + bad + "," + odd + "," + b + ",7]", []string{"a@1", "b@4"},
			[]audit.Rejection{reject(2, bad), reject(3, odd), reject(5, "7")}},
		{"lines", audit.FormNDJSON, "\n" + bad + "\n\n" + a + "\n{\n" + b, []string{"a@4", "b@6"},
			[]audit.Rejection{reject(2, bad), reject(5, "{\n")}},
		{"strict events beside odd ones", audit.FormJSON, "[" + odd + "," + event("ä") + "]", []string{"ä@2"},
			[]audit.Rejection{reject(1, odd)}},
		{"one object", audit.FormJSON, bad, nil, []audit.Rejection{reject(1, bad)}},
		{"nothing good", audit.FormJSON, "[" + bad + "]", nil, []audit.Rejection{reject(1, bad)}},
	}
	for _, test := range tests {
		got, err := audit.DecodeBatch(test.form, test.body, audit.MaxTime, true)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, requests(got)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		if diff := cmp.Diff(test.rejected, got.Rejected); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// A body that is not JSON holds no events, not even in part.
func TestDecodeBatchMalformed(t *testing.T) {
	a, slow := event("a"), event("ä")
	for _, body := range []string{
		"", " ", "null", "7", `"x"`, "true", "x", "{", "[", "[" + a, "[" + a + ",",
		"[" + a + ",]", "[," + a + "]", "[" + a + " " + a + "]", "[" + a + ",," + a + "]", "[" + a + "]]",
		"[" + a + "],", "[" + a + "][]", "[" + a + "}",
		"[]x", "[]]", "[ ] [", a + "," + a, a + "\n" + a, "[" + slow, "[" + slow + "}", "[" + slow + a + "]",
		"[" + slow + ",]", "[" + a + "," + slow + "]x", "[" + bad + ",{]",
		"[" + bad + "," + a + ",tru]", "[" + a + ",\x00]",
		`[{"action":"read"`, `[{"action":"read]`, `[{"a":[1}]]`, `[{"a":"\"}]`, "[" + bad + ",'x']",
		"[" + a + "," + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "]", "\ufeff[]",
	} {
		for _, partial := range []bool{false, true} {
			got, err := audit.DecodeBatch(audit.FormJSON, body, audit.MaxTime, partial)
			if audit.ErrorCode(err) != audit.CodeInvalidRequest || places(err) != nil || got.Events != nil {
				t.Errorf("%.80q, partial %v: %d events, %v", body, partial, len(got.Events), err)
			}
		}
	}
}

// The array is one of the 32 levels.
func TestDecodeBatchDepth(t *testing.T) {
	for levels, want := range map[int]audit.Code{
		audit.MaxDepth:     audit.CodeValidationError,
		audit.MaxDepth + 1: audit.CodeInvalidRequest,
	} {
		deep := with("extra_data", strings.Repeat("[", levels-2)+strings.Repeat("]", levels-2))
		got, err := audit.DecodeBatch(audit.FormJSON, "["+deep+","+event("a")+"]", audit.MaxTime, true)
		if err != nil || len(got.Rejected) != 1 || got.Rejected[0].Code != want {
			t.Errorf("%d levels: %+v, %v, want %s", levels, got.Rejected, err, want)
		}
		if diff := cmp.Diff([]string{"a@2"}, requests(got)); diff != "" {
			t.Errorf("%d levels: %s", levels, diff)
		}
	}
}

func TestDecodeBatchSize(t *testing.T) {
	many := func(n int, text string) []string { return slices.Repeat([]string{text}, n) }
	sizes := map[int]audit.Code{audit.MaxBatch: "", audit.MaxBatch + 1: audit.CodePayloadTooLarge}
	for _, text := range []string{event("a"), event("ä"), bad} {
		for n, want := range sizes {
			for form, body := range map[audit.BatchForm]string{
				audit.FormJSON:   "[" + strings.Join(many(n, text), ",") + "]",
				audit.FormNDJSON: strings.Join(many(n, text), "\n\n"),
			} {
				got, err := audit.DecodeBatch(form, body, audit.MaxTime, true)
				read := len(got.Events) + len(got.Rejected)
				if audit.ErrorCode(err) != want || want == "" && read != n {
					t.Errorf("form %d, %d times %s: %d read, %v", form, n, text, read, err)
				}
			}
		}
	}
}

func TestDecodeBatchLatest(t *testing.T) {
	latest, err := audit.ParseTime("2026-04-24T10:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	at := with("timestamp", `"2026-04-24T12:00:00.0000009+02:00"`) // cut to the last microsecond
	past := with("timestamp", `"2026-04-24T10:00:00.000001Z"`)
	slow := strings.Replace(past, "user:a", "user:ä", 1)
	if _, err := audit.DecodeBatch(audit.FormJSON, "["+at+","+event("now")+"]", latest, false); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	want := audit.FieldError{Field: "timestamp",
		Message: "want a time at most 24 h after receipt, here until 2026-04-24T10:00:00.000000Z"}
	for _, text := range []string{past, slow} {
		got, err := audit.DecodeBatch(audit.FormNDJSON, text, latest, true)
		if err != nil || len(got.Rejected) != 1 || got.Rejected[0].Code != audit.CodeValidationError {
			t.Fatalf("%s: %+v, %v", text, got, err)
		}
		if diff := cmp.Diff([]audit.FieldError{want}, got.Rejected[0].Fields); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	both := strings.Replace(past, `"read"`, `"raed"`, 1)
	_, err = audit.DecodeBatch(audit.FormJSON, both, latest, false)
	if diff := cmp.Diff([]string{"timestamp", "action"}, places(err)); diff != "" {
		t.Errorf("offenders beside the time: %s", diff)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	a, slow := event("a"), event("ä")
	for _, body := range []string{
		a, "[" + a + "," + slow + "]", a + "\n\n" + bad + "\r\n" + odd, "[" + bad + "," + a + ",7]",
		"[" + slow + `,[{"a":"]"}],` + a + "]", " [ ] ",
		"[" + strings.Join(lines(3), " , ") + "]", strings.Join(lines(3), "\n"),
	} {
		f.Add(false, body)
		f.Add(true, body)
	}
	f.Fuzz(func(t *testing.T, ndjson bool, body string) {
		form, want, whole := audit.FormJSON, texts(body), json.Valid([]byte(body))
		if ndjson {
			form, want, whole = audit.FormNDJSON, strings.Split(body, "\n"), true
		}
		partial, err := audit.DecodeBatch(form, body, audit.MaxTime, true)
		if !whole && audit.ErrorCode(err) != audit.CodeInvalidRequest {
			t.Fatalf("accepted malformed JSON: %+v, %v", partial, err)
		}
		good := whole && want != nil && len(partial.Rejected) == 0
		if _, err := audit.DecodeBatch(form, body, audit.MaxTime, false); (err == nil) != good {
			t.Fatalf("the same body, not partial: %v, partial: %+v", err, partial)
		}
		if err != nil {
			if whole && want != nil {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		checkBatch(t, partial, want)
	})
}

// texts returns the texts of the events of a JSON body, nil if it has no such
// shape.
func texts(body string) []string {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(body), &list); err == nil && list != nil {
		texts := []string{}
		for _, raw := range list {
			texts = append(texts, string(raw))
		}
		return texts
	}
	if strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{") {
		return []string{body}
	}
	return nil
}

// checkBatch checks that a partial batch has each text where it belongs.
func checkBatch(t *testing.T, b audit.Batch, texts []string) {
	t.Helper()
	good, refused := 0, 0
	for i, text := range texts {
		if strings.Trim(text, " \t\r") == "" {
			continue
		}
		e, err := audit.DecodeEvent(text)
		switch {
		case err == nil && (good >= len(b.Events) || b.Events[good] != e || b.Line(good) != i+1):
			t.Fatalf("event %d: want %+v in %+v", i, e, b)
		case err == nil:
			good++
		case refused >= len(b.Rejected) || b.Rejected[refused].Line != i+1:
			t.Fatalf("event %d: want %v in %+v", i, err, b)
		default:
			refused++
		}
	}
	if good != len(b.Events) || refused != len(b.Rejected) {
		t.Fatalf("%d good and %d refused events in %+v", good, refused, b)
	}
}
