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
	mu    sync.Mutex // guards all below it
	names []string
	away  bool
	down  int // status, if not 0
	// asked is called before a list is answered.
	asked func(query string)
}

func (s *tailed) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, body := 200, ""
	switch {
	case s.away:
		return nil, errors.New("connection refused")
	case s.down != 0:
		status, body = s.down, `{"error":{"code":"insufficient_scope","message":"no"}}`
	case r.URL.Path == "/v1/audit/summary":
		body = fmt.Sprintf(`{"as_of":%d}`, len(s.names))
	default:
		if s.asked != nil {
			s.asked(r.URL.RawQuery)
		}
		body = s.list(r)
	}
	return &http.Response{StatusCode: status, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

// set changes the server while it is asked.
func (s *tailed) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *tailed) list(r *http.Request) string {
	query := r.URL.Query()
	from, _ := strconv.Atoi(query.Get("from_index"))
	var logs []string
	for i, name := range s.names {
		if i >= from {
			line := strings.Replace(canonical, "log_a", "log_"+name, 1)
			logs = append(logs, fmt.Sprintf(`%s,"index":%d,"received_at":"2026-04-23T20:00:01.000000Z"}`,
				line[:len(line)-1], i))
		}
	}
	if query.Get("order") != "index" {
		slices.Reverse(logs)
		limit, _ := strconv.Atoi(query.Get("limit"))
		logs = logs[:min(limit, len(logs))]
	}
	return fmt.Sprintf(`{"logs":[%s],"cursor":null,"has_more":false}`, strings.Join(logs, ","))
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
	c := tailCommand{Interval: time.Second}
	q, err := c.query()
	if err != nil {
		t.Fatal(err)
	}
	q.FromIndex = from
	tl := tail{p: newProcess(ctx, nil, &stdout, stderr), api: api, json: true, query: q}
	done := make(chan error, 1)
	go func() {
		if from == 0 {
			if err := tl.newest(); err != nil {
				done <- ended(ctx, err)
				return
			}
		}
		done <- ended(ctx, tl.follow(c.Interval))
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
		s := &tailed{names: strings.Split("a b c d e f g h i j k l", " ")}
		shown, _, end := startTail(t, s, 0)
		if got, want := shown(), "c d e f g h i j k l"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		s.set(func() { s.names = append(s.names, "m") })
		time.Sleep(time.Second)
		s.set(func() { s.names = append(s.names, "n", "o") })
		time.Sleep(time.Second)
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
		s := &tailed{names: []string{"a", "b"}}
		s.asked = func(string) {
			s.names = append(s.names, "late")
			s.asked = nil
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
		s := &tailed{names: []string{"a", "b", "c"}, asked: func(q string) { queries = append(queries, q) }}
		shown, _, end := startTail(t, s, 1)
		time.Sleep(time.Second)
		if got, want := shown(), "b c"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
		end()
		want := []string{"from_index=1&include=proof&limit=1000&order=index",
			"from_index=3&include=proof&limit=1000&order=index"}
		if diff := cmp.Diff(want, queries); diff != "" {
			t.Errorf("queries (-want +got):\n%s", diff)
		}
	})
}

func TestTailWaitsForItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tailed{names: []string{"a"}}
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
		s := &tailed{names: []string{"a"}}
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
