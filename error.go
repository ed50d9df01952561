package audit

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of error happened. Programs act upon the code, people
// read the message. Codes are part of the API and only ever added to.
type Code string

// The codes of the API; package api maps each to its HTTP status.
const (
	CodeInvalidRequest         Code = "invalid_request"
	CodeInvalidPath            Code = "invalid_path"
	CodeInvalidCursor          Code = "invalid_cursor"
	CodeAuthenticationRequired Code = "authentication_required"
	CodeTokenExpired           Code = "token_expired"
	CodeTokenInvalid           Code = "token_invalid"
	CodeTokenRevoked           Code = "token_revoked"
	CodeInsufficientScope      Code = "insufficient_scope"
	CodeTenantAccessDenied     Code = "tenant_access_denied"
	CodeAccessDenied           Code = "access_denied"
	CodeNotFound               Code = "not_found"
	CodeEventNotFound          Code = "event_not_found"
	CodeExportNotFound         Code = "export_not_found"
	CodeMethodNotAllowed       Code = "method_not_allowed"
	CodeIDConflict             Code = "id_conflict"
	CodeExportConflict         Code = "export_conflict"
	CodeDestinationConflict    Code = "destination_conflict"
	CodePayloadTooLarge        Code = "payload_too_large"
	CodeURITooLong             Code = "uri_too_long"
	CodeUnsupportedMediaType   Code = "unsupported_media_type"
	CodeValidationError        Code = "validation_error"
	CodeDestinationUnavailable Code = "destination_unavailable"
	CodeRateLimited            Code = "rate_limited"
	CodeInternal               Code = "internal_error"
	CodeDataDamaged            Code = "data_damaged"
	CodeUnavailable            Code = "service_unavailable"
	CodeStorageFull            Code = "storage_full"
	CodeQueryTimeout           Code = "query_timeout"
)

// FieldError says what is wrong with one field: of an event, of a query or of
// a request body.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// IndexRange is the half-open range [From, To) of indexes of a tenant's log.
type IndexRange struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Error is an error that a client may see. Message and Fields are shown to
// whoever asked; Err, the cause, goes to the log of the server only.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError // every offender, with CodeValidationError
	Damaged []IndexRange // what cannot be read, with CodeDataDamaged
	Err     error
}

// Errorf returns an error with the code and a formatted message. An error
// among the arguments behind %w becomes its cause and part of its message.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Invalid returns the [CodeValidationError] for the fields, or nil if there
// are none.
func Invalid(fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	messages := make([]string, 0, len(fields))
	for _, f := range fields {
		messages = append(messages, f.Field+": "+f.Message)
	}
	return &Error{Code: CodeValidationError, Message: strings.Join(messages, "; "), Fields: fields}
}

// Error returns the message, with the cause where the message is not made of it.
func (e *Error) Error() string {
	if e.Err != nil && !strings.Contains(e.Message, e.Err.Error()) {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the code of the first [*Error] in err's chain,
// [CodeInternal] if there is none, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
