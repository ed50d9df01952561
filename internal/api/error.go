package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/scaivault/audit"
)

// fault is how an error code looks to a client.
type fault struct {
	status int
	text   string // in place of the error's own message, which could tell internals
	retry  int    // Retry-After in seconds; 0 for none
}

// faults maps every code to its status; an error without a code, or with one
// that is missing here, is an internal error.
var faults = map[audit.Code]fault{
	audit.CodeInvalidRequest:         {status: http.StatusBadRequest},
	audit.CodeInvalidPath:            {status: http.StatusBadRequest},
	audit.CodeInvalidCursor:          {status: http.StatusBadRequest},
	audit.CodeAuthenticationRequired: {status: http.StatusUnauthorized},
	audit.CodeTokenExpired:           {status: http.StatusUnauthorized},
	audit.CodeTokenInvalid:           {status: http.StatusUnauthorized},
	audit.CodeTokenRevoked:           {status: http.StatusUnauthorized},
	audit.CodeInsufficientScope:      {status: http.StatusForbidden},
	audit.CodeTenantAccessDenied:     {status: http.StatusForbidden},
	audit.CodeAccessDenied:           {status: http.StatusForbidden},
	audit.CodeNotFound:               {status: http.StatusNotFound},
	audit.CodeEventNotFound:          {status: http.StatusNotFound},
	audit.CodeExportNotFound:         {status: http.StatusNotFound},
	audit.CodeMethodNotAllowed:       {status: http.StatusMethodNotAllowed},
	audit.CodeIDConflict:             {status: http.StatusConflict},
	audit.CodeExportConflict:         {status: http.StatusConflict},
	audit.CodeDestinationConflict:    {status: http.StatusConflict},
	audit.CodePayloadTooLarge:        {status: http.StatusRequestEntityTooLarge},
	audit.CodeURITooLong:             {status: http.StatusRequestURITooLong},
	audit.CodeUnsupportedMediaType:   {status: http.StatusUnsupportedMediaType},
	audit.CodeValidationError:        {status: http.StatusUnprocessableEntity},
	audit.CodeDestinationUnavailable: {status: http.StatusUnprocessableEntity},
	audit.CodeRateLimited:            {status: http.StatusTooManyRequests, retry: 60},
	audit.CodeInternal: {status: http.StatusInternalServerError,
		text: "the server made a mistake; its log names the cause beside this request id"},
	audit.CodeDataDamaged: {status: http.StatusInternalServerError,
		text: "a part of the log that the answer needs is damaged; details name the indexes"},
	audit.CodeUnavailable: {status: http.StatusServiceUnavailable, retry: 5,
		text: "the service cannot do this now; try again later"},
	audit.CodeStorageFull: {status: http.StatusServiceUnavailable, retry: 60,
		text: "the storage is full: events can be read, not appended"},
	audit.CodeQueryTimeout: {status: http.StatusServiceUnavailable, retry: 5,
		text: "the query took too long; ask for a shorter range or add a filter"},
}

// coded returns err as an error with a code.
func coded(err error) *audit.Error {
	var e *audit.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &audit.Error{Code: audit.CodeQueryTimeout, Err: err}
	case errors.Is(err, context.Canceled): // the client or the server goes away
		return &audit.Error{Code: audit.CodeUnavailable, Err: err}
	}
	return &audit.Error{Code: audit.CodeInternal, Err: err}
}

// faultOf returns the code that err is answered with, and how.
func faultOf(e *audit.Error) (audit.Code, fault) {
	if f, ok := faults[e.Code]; ok {
		return e.Code, f
	}
	return audit.CodeInternal, faults[audit.CodeInternal]
}

// message returns what a client is told about err.
func message(err error) string {
	e := coded(err)
	if _, f := faultOf(e); f.text != "" {
		return f.text
	}
	return e.Message
}

// errorBody is the JSON of every error.
type errorBody struct {
	Error struct {
		Code      audit.Code `json:"code"`
		Message   text       `json:"message"`
		Details   *details   `json:"details,omitempty"`
		RequestID string     `json:"request_id"`
	} `json:"error"`
}

type details struct {
	Fields  []fieldError       `json:"fields,omitempty"`
	Damaged []audit.IndexRange `json:"damaged,omitempty"`
}

type fieldError struct {
	Field   text `json:"field"`
	Message text `json:"message"`
}

// fieldErrors returns the fields for JSON; none is [], not null.
func fieldErrors(fields []audit.FieldError) []fieldError {
	out := make([]fieldError, len(fields))
	for i, f := range fields {
		out[i] = fieldError{text(f.Field), text(f.Message)}
	}
	return out
}

// fail answers the request with err, unless an answer has begun: then the
// connection is cut, as the client would take the half of it for the whole.
func (r *request) fail(err error) {
	e := coded(err)
	code, f := faultOf(e)
	r.code, r.err = code, err
	if r.out.status != 0 {
		panic(http.ErrAbortHandler)
	}
	h := r.out.Header()
	if f.retry > 0 && h.Get("Retry-After") == "" {
		h.Set("Retry-After", strconv.Itoa(f.retry))
	}
	if f.status == http.StatusUnauthorized {
		challenge := "Bearer"
		if code != audit.CodeAuthenticationRequired {
			challenge = `Bearer error="invalid_token"` // RFC 6750, section 3.1
		}
		h.Set("WWW-Authenticate", challenge)
	}
	if r.route != nil && r.route.pattern == otlpRoute {
		r.failOTLP(f.status, e)
		return
	}
	r.answer(f.status, r.errorBody(e))
}

// errorBody returns what a client is told about an error.
func (r *request) errorBody(e *audit.Error) (body errorBody) {
	body.Error.Code, _ = faultOf(e)
	body.Error.Message = text(message(e))
	body.Error.RequestID = r.id
	if len(e.Fields) > 0 || len(e.Damaged) > 0 {
		body.Error.Details = &details{fieldErrors(e.Fields), e.Damaged}
	}
	return body
}

// unavailable returns the status of a service that is not ready, and tells the
// client when to ask again.
func (r *request) unavailable() int {
	f := faults[audit.CodeUnavailable]
	r.out.Header().Set("Retry-After", strconv.Itoa(f.retry))
	return f.status
}
