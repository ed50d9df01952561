package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
)

// stream is an open stream as a browser reads it.
type stream struct {
	response *http.Response
	lines    *bufio.Scanner
	lastID   string
}

// follow opens a stream with the token of a person; it ends with the test.
func (s *service) follow(t *testing.T, as, query, lastID string) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.http.URL+"/v1/audit/stream?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer tok_"+as)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &stream{response: resp, lines: bufio.NewScanner(resp.Body)}
}

// message reads the next message that has data: its type and data. Both are
// "" at the end of the stream.
func (st *stream) message() (kind, data string) {
	for st.lines.Scan() {
		name, value, _ := strings.Cut(st.lines.Text(), ": ")
		switch name {
		case "id":
			st.lastID = value
		case "event":
			kind = value
		case "data":
			data = value
		case "":
			if data != "" {
				return kind, data
			}
		}
	}
	return "", ""
}

// ids reads the next n events and returns their ids, without their log_.
func (st *stream) ids(n int) string {
	var ids []string
	for range n {
		kind, data := st.message()
		var e struct{ ID string }
		if kind != "" || json.Unmarshal([]byte(data), &e) != nil {
			return fmt.Sprintf("%v, then %s %q", ids, kind, data)
		}
		ids = append(ids, strings.TrimPrefix(e.ID, "log_"))
	}
	return strings.Join(ids, " ")
}

func streamed(id, path string) string {
	return fmt.Sprintf(`{"id":"log_%s","timestamp":"2026-06-15T11:00:00Z","action":"read","identity_type":"user",`+
		`"identity_id":"user:x","secret_path":%q,"success":true}`, id, path)
}

func (s *service) add(t *testing.T, events ...string) {
	t.Helper()
	body := strings.Join(events, "\n")
	if r := s.post(t, "writer", "/v1/audit/logs", body, ndjsonType); r.StatusCode != 200 {
		t.Fatalf("append: %d %s", r.StatusCode, r.body)
	}
}

// bothLogs runs a test on the reference and on the store.
func bothLogs(t *testing.T, test func(t *testing.T, s *service)) {
	t.Run("reference", func(t *testing.T) { test(t, start(t)) })
	t.Run("store", func(t *testing.T) { test(t, start(t, onStore(t))) })
}

func TestStream(t *testing.T) {
	bothLogs(t, func(t *testing.T, s *service) {
		s.add(t, streamed("old", "a"))
		st := s.follow(t, "reader", "", "")
		if got := st.response.Header.Get("Content-Type"); st.response.StatusCode != 200 || got != "text/event-stream" {
			t.Fatalf("answers %d, %s", st.response.StatusCode, got)
		}
		s.add(t, streamed("one", "a"), streamed("two", "b"))
		s.add(t, streamed("three", "a"))
		if got, want := st.ids(3), "one two three"; got != want {
			t.Errorf("a stream from now on shows %s; want %s", got, want)
		}
		all := s.follow(t, "reader", "from_index=0", "")
		if got, want := all.ids(4), "old one two three"; got != want {
			t.Errorf("a stream from the beginning shows %s; want %s", got, want)
		}
		only := s.follow(t, "reader", "from_index=1&path_prefix=a", "")
		if got, want := only.ids(2), "one three"; got != want {
			t.Errorf("a filtered stream shows %s; want %s", got, want)
		}
		s.add(t, streamed("four", "b"), streamed("five", "a/b"))
		if got, want := only.ids(1), "five"; got != want {
			t.Errorf("and then %s; want %s", got, want)
		}
	})
}

func TestStreamLines(t *testing.T) {
	bothLogs(t, func(t *testing.T, s *service) {
		s.add(t, streamed("one", "a"))
		line := s.get(t, "reader", "/v1/audit/logs/log_one").body
		if _, got := s.follow(t, "reader", "from_index=0", "").message(); got != line {
			t.Errorf("a stream sends\n%s\nwant the canonical line\n%s", got, line)
		}
		_, got := s.follow(t, "reader", "from_index=0&include=proof", "").message()
		want := line[:len(line)-1] + `,"index":0,"received_at":"2026-06-15T12:00:00.000000Z"}`
		if got != want {
			t.Errorf("with proof\n%s\nwant\n%s", got, want)
		}
	})
}

func TestStreamResumes(t *testing.T) {
	bothLogs(t, func(t *testing.T, s *service) {
		s.add(t, streamed("one", "a"), streamed("two", "a"), streamed("three", "a"))
		first := s.follow(t, "reader", "from_index=0&path_prefix=a", "")
		if got, want := first.ids(2), "one two"; got != want {
			t.Fatalf("shows %s; want %s", got, want)
		}
		first.response.Body.Close()
		for name, again := range map[string]*stream{
			"Last-Event-ID": s.follow(t, "reader", "from_index=0&path_prefix=a", first.lastID),
			"cursor":        s.follow(t, "reader", "path_prefix=a&cursor="+first.lastID, ""),
		} {
			if got, want := again.ids(1), "three"; got != want {
				t.Errorf("%s: goes on with %s; want %s", name, got, want)
			}
		}
		for name, refused := range map[string]*stream{
			"of another filter": s.follow(t, "reader", "path_prefix=b", first.lastID),
			"of other rows":     s.follow(t, "rows", "path_prefix=a", first.lastID),
			"of another tenant": s.follow(t, "other", "path_prefix=a", first.lastID),
			"no cursor":         s.follow(t, "reader", "path_prefix=a", "12"),
		} {
			if refused.response.StatusCode != 400 {
				t.Errorf("Last-Event-ID %s: status %d, want 400", name, refused.response.StatusCode)
			}
		}
	})
}

func TestStreamKeepsToTheRowsOfItsToken(t *testing.T) {
	bothLogs(t, func(t *testing.T, s *service) {
		s.add(t, streamed("one", "c"), streamed("two", "a/b/c"), streamed("three", "a/bc"), streamed("four", "b"))
		if got, want := s.follow(t, "rows", "from_index=0", "").ids(2), "two four"; got != want {
			t.Errorf("shows %s; want %s", got, want)
		}
	})
}

// More events than a page are sent, each once.
func TestStreamOfManyPages(t *testing.T) {
	bothLogs(t, func(t *testing.T, s *service) {
		var events, want []string
		for i := range 1234 {
			id := fmt.Sprintf("n%d", i)
			events, want = append(events, streamed(id, "a")), append(want, id)
		}
		s.add(t, events...)
		got := s.follow(t, "reader", "from_index=0", "").ids(len(want))
		if diff := cmp.Diff(strings.Join(want, " "), got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	s := start(t)
	for range api.MaxStreams {
		if st := s.follow(t, "reader", "", ""); st.response.StatusCode != 200 {
			t.Fatalf("status %d", st.response.StatusCode)
		}
	}
	if st := s.follow(t, "reader", "", ""); st.response.StatusCode != 429 {
		t.Errorf("one past the limit: status %d, want 429", st.response.StatusCode)
	}
	if st := s.follow(t, "admin", "", ""); st.response.StatusCode != 200 {
		t.Errorf("another identity: status %d, want 200", st.response.StatusCode)
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	drain := make(chan struct{})
	s := start(t, func(c *api.Config) { c.Drain = drain })
	s.http.Config.RegisterOnShutdown(func() { close(drain) })
	st := s.follow(t, "reader", "", "")
	if err := s.http.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kind, data := st.message(); kind != "" || data != "" {
		t.Errorf("a stream of a server that went away ends with %s %s", kind, data)
	}
}

// changing authenticates with tokens until it is told to refuse.
type changing struct {
	tokens
	mu      sync.Mutex
	refusal error
}

func (c *changing) Authenticate(ctx context.Context, bearer string) (*audit.Principal, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusal != nil {
		return nil, c.refusal
	}
	return c.tokens.Authenticate(ctx, bearer)
}

func TestStreamEndsWithItsToken(t *testing.T) {
	auth := &changing{}
	s := start(t, func(c *api.Config) { c.Auth = auth })
	st := s.follow(t, "reader", "", "")
	s.add(t, streamed("one", "a"))
	if got, want := st.ids(1), "one"; got != want {
		t.Fatalf("shows %s; want %s", got, want)
	}
	s.Advance(3 * time.Second)
	s.add(t, streamed("two", "a"))
	if got, want := st.ids(1), "two"; got != want {
		t.Fatalf("a good token is asked again, and shows %s; want %s", got, want)
	}
	auth.mu.Lock()
	auth.refusal = audit.Errorf(audit.CodeTokenRevoked, "the token was revoked")
	auth.mu.Unlock()
	s.Advance(3 * time.Second)
	b, err := audit.DecodeBatch(audit.FormNDJSON, streamed("three", "a"), audit.MaxTime, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "tnt_a", b); err != nil {
		t.Fatal(err)
	}
	kind, data := st.message()
	if kind != "failed" || !strings.Contains(data, `"code":"token_revoked"`) {
		t.Errorf("a revoked token ends the stream with %s %s", kind, data)
	}
	if kind, data := st.message(); kind != "" || data != "" {
		t.Errorf("after the end comes %s %s", kind, data)
	}
}

// recorder is a response that can be read while it is written.
type recorder struct {
	mu sync.Mutex // guards the body
	*httptest.ResponseRecorder
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ResponseRecorder.Write(b)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Body.String()
}

// A silent stream is kept open by heartbeats, whose ids spare a reader that
// comes back the events that did not match.
func TestStreamHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newReference(time.Now)
		server := newServer(log, time.Now, new(strings.Builder))
		ctx, cancel := context.WithCancel(t.Context())
		req := httptest.NewRequestWithContext(ctx, "GET", "/v1/audit/stream?path_prefix=a", nil)
		req.Header.Set("Authorization", "Bearer tok_reader")
		out := &recorder{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan struct{})
		go func() {
			server.ServeHTTP(out, req)
			close(done)
		}()
		synctest.Wait()
		opening := out.text()
		time.Sleep(api.Heartbeat)
		synctest.Wait()
		beat := strings.TrimPrefix(out.text(), opening)
		for i := range 3 { // what does not match puts off no heartbeat
			id := fmt.Sprintf("n%d", i)
			b, err := audit.DecodeBatch(audit.FormNDJSON, streamed(id, "b"), audit.MaxTime, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := log.Append(ctx, "tnt_a", b); err != nil {
				t.Fatal(err)
			}
			time.Sleep(api.Heartbeat / 3)
		}
		synctest.Wait()
		cancel()
		<-done
		next := strings.TrimPrefix(out.text(), opening+beat)
		for name, text := range map[string]string{"first": opening, "second": beat, "third": next} {
			if !strings.Contains(text, ": heartbeat\nid: ") || strings.Contains(text, "data") {
				t.Errorf("%s heartbeat: %q", name, text)
			}
		}
		if at(t, opening) != 0 || at(t, beat) != 0 || at(t, next) != 3 {
			t.Errorf("heartbeats are at %d, %d, %d; want 0, 0, 3", at(t, opening), at(t, beat), at(t, next))
		}
	})
}

// at returns the index of the id in a message.
func at(t *testing.T, message string) uint64 {
	t.Helper()
	_, id, _ := strings.Cut(message, "id: ")
	id, _, _ = strings.Cut(id, "\n")
	q := audit.StreamQuery{Filter: audit.Filter{PathPrefix: "a"}}
	key := audit.CursorKey{1, 2, 3}
	c, err := key.Open(id, "tnt_a", q.Binding(), time.Now())
	if err != nil {
		t.Fatalf("%q: %v", message, err)
	}
	return c.Index
}
