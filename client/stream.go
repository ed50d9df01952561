package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/scaivault/audit"
)

const (
	routeStream = "/v1/audit/stream"
	// maxSilence is three of the server's heartbeats: a stream that is silent
	// for longer has lost its server.
	maxSilence = 45 * time.Second
	// maxMessage bounds a line of a stream: a canonical line with what a proof
	// adds to it.
	maxMessage = 128 << 10
)

// Stream is an open stream of events. It is for one goroutine.
type Stream struct {
	client *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	lines  *bufio.Scanner
	alive  *time.Timer // ends the stream when the server is silent

	kind string // of the message that is being read
	data []byte
}

var errSilent = fmt.Errorf("%w: no heartbeat of the stream came", ErrUnreachable)

// Stream follows the log from where q says. It returns once the server has
// agreed; nothing is repeated, since the caller knows best what it has seen.
func (c *Client) Stream(ctx context.Context, q audit.StreamQuery) (*Stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	alive := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	body, err := c.openStream(ctx, q)
	if err != nil {
		alive.Stop()
		cancel(nil)
		return nil, err
	}
	s := &Stream{client: c, ctx: ctx, cancel: cancel, body: body, lines: bufio.NewScanner(body), alive: alive}
	s.lines.Buffer(make([]byte, 0, 4<<10), maxMessage)
	return s, nil
}

func (c *Client) openStream(ctx context.Context, q audit.StreamQuery) (io.ReadCloser, error) {
	target := c.base + routeStream + "?" + q.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", routeStream, err)
	}
	req.Header = c.header.Clone()
	req.Header.Set("Accept", "text/event-stream")
	endless := *c.http
	endless.Timeout = 0
	resp, err := endless.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	return nil, answerError(resp, body)
}

// Close ends the stream.
func (s *Stream) Close() {
	s.alive.Stop()
	s.cancel(nil)
	_ = s.body.Close() // nothing was written
}

// Entries yields what comes. It ends with an error, yielded with the zero
// entry, always: the server's own, or [ErrUnreachable] when the connection
// ends. Index and ReceivedAt are there if the query asked for them.
func (s *Stream) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for s.next() {
			if s.kind == "failed" {
				yield(Entry{}, streamError(s.data))
				return
			}
			var e Entry
			if err := json.Unmarshal(s.data, &e); err != nil {
				yield(Entry{}, fmt.Errorf("event of a stream: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		err := s.lines.Err()
		if err == nil {
			err = io.EOF
		}
		yield(Entry{}, s.client.unreachable(s.ctx, err))
	}
}

// next reads the next message that has data (WHATWG HTML, section 9.2.6).
func (s *Stream) next() bool {
	s.kind, s.data = "", nil
	for s.lines.Scan() {
		s.alive.Reset(maxSilence)
		line := s.lines.Bytes()
		if len(line) == 0 && s.data != nil {
			return true
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "event":
			s.kind = string(value)
		case "data":
			s.data = bytes.Clone(value)
		}
	}
	return false
}

// streamError returns the error that ended a stream.
func streamError(body []byte) error {
	return answerError(&http.Response{StatusCode: http.StatusOK, Status: "200 OK"}, body)
}
