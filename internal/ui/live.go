package ui

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sse"
)

// Limits of a live tail.
const (
	// liveHeartbeat is how long it is silent at most, and how often the session
	// is looked at.
	liveHeartbeat = 15 * time.Second
	// liveRecheck is how old a look at the session may be when rows are sent.
	liveRecheck = 2 * time.Second
	// livePause is between two batches of rows: more often nobody can read.
	livePause = 250 * time.Millisecond
	// liveRows is how many rows a batch shows at most, the newest.
	liveRows = 100
)

// tail is a live tail of a browser: the rows that its filter selects, as the
// log takes them.
type tail struct {
	server  *Server
	page    *page
	state   state
	out     *sse.Stream
	next    uint64 // the first index that was not looked at
	checked time.Time
}

// live answers GET /ui/stream with server-sent events (WHATWG HTML, section
// 9.2): messages of the type rows, whose data are rows for the top of the table,
// newest first. It ends with the session and with the server.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	p := &page{w: w, r: r, now: s.Clock()}
	t := &tail{server: s, page: p, checked: p.now}
	if err := s.admit(p); err != nil {
		w.WriteHeader(http.StatusUnauthorized) // the script loads the page, which leads to the door
		return
	}
	t.state = readState(r.URL.RawQuery, p.now)
	if err := cmp.Or(p.may(audit.ScopeRead), t.state.err); err != nil {
		w.WriteHeader(s.explain(err).Status)
		return
	}
	t.state.query.Within, t.state.query.To = p.who.PathPrefixes, nil
	t.next = s.Log.Size(p.tenant)
	var err error
	if t.out, err = sse.Open(w); err != nil {
		s.Logger.Error("live tail", "error", err)
		return
	}
	ctx, cancel := sse.Until(r.Context(), s.Drain)
	defer cancel()
	err = t.out.Send([]byte(": open\n\n"))
	for err == nil {
		err = t.step(ctx)
	}
	if ctx.Err() == nil && !errors.Is(err, errNoSession) && !errors.Is(err, sse.ErrGone) {
		s.Logger.Error("live tail", "error", err)
	}
}

// step waits for events and sends their rows, or a heartbeat.
func (t *tail) step(ctx context.Context) error {
	s := t.server
	wait, cancel := context.WithTimeout(ctx, liveHeartbeat)
	size, err := s.Log.Wait(wait, t.page.tenant, t.next)
	cancel()
	silent := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !silent || ctx.Err() != nil {
		return cmp.Or(ctx.Err(), err)
	}
	if silent || s.Clock().Sub(t.checked) >= liveRecheck {
		if err := s.admit(t.page); err != nil { // a tail that is looked at is no idle session
			return err
		}
		t.checked = s.Clock()
	}
	if silent {
		return t.out.Send([]byte(": heartbeat\n\n"))
	}
	if err := t.send(ctx, size); err != nil {
		return err
	}
	select {
	case <-time.After(livePause):
	case <-ctx.Done():
	}
	return nil
}

// liveBatch is the rows of a message. Missing is how many events between them
// and the rows below are not shown.
type liveBatch struct {
	Rows    []row
	Missing uint64
	URL     string // shows all
}

// send sends the rows of the events below size.
func (t *tail) send(ctx context.Context, size uint64) error {
	var batch liveBatch
	t.page.now = t.server.Clock()
	for t.next < size {
		q := t.state.query
		q.Order, q.FromIndex, q.Limit = audit.OrderIndex, t.next, audit.MaxLimit
		timed, cancel := context.WithTimeout(ctx, QueryTimeout)
		found, err := t.server.Log.Query(timed, t.page.tenant, q)
		cancel()
		if err != nil {
			return err
		}
		for i := range found.Records {
			r := &found.Records[i]
			t.next = r.Index + 1
			batch.Rows = append(batch.Rows, newRow(r, audit.TimeOf(t.page.now), t.state.url("event", string(r.ID))))
		}
		if extra := len(batch.Rows) - liveRows; extra > 0 {
			batch.Missing += uint64(extra)
			batch.Rows = slices.Delete(batch.Rows, 0, extra)
		}
		if found.Next == nil {
			t.next = max(size, t.next)
		}
	}
	if len(batch.Rows) == 0 {
		return nil
	}
	slices.Reverse(batch.Rows)
	batch.URL = t.state.url()
	return t.writeRows(&batch)
}

// writeRows sends a message: its data is HTML, line by line.
func (t *tail) writeRows(batch *liveBatch) error {
	var html bytes.Buffer
	if err := t.server.pages.execute(&html, "live-part", batch); err != nil {
		return fmt.Errorf("render rows: %w", err)
	}
	message := []byte("event: rows\n")
	for line := range bytes.SplitSeq(html.Bytes(), []byte("\n")) {
		if len(line) > 0 {
			message = append(append(append(message, "data: "...), line...), '\n')
		}
	}
	return t.out.Send(append(message, '\n'))
}
