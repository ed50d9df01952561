package audit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// times draws any time of a log.
func times() *rapid.Generator[audit.Time] {
	return rapid.Custom(func(t *rapid.T) audit.Time {
		return audit.Time(rapid.Int64Range(0, int64(audit.MaxTime)).Draw(t, "time"))
	})
}

func TestParseTime(t *testing.T) {
	golden(t, "testdata/time.txt", func(input string) string {
		got, err := audit.ParseTime(input)
		if err != nil {
			return "error: " + err.Error()
		}
		return got.String()
	})
}

func TestParseTimeClipsItsError(t *testing.T) {
	_, err := audit.ParseTime(strings.Repeat("x", 10_000))
	if err == nil || len(err.Error()) > 250 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

const layout = "2006-01-02T15:04:05.000000Z"

func TestTimePrintsAsStd(t *testing.T) {
	check := func(t rapid.TB, at audit.Time) {
		if got, want := at.String(), at.Std().Format(layout); got != want {
			t.Fatalf("%d prints %s, want %s", at, got, want)
		}
	}
	for at := audit.Time(0); at <= audit.MaxTime; at += audit.Day {
		check(t, at)
		check(t, at+audit.Day-1)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, times().Draw(t, "at")) })
}

func TestTimeReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := times().Draw(t, "at")
		if got, err := audit.ParseTime(want.String()); err != nil || got != want {
			t.Fatalf("%s reads %s, %v", want, got, err)
		}
	})
}

// Whatever RFC 3339 writes with nanoseconds and an offset reads as time.Parse
// reads it, cut to the microsecond.
func TestParseTimeAgreesWithStd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Int64Range(0, int64(audit.MaxTime)).Draw(t, "µs")
		ns := rapid.Int64Range(0, 999).Draw(t, "ns")
		offset := rapid.IntRange(-14*60, 14*60).Draw(t, "offset")
		text := time.Unix(at/1e6, at%1e6*1e3+ns).In(time.FixedZone("", 60*offset)).Format(time.RFC3339Nano)
		if got, err := audit.ParseTime(text); err != nil || got != audit.Time(at) {
			t.Fatalf("%s reads %d, %v, want %d", text, got, err, at)
		}
	})
}

func TestMaxTime(t *testing.T) {
	if got := audit.MaxTime.String(); got != "2261-12-31T23:59:59.999999Z" {
		t.Errorf("MaxTime is %s", got)
	}
	if at := audit.MaxTime.Std(); !time.Unix(0, at.UnixNano()).Equal(at) {
		t.Error("nanoseconds of MaxTime overflow")
	}
}

func TestTimeOf(t *testing.T) {
	at := time.Date(2026, 4, 23, 10, 0, 0, 123_456_999, time.FixedZone("", 7200))
	if got := audit.TimeOf(at).String(); got != "2026-04-23T08:00:00.123456Z" {
		t.Errorf("TimeOf: %s", got)
	}
}

func TestTimeJSON(t *testing.T) {
	type document struct {
		At  audit.Time  `json:"at"`
		Nil *audit.Time `json:"nil"`
	}
	const text = `{"at":"2026-04-23T10:00:00.000001Z","nil":null}`
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(d); err != nil || string(got) != text {
		t.Errorf("%s, %v, want %s", got, err, text)
	}
	for _, bad := range []string{`1776938400`, `null`, `"yesterday"`, `true`, `["2026-04-23"]`} {
		var at audit.Time
		if err := json.Unmarshal([]byte(bad), &at); err == nil {
			t.Errorf("%s reads %s", bad, at)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, input := range inputs(f, "testdata/time.txt") {
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := audit.ParseTime(s)
		if err != nil {
			return
		}
		if got < 0 || got > audit.MaxTime {
			t.Fatalf("%q reads %d", s, got)
		}
		if again, err := audit.ParseTime(got.String()); err != nil || again != got {
			t.Fatalf("%q reads %s, which reads %s, %v", s, got, again, err)
		}
		checkWithStd(t, s, got)
	})
}

// checkWithStd compares with time.Parse, which knows no lower-case letters and
// no time without an offset.
func checkWithStd(t *testing.T, s string, got audit.Time) {
	t.Helper()
	text := strings.ToUpper(s)
	if len(text) == len("2006-01-02") {
		text += "T00:00:00"
	}
	if i := strings.IndexByte(text, 'T'); !strings.ContainsAny(text[i:], "Z+-") {
		text += "Z"
	}
	want, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || audit.TimeOf(want) != got {
		t.Fatalf("%q reads %s, time.Parse says %s, %v", s, got, want, err)
	}
}
