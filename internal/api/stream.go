package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sse"
)

// Limits of streams.
const (
	// Heartbeat is how long a stream is silent at most.
	Heartbeat = 15 * time.Second
	// MaxStreams is how many streams an identity may hold open at once.
	MaxStreams = 32
	// recheck is how old the proof may be that a stream's token is still good
	// when events are sent (contract section 12: revoked within 3 seconds).
	recheck = 2 * time.Second
	// streamPage is how many events are read, and written, at once.
	streamPage = 500
)

// streams bounds the streams of a server.
type streams struct {
	mu    sync.Mutex // guards count
	count map[caller]int
}

// enter counts a stream of c and returns how to leave, or false if there are
// too many.
func (t *streams) enter(c caller) (leave func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[c] >= MaxStreams {
		return nil, false
	}
	t.count[c]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.count[c]--; t.count[c] == 0 {
			delete(t.count, c)
		}
	}, true
}

// stream answers GET /v1/audit/stream (contract section 4): server-sent events
// (WHATWG HTML, section 9.2), one canonical line each. It ends with the
// connection, the token or the server; a failure on the way is a last event of
// the type "failed" that holds the error.
func (s *Server) stream(r *request) error {
	q, err := audit.ParseStreamQuery(r.params)
	if err != nil {
		return err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		q.Cursor = id // of a browser that comes back: newer than the one in its URL
	}
	q.Within = r.principal.PathPrefixes
	f := &feed{server: s, request: r, query: q, binding: q.Binding()}
	if err := f.begin(); err != nil {
		return err
	}
	leave, ok := s.streams.enter(caller{r.principal.Tenant, r.principal.IdentityID})
	if !ok {
		return audit.Errorf(audit.CodeRateLimited, "the identity has %d open streams; close one", MaxStreams)
	}
	defer leave()
	if f.out, err = sse.Open(&r.out); err != nil || r.Method == http.MethodHead {
		return err
	}
	f.run()
	return nil
}

// feed is one open stream.
type feed struct {
	server  *Server
	request *request
	query   audit.StreamQuery
	binding string
	out     *sse.Stream

	next    uint64    // the first index that was not looked at yet
	checked time.Time // when the token was good
	sent    time.Time // when something was sent
	buf     []byte
}

// begin finds where the stream begins.
func (f *feed) begin() error {
	s, r := f.server, f.request
	f.checked = s.Clock()
	at, err := s.cursor(r, f.query.Cursor, f.binding)
	switch {
	case err != nil:
		return err
	case at != nil:
		f.next = at.Index
	case f.query.FromIndex != nil:
		f.next = *f.query.FromIndex
	default:
		f.next = s.Log.Size(r.tenant)
	}
	return nil
}

// run sends events until the stream ends.
func (f *feed) run() {
	ctx, cancel := sse.Until(f.request.Context(), f.server.Drain)
	defer cancel()
	f.buf = append(f.buf, "retry: 2000\n"...)
	err := f.beat()
	for err == nil {
		err = f.wait(ctx)
	}
	if ctx.Err() != nil || errors.Is(err, sse.ErrGone) {
		return
	}
	f.fail(coded(err))
}

// fail ends the stream with an error.
func (f *feed) fail(e *audit.Error) {
	f.request.code, f.request.err = e.Code, e
	body, err := encode(f.request.errorBody(e))
	if err != nil {
		f.request.err = err
		return
	}
	f.buf = append(f.buf, "event: failed\ndata: "...)
	f.buf = append(f.buf, body...)
	f.buf = append(f.buf, "\n\n"...)
	_ = f.flush() // a client that does not get it asks again
}

// wait sends what comes before the next heartbeat, or the heartbeat. What does
// not match sends nothing and puts off no heartbeat.
func (f *feed) wait(ctx context.Context) error {
	silent := f.server.Clock().Sub(f.sent)
	wait, cancel := context.WithTimeout(ctx, Heartbeat-silent)
	defer cancel()
	size, err := f.server.Log.Wait(wait, f.request.tenant, f.next)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case silent >= Heartbeat || errors.Is(err, context.DeadlineExceeded):
		if err := f.check(ctx); err != nil {
			return err
		}
		return f.beat()
	case err != nil:
		return err
	}
	return f.send(ctx, size)
}

// send sends the selected events with an index from next to below size.
func (f *feed) send(ctx context.Context, size uint64) error {
	for f.next < size {
		if f.server.Clock().Sub(f.checked) >= recheck {
			if err := f.check(ctx); err != nil {
				return err
			}
		}
		q := audit.Query{Filter: f.query.Filter, Order: audit.OrderIndex, FromIndex: f.next, Limit: streamPage}
		timed, cancel := context.WithTimeout(ctx, QueryTimeout)
		page, err := f.server.Log.Query(timed, f.request.tenant, q)
		cancel()
		if err != nil {
			return err
		}
		f.append(page.Records)
		if page.Next == nil {
			f.next = max(size, f.next)
		}
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}

// append appends events and moves next behind them.
func (f *feed) append(records []audit.Record) {
	for i := range records {
		record := &records[i]
		f.next = record.Index + 1
		f.buf = append(f.buf, "id: "...)
		f.buf = append(f.buf, f.cursor()...)
		f.buf = append(f.buf, "\ndata: "...)
		if f.query.Proof {
			f.buf = record.AppendProof(f.buf)
		} else {
			f.buf = record.AppendLine(f.buf)
		}
		f.buf = append(f.buf, "\n\n"...)
	}
}

// beat sends a comment, and the place that was reached: whoever comes back
// need not search again what did not match.
func (f *feed) beat() error {
	f.buf = append(f.buf, ": heartbeat\nid: "...)
	f.buf = append(f.buf, f.cursor()...)
	f.buf = append(f.buf, "\n\n"...)
	return f.flush()
}

func (f *feed) cursor() string {
	return f.server.CursorKey.Seal(audit.Cursor{Index: f.next}, f.request.tenant, f.binding, f.server.Clock())
}

// check ends a stream whose token is no longer good for it.
func (f *feed) check(ctx context.Context) error {
	r := f.request
	token, err := bearer(r.Header)
	if err != nil {
		return err
	}
	if r.principal, err = f.server.Auth.Authenticate(ctx, token); err != nil {
		return err
	}
	if _, err := f.server.selectTenant(r); err != nil {
		return err
	}
	f.checked = f.server.Clock()
	return r.authorized()
}

// flush sends what is buffered.
func (f *feed) flush() error {
	if len(f.buf) == 0 {
		return nil
	}
	if err := f.out.Send(f.buf); err != nil {
		return err
	}
	f.buf, f.sent = f.buf[:0], f.server.Clock()
	return nil
}
