package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
)

// feed is a server that takes batches and refuses the lines that are "bad".
type feed struct {
	batches []string
	queries []string
	keys    []string
	fail    int // number of the batch that is refused, counted from 1; 0 for none
}

func (f *feed) start(t *testing.T) {
	start(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if len(f.batches)+1 == f.fail {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"error":{"code":"insufficient_scope","message":"want audit:write"}}`)
			return
		}
		key := r.Header.Get("Idempotency-Key")
		if slices.Contains(f.keys, key) {
			w.Header().Set("Idempotency-Replayed", "true")
		} else {
			f.batches = append(f.batches, string(body))
			f.queries = append(f.queries, r.URL.RawQuery)
			f.keys = append(f.keys, key)
		}
		json.NewEncoder(w).Encode(receipt(string(body)))
	})
}

func receipt(body string) audit.Receipt {
	r := audit.Receipt{Rejected: []audit.Rejection{}}
	n := 0
	for line := range strings.Lines(body) {
		n++
		switch strings.TrimSpace(line) {
		case "bad":
			bad := audit.Rejection{Line: n, Code: "validation_error", Message: "no \x1bevent"}
			r.Rejected = append(r.Rejected, bad)
		case "twice":
			r.Duplicates++
		default:
			r.Accepted++
		}
	}
	return r
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestIngest(t *testing.T) {
	var f feed
	f.start(t)
	name := write(t, "{1}\n\n  {2}\r\nbad\ntwice\n \t\nbad\n{3}")
	check(t, runLine(t, "", "ingest", name), result{
		Code:   exitValidation,
		Stdout: "8 lines: 3 accepted, 1 duplicates, 2 rejected\n",
		Stderr: name + `:4: no \x1bevent` + "\n" + name + `:7: no \x1bevent` + "\n" +
			"scaivault-audit: 2 events were rejected\n",
	})
	if diff := cmp.Diff([]string{"{1}\n{2}\nbad\ntwice\nbad\n{3}\n"}, f.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"atomic=false"}, f.queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
}

func TestIngestJSON(t *testing.T) {
	var f feed
	f.start(t)
	check(t, runLine(t, "{1}\nbad\n", "ingest", "--json", "-"), result{
		Code: exitValidation,
		Stdout: `{"lines":2,"accepted":1,"duplicates":0,"rejected":[{"line":2,"code":"validation_error",` +
			`"message":"no \u001bevent","fields":null}]}` + "\n",
		Stderr: "scaivault-audit: 1 event was rejected\n",
	})
	check(t, runLine(t, "", "ingest", "--json", "-"), result{
		Stdout: `{"lines":0,"accepted":0,"duplicates":0,"rejected":[]}` + "\n"})
}

// A batch ends at its number of events and at its bytes.
func TestIngestBatches(t *testing.T) {
	half := strings.Repeat("x", batchBytes/2-1) + "\n"
	for _, tt := range []struct {
		name, text string
		want       []int // events of each batch
	}{
		{"nothing", "", nil},
		{"blank lines", "\n\n", nil},
		{"one full batch", strings.Repeat("{}\n", 1000), []int{1000}},
		{"one event more", strings.Repeat("{}\n", 1001), []int{1000, 1}},
		{"bytes of one batch", half + half, []int{2}},
		{"one byte more", half + "x" + half, []int{1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f feed
			f.start(t)
			if got := runLine(t, "", "ingest", write(t, tt.text)); got.Code != exitOK {
				t.Fatalf("%+v", got)
			}
			var got []int
			for _, b := range f.batches {
				if len(b) > batchBytes {
					t.Errorf("a batch of %d bytes; want at most %d", len(b), batchBytes)
				}
				got = append(got, strings.Count(b, "\n"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events of the batches (-want +got):\n%s", diff)
			}
		})
	}
}

// A line that is too long to be an event is refused, and named, by itself.
func TestIngestLongLines(t *testing.T) {
	for size, code := range map[int]int{batchBytes: exitOK, batchBytes + 1: exitValidation} {
		var f feed
		f.start(t)
		name := write(t, "{1}\n"+strings.Repeat("x", size)+"\n{3}\n")
		got := runLine(t, "", "ingest", name)
		refused := strings.Contains(got.Stderr, name+":2: line is longer than 1048576 bytes\n")
		if got.Code != code || refused != (code == exitValidation) {
			t.Errorf("%d bytes: %+v; want exit code %d", size, got, code)
		}
		all := strings.Join(f.batches, "")
		if !strings.HasPrefix(all, "{1}\n") || !strings.HasSuffix(all, "{3}\n") {
			t.Errorf("%d bytes: the lines beside it were lost", size)
		}
	}
}

// The same command again stores nothing twice; equal batches of one file are
// batches of their own.
func TestIngestAgain(t *testing.T) {
	var f feed
	f.start(t)
	name := write(t, strings.Repeat("{}\n", 2000))
	check(t, runLine(t, "", "ingest", name),
		result{Stdout: "2000 lines: 2000 accepted, 0 duplicates, 0 rejected\n"})
	check(t, runLine(t, "", "ingest", name),
		result{Stdout: "2000 lines: 0 accepted, 2000 duplicates, 0 rejected\n"})
	if len(f.batches) != 2 {
		t.Errorf("%d batches were stored; want 2", len(f.batches))
	}
	// Events from a pipe have no such place: they are new.
	for range 2 {
		check(t, runLine(t, "{}\n", "ingest", "-"),
			result{Stdout: "1 line: 1 accepted, 0 duplicates, 0 rejected\n"})
	}
}

// What ends an ingestion leaves a prefix of the input in the log, and says so.
func TestIngestStopsAtAnError(t *testing.T) {
	f := feed{fail: 2}
	f.start(t)
	name := write(t, strings.Repeat("{}\n", 2001))
	check(t, runLine(t, "", "ingest", name), result{
		Code:   exitAuthorization,
		Stdout: "1000 lines: 1000 accepted, 0 duplicates, 0 rejected\n",
		Stderr: "scaivault-audit: want audit:write\n",
	})
}

func TestReadLines(t *testing.T) {
	type read struct {
		Number     int
		Start, End int64
		Text       string
		Cut        bool
	}
	for text, want := range map[string][]read{
		"":          nil,
		"\n":        {{1, 0, 1, "", false}},
		"a":         {{1, 0, 1, "a", false}},
		"a\nb":      {{1, 0, 2, "a", false}, {2, 2, 3, "b", false}},
		"12345\n":   {{1, 0, 6, "12345", false}},
		"123456\nb": {{1, 0, 7, "12345", true}, {2, 7, 8, "b", false}},
	} {
		var got []read
		err := readLines(strings.NewReader(text), 5, func(lines []line) bool {
			for _, l := range lines {
				got = append(got, read{l.number, l.start, l.end, string(l.text), l.cut})
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// Lines longer than the reader's buffer come whole.
func TestReadLongLines(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 20_000)
	var got []byte
	in := io.MultiReader(bytes.NewReader(long), strings.NewReader("\nx\n"))
	err := readLines(in, 1<<20, func(lines []line) bool {
		for _, l := range lines {
			got = append(got, l.text...)
		}
		return true
	})
	if err != nil || !bytes.Equal(got, append(long, 'x')) {
		t.Errorf("read %d bytes, error %v; want %d", len(got), err, len(long)+1)
	}
}

func TestReadError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a\nhalf"), errReader{})
	var got []string
	err := readLines(broken, 100, func(lines []line) bool {
		for _, l := range lines {
			got = append(got, string(l.text))
		}
		return true
	})
	if err == nil || fmt.Sprint(got) != "[a]" {
		t.Errorf("read %q, error %v; want [a] and an error", got, err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
