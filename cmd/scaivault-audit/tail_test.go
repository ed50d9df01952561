package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// tailed is a server in memory, so that time can be synthetic. Its log holds
// one event per name, in the order of appending.
type tailed struct {
	mu      sync.Mutex // guards all below it
	names   []string
	away    bool
	silent  bool // streams stay open and say nothing
	down    int  // status, if not 0
	changed chan struct{}
	// asked is called before an answer.
	asked func(r *http.Request)
}

func newTailed(names ...string) *tailed {
	return &tailed{names: names, changed: make(chan struct{})}
}

func (s *tailed) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked != nil {
		s.asked(r)
	}
	status := 200
	var body io.ReadCloser
	switch {
	case s.away:
		return nil, errors.New("connection refused")
	case s.down != 0:
		status = s.down
		body = io.NopCloser(strings.NewReader(`{"error":{"code":"insufficient_scope","message":"no"}}`))
	case r.URL.Path == "/v1/audit/summary":
		body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"as_of":%d}`, len(s.names))))
	case r.URL.Path == "/v1/audit/stream":
		var out *io.PipeWriter
		body, out = io.Pipe()
		from, _ := strconv.Atoi(r.URL.Query().Get("from_index"))
		go s.stream(r.Context(), out, from)
	default:
		body = io.NopCloser(strings.NewReader(s.list(r)))
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: body}, nil
}

// set changes the server while it is asked.
func (s *tailed) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// stream sends the events from an index on until the server is away.
func (s *tailed) stream(ctx context.Context, out *io.PipeWriter, next int) {
	defer out.Close()
	for {
		s.mu.Lock()
		names, changed, ends, silent := s.names, s.changed, s.away || s.down != 0, s.silent
		s.mu.Unlock()
		if ends {
			return
		}
		for ; next < len(names); next++ {
			fmt.Fprintf(out, "id: x\ndata: %s\n\n", tailedEntry(next, names[next]))
		}
		select {
		case <-changed:
		case <-time.After(15 * time.Second):
			if !silent {
				fmt.Fprint(out, ": heartbeat\n\n")
			}
		case <-ctx.Done():
			return
		}
	}
}

func tailedEntry(i int, name string) string {
	line := strings.Replace(canonical, "log_a", "log_"+name, 1)
	return fmt.Sprintf(`%s,"index":%d,"received_at":"2026-04-23T20:00:01.000000Z"}`, line[:len(line)-1], i)
}

// list answers the newest events.
func (s *tailed) list(r *http.Request) string {
	var logs []string
	for i, name := range slices.Backward(s.names) {
		logs = append(logs, tailedEntry(i, name))
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	return fmt.Sprintf(`{"logs":[%s],"cursor":null,"has_more":false}`,
		strings.Join(logs[:min(limit, len(logs))], ","))
}

// startTail runs a tail until the test ends and returns what it has shown.
func startTail(
	t *testing.T, s *tailed, from uint64,
) (shown func() string, stderr *bytes.Buffer, end func() error) {
	t.Helper()
	api, err := client.New(client.Config{URL: "http://server", MaxAttempts: 1, HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	stderr = new(bytes.Buffer)
	ctx, cancel := context.WithCancel(t.Context())
	tl := tail{p: newProcess(ctx, nil, &stdout, stderr), api: api, json: true, next: from}
	done := make(chan error, 1)
	go func() {
		if from == 0 {
			if err := tl.newest(); err != nil {
				done <- ended(ctx, err)
				return
			}
		}
		done <- ended(ctx, tl.follow())
	}()
	return func() string {
			synctest.Wait()
			return names(t, stdout.String())
		}, stderr, func() error {
			cancel()
			return <-done
		}
}

// names returns the events of canonical lines by their names.
func names(t *testing.T, lines string) string {
	var all []string
	for line := range strings.Lines(lines) {
		var e client.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimPrefix(string(e.ID), "log_"))
	}
	return strings.Join(all, " ")
}

func TestTailShowsTheNewestAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTailed(strings.Split("a b c d e f g h i j k l", " ")...)
		shown, _, end := startTail(t, s, 0)
		if got, want := shown(), "c d e f g h i j k l"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		s.set(func() { s.names = append(s.names, "m") })
		synctest.Wait()
		s.set(func() { s.names = append(s.names, "n", "o") })
		if got, want := shown(), "c d e f g h i j k l m n o"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		if err := end(); err != nil {
			t.Errorf("an interrupted tail ends with %v", err)
		}
	})
}

// An event that arrives between the two questions of the start is shown once.
func TestTailStartsWithoutAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTailed("a", "b")
		s.asked = func(r *http.Request) {
			if r.URL.Path == "/v1/audit/logs" {
				s.names = append(s.names, "late")
			}
		}
		shown, _, end := startTail(t, s, 0)
		if got, want := shown(), "a b late"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		end()
	})
}

func TestTailFromAnIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries []string
		s := newTailed("a", "b", "c")
		s.asked = func(r *http.Request) { queries = append(queries, r.URL.Path+"?"+r.URL.RawQuery) }
		shown, _, end := startTail(t, s, 1)
		if got, want := shown(), "b c"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		s.set(func() { s.away = true })
		synctest.Wait()
		s.set(func() { s.away = false })
		time.Sleep(2 * time.Second)
		shown()
		end()
		want := []string{"/v1/audit/stream?from_index=1&include=proof", "/v1/audit/stream?from_index=3&include=proof"}
		if diff := cmp.Diff(want, queries); diff != "" {
			t.Errorf("queries (-want +got):\n%s", diff)
		}
	})
}

func TestTailWaitsForItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTailed("a")
		shown, stderr, end := startTail(t, s, 0)
		shown()
		s.set(func() { s.away = true })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		s.set(func() { s.away, s.names = false, append(s.names, "b") })
		time.Sleep(time.Second)
		if got, want := shown(), "a b"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		lines := strings.Split(stderr.String(), "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "waiting for") || lines[1] != "server is back" {
			t.Errorf("tells %q", lines)
		}
		end()
	})
}

func TestTailEndsWhenItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTailed("a")
		shown, _, end := startTail(t, s, 0)
		shown()
		s.set(func() { s.down = http.StatusForbidden })
		time.Sleep(time.Second)
		synctest.Wait()
		if err := end(); audit.ErrorCode(err) != audit.CodeInsufficientScope {
			t.Errorf("ends with %v; want %s", err, audit.CodeInsufficientScope)
		}
	})
}

// A connection that is held open and says nothing is a server that is away.
func TestTailLeavesASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTailed("a")
		shown, stderr, end := startTail(t, s, 0)
		shown()
		time.Sleep(time.Hour) // heartbeats come
		synctest.Wait()
		if stderr.Len() > 0 {
			t.Errorf("tells %q of a server that is there", stderr)
		}
		s.set(func() { s.silent = true })
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if got := stderr.String(); !strings.Contains(got, "no heartbeat") {
			t.Errorf("tells %q", got)
		}
		end()
	})
}

func TestTailOnATerminal(t *testing.T) {
	var stdout bytes.Buffer
	p := &process{stdout: &stdout, width: 80}
	var e client.Entry
	if err := json.Unmarshal([]byte(canonical), &e); err != nil {
		t.Fatal(err)
	}
	if err := (&tail{p: p}).show(&e); err != nil {
		t.Fatal(err)
	}
	want := `2026-04-23T20:00:00.000Z  failed  read              user:\x1b[2Ja                 prod/db` +
		"                                   10.0.1.50\n"
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}
