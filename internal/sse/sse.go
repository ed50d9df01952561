// Package sse writes streams of server-sent events (WHATWG HTML, section 9.2).
package sse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrGone is in the chain of the error of a client that takes nothing more.
var ErrGone = errors.New("client is gone")

// patience is for how long a client may take nothing before it is gone.
const patience = time.Minute

// Stream is an open stream.
type Stream struct{ w http.ResponseWriter }

// Open begins an answer that is a stream. From here on the connection may be
// silent for longer than that of another request.
func Open(w http.ResponseWriter) (*Stream, error) {
	if err := optional(http.NewResponseController(w).SetReadDeadline(time.Time{})); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies would hold back what is small
	w.WriteHeader(http.StatusOK)
	return &Stream{w}, nil
}

// Send sends events, which are formatted already, at once.
func (s *Stream) Send(events []byte) error {
	control := http.NewResponseController(s.w)
	err := optional(control.SetWriteDeadline(time.Now().Add(patience)))
	if err == nil {
		_, err = s.w.Write(events)
	}
	if err == nil {
		err = control.Flush()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}

// optional drops the error of what a connection cannot do and a stream does
// without.
func optional(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// Until returns a context that ends with the request's and with a server that
// drains: a stream has no end of its own to wait for.
func Until(ctx context.Context, drain <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-drain:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
