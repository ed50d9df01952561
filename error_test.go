package audit_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

func TestErrorf(t *testing.T) {
	err := audit.Errorf(audit.CodeStorageFull, "append %d events: %w", 3, io.ErrShortWrite)
	const message = "append 3 events: short write"
	if err.Code != audit.CodeStorageFull || err.Error() != message || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%#v: %v", err, err)
	}
	if plain := audit.Errorf(audit.CodeNotFound, "no such thing"); plain.Unwrap() != nil {
		t.Errorf("cause %v of an error without one", plain.Unwrap())
	}
}

// The cause of an internal error is for the log, not for who asked.
func TestErrorHidesItsCause(t *testing.T) {
	err := &audit.Error{Code: audit.CodeInternal, Message: "internal error", Err: io.ErrUnexpectedEOF}
	if err.Error() != "internal error: unexpected EOF" || err.Message != "internal error" {
		t.Errorf("Error() is %q, Message %q", err, err.Message)
	}
}

func TestErrorCode(t *testing.T) {
	coded := audit.Errorf(audit.CodeNotFound, "x")
	for want, err := range map[audit.Code]error{
		"":                     nil,
		audit.CodeInternal:     io.EOF,
		audit.CodeNotFound:     fmt.Errorf("read: %w", fmt.Errorf("list: %w", coded)),
		audit.CodeUnavailable:  errors.Join(io.EOF, audit.Errorf(audit.CodeUnavailable, "y")),
		audit.CodeTokenExpired: audit.Errorf(audit.CodeTokenExpired, "outer: %w", coded),
	} {
		if got := audit.ErrorCode(err); got != want {
			t.Errorf("%v: code %q, want %q", err, got, want)
		}
	}
}

func TestInvalid(t *testing.T) {
	if err := audit.Invalid(nil); err != nil {
		t.Errorf("no offenders: %v", err)
	}
	fields := []audit.FieldError{{Field: "limit", Message: "too big"}, {Field: "from", Message: "too early"}}
	var e *audit.Error
	if err := audit.Invalid(fields); !errors.As(err, &e) {
		t.Fatalf("%v is not coded", err)
	}
	const message = "limit: too big; from: too early"
	want := &audit.Error{Code: audit.CodeValidationError, Message: message, Fields: fields}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
}
