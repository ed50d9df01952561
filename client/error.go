package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/scaivault/audit"
)

// ErrUnreachable is in the chain of an error that says that no answer came:
// the connection failed or broke, or the answer took too long.
var ErrUnreachable = errors.New("server is unreachable")

// Response is the cause of every [*audit.Error] that came from a server.
type Response struct {
	Status    int    // of HTTP
	RequestID string // by which the server's log knows the request; "" if it named none

	retryAfter time.Duration
}

// Error says what the server answered, for whoever reads its log.
func (r *Response) Error() string {
	if r.RequestID == "" {
		return fmt.Sprintf("status %d", r.Status)
	}
	return fmt.Sprintf("status %d, request %s", r.Status, r.RequestID)
}

// answerError returns the error that an answer carries. An answer that is not
// of this API, as from a proxy, gets the code that its status stands for.
func answerError(resp *http.Response, body []byte) *audit.Error {
	r := &Response{
		Status:     resp.StatusCode,
		RequestID:  resp.Header.Get("X-Request-ID"),
		retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	var answer struct {
		Error struct {
			Code    audit.Code `json:"code"`
			Message string     `json:"message"`
			Details struct {
				Fields  []audit.FieldError `json:"fields"`
				Damaged []audit.IndexRange `json:"damaged"`
			} `json:"details"`
		} `json:"error"`
	}
	// A member of another shape leaves what was read before it, which is more
	// use than nothing.
	_ = json.Unmarshal(body, &answer)
	e := answer.Error
	if e.Code == "" {
		return &audit.Error{Code: statusCode(resp.StatusCode), Err: r, Message: fmt.Sprintf(
			"server answered %q, not in the manner of this API; is the URL right?", resp.Status)}
	}
	return &audit.Error{Code: e.Code, Message: e.Message, Err: r,
		Fields: e.Details.Fields, Damaged: e.Details.Damaged}
}

func statusCode(status int) audit.Code {
	switch status {
	case http.StatusBadRequest:
		return audit.CodeInvalidRequest
	case http.StatusUnauthorized:
		return audit.CodeAuthenticationRequired
	case http.StatusForbidden:
		return audit.CodeAccessDenied
	case http.StatusNotFound:
		return audit.CodeNotFound
	case http.StatusMethodNotAllowed:
		return audit.CodeMethodNotAllowed
	case http.StatusRequestEntityTooLarge:
		return audit.CodePayloadTooLarge
	case http.StatusRequestURITooLong:
		return audit.CodeURITooLong
	case http.StatusUnsupportedMediaType:
		return audit.CodeUnsupportedMediaType
	case http.StatusUnprocessableEntity:
		return audit.CodeValidationError
	case http.StatusTooManyRequests:
		return audit.CodeRateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return audit.CodeUnavailable
	}
	return audit.CodeInternal
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3): seconds or
// a date. What it cannot read asks for no wait.
func retryAfter(v string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}
