package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/scaivault/audit"
)

const (
	// The wait before attempt n is drawn from [0, firstBackoff·2ⁿ⁻¹), at most
	// maxBackoff: full jitter, so that clients do not come back in step.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// maxRetryAfter is the longest wait that a server may ask for. Its limits
	// are by the minute; whoever is asked to wait longer gets the error.
	maxRetryAfter = time.Minute
)

// request is a call that may be sent more than once: a GET, or a POST that the
// server knows again by its Idempotency-Key.
type request struct {
	method, route, query string
	header               map[string]string
	body                 []byte
}

// send sends r until it is answered for good, and returns the answer's body
// and header.
func (c *Client) send(ctx context.Context, r request) ([]byte, http.Header, error) {
	for attempt := 1; ; attempt++ {
		body, header, err := c.attempt(ctx, r)
		if err == nil || attempt >= c.attempts || !transient(err) {
			return body, header, err
		}
		wait := backoff(attempt)
		var resp *Response
		if errors.As(err, &resp) {
			wait = max(wait, resp.retryAfter)
		}
		// An error now is more use than the same error at the deadline.
		if deadline, ok := ctx.Deadline(); wait > maxRetryAfter || ok && time.Until(deadline) <= wait {
			return nil, nil, err
		}
		if cause := sleep(ctx, wait); cause != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", r.method, r.route, cause)
		}
	}
}

// transient reports whether the same request may succeed a little later. A
// query that ran out of time would only load the server again.
func transient(err error) bool {
	var resp *Response
	if !errors.As(err, &resp) {
		return errors.Is(err, ErrUnreachable)
	}
	switch resp.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	case http.StatusServiceUnavailable:
		return audit.ErrorCode(err) != audit.CodeQueryTimeout
	}
	return false
}

func backoff(attempt int) time.Duration {
	return rand.N(min(maxBackoff, firstBackoff<<min(attempt-1, 20)))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt sends r once.
func (c *Client) attempt(ctx context.Context, r request) ([]byte, http.Header, error) {
	target := c.base + r.route
	if r.query != "" {
		target += "?" + r.query
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", r.method, r.route, err)
	}
	req.Header = c.header.Clone()
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, c.unreachable(ctx, err)
	case len(body) > maxAnswer:
		return nil, nil, fmt.Errorf("answer of %s: more than %d bytes", r.route, maxAnswer)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, nil, answerError(resp, body)
	}
	return body, resp.Header, nil
}

// unreachable says that no answer came; if the caller gave up, that is why.
func (c *Client) unreachable(ctx context.Context, err error) error {
	// A url.Error names the whole URL, whose query may be long and is no cause.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("request to %s: %w", c.base, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, c.base, err)
}
