package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// script answers the n-th attempt with its n-th step and all later ones with
// the last; it needs no network, so that time can be synthetic.
type script struct {
	steps []step
	times []time.Time
	keys  []string
	bodys []string
}

type step struct {
	status int // 0 breaks the connection
	body   string
	wait   string // Retry-After
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	now := s.steps[min(len(s.times), len(s.steps)-1)]
	s.times = append(s.times, time.Now())
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.bodys = append(s.bodys, string(body))
	if now.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	resp := &http.Response{StatusCode: now.status, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader([]byte(now.body)))}
	if now.wait != "" {
		resp.Header.Set("Retry-After", now.wait)
	}
	return resp, nil
}

func (s *script) client(t *testing.T, attempts int) *client.Client {
	return open(t, client.Config{URL: "http://server", HTTP: &http.Client{Transport: s}, MaxAttempts: attempts})
}

const timedOut = `{"error":{"code":"query_timeout","message":"too much"}}`

func TestRetry(t *testing.T) {
	ok := step{status: 200, body: "{}"}
	tests := []struct {
		name     string
		steps    []step
		attempts int // made
		code     audit.Code
	}{
		{"first time", []step{ok}, 1, ""},
		{"after a broken connection", []step{{}, ok}, 2, ""},
		{"after too many requests", []step{{status: 429}, ok}, 2, ""},
		{"after unavailability", []step{{status: 503}, {status: 502}, {status: 504}, ok}, 4, ""},
		{"no more than five times", []step{{status: 503}}, 5, audit.CodeUnavailable},
		{"never a refused request", []step{{status: 422}, ok}, 1, audit.CodeValidationError},
		{"never an internal error", []step{{status: 500}, ok}, 1, audit.CodeInternal},
		{"never a query that took too long", []step{{status: 503, body: timedOut}, ok}, 1, audit.CodeQueryTimeout},
		{"never after an hour", []step{{status: 429, wait: "3600"}, ok}, 1, audit.CodeRateLimited},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: tt.steps}
				_, err := s.client(t, 0).Logs(t.Context(), audit.Query{})
				if audit.ErrorCode(err) != tt.code || len(s.times) != tt.attempts {
					t.Errorf("%d attempts, error %v; want %d, code %q", len(s.times), err, tt.attempts, tt.code)
				}
			})
		})
	}
}

func TestRetryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{{status: 503}}}
		s.client(t, 14).Logs(t.Context(), audit.Query{})
		limit := 100 * time.Millisecond
		for i := 1; i < len(s.times); i++ {
			if wait := s.times[i].Sub(s.times[i-1]); wait < 0 || wait >= limit {
				t.Errorf("wait %d took %v; want less than %v", i, wait, limit)
			}
			limit = min(2*limit, 30*time.Second)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	inTime := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	text := func(s string) func() string { return func() string { return s } }
	for _, tt := range []struct {
		name     string
		header   func() string
		min, max time.Duration
	}{
		{"seconds", text("60"), time.Minute, time.Minute},
		{"longer than a client waits", text("61"), 0, 0},
		{"date", func() string { return inTime(40 * time.Second) }, 39 * time.Second, 41 * time.Second},
		{"past", func() string { return inTime(-time.Hour) }, 0, time.Second},
		{"text", text("soon"), 0, time.Second},
		{"negative", text("-5"), 0, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: []step{{status: 429, wait: tt.header()}, {status: 200, body: "{}"}}}
				begun := time.Now()
				s.client(t, 0).Logs(t.Context(), audit.Query{})
				if took := time.Since(begun); took < tt.min || took > tt.max {
					t.Errorf("waited %v; want %v to %v", took, tt.min, tt.max)
				}
			})
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Its deadline comes before the server wants to be asked again: the
		// answer that there was is worth more than the deadline's error.
		s := &script{steps: []step{{status: 429, wait: "30"}}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := s.client(t, 0).Logs(ctx, audit.Query{})
		if audit.ErrorCode(err) != audit.CodeRateLimited || time.Since(begun) != 0 {
			t.Errorf("error %v after %v; want %s at once", err, time.Since(begun), audit.CodeRateLimited)
		}

		s = &script{steps: []step{{status: 429, wait: "30"}}}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(7*time.Second, stop)
		begun = time.Now()
		_, err = s.client(t, 0).Logs(ctx, audit.Query{})
		if !errors.Is(err, context.Canceled) || time.Since(begun) != 7*time.Second {
			t.Errorf("error %v after %v; want %v after 7s", err, time.Since(begun), context.Canceled)
		}
	})
}

func TestRetriedAppendIsTheSameRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []step{{}, {status: 503}, {status: 200, body: `{"accepted":1}`}}}
		receipt, err := s.client(t, 0).AppendLines(t.Context(), []byte("{}"), client.AppendOptions{})
		if err != nil || receipt.Accepted != 1 {
			t.Fatalf("receipt %+v, error %v", receipt, err)
		}
		if s.keys[0] == "" || s.keys[0] != s.keys[1] || s.keys[1] != s.keys[2] {
			t.Errorf("keys %q; want one key", s.keys)
		}
		if strings.Join(s.bodys, "") != "{}{}{}" {
			t.Errorf("bodies %q; want the same", s.bodys)
		}
	})
}

func TestGivingUpIsNotUnreachable(t *testing.T) {
	s := &script{steps: []step{{}}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.client(t, 0).Logs(ctx, audit.Query{})
	if !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnreachable) {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}
