package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
)

// What a client is told of a destination is written here, whole: the text of a
// cloud's error may hold what is not for everybody, and goes to the log.

// Fields of a request that errors name.
const (
	fieldBucket      = "destination.bucket"
	fieldPrefix      = "destination.prefix"
	fieldCredentials = "destination.credentials_path"
)

// errCredentialsNeeded ends the work on a job whose credentials are not for
// the service itself.
var errCredentialsNeeded = &audit.Error{Code: audit.CodeCredentialsNeeded,
	Message: "the service may not read the credentials by itself; resume the export with a token that may"}

// destinationError is an error of a bucket, and where it happened.
type destinationError struct {
	key string // of the object that was written; "" if none was
	err error
}

func (e *destinationError) Error() string {
	if e.key == "" {
		return fmt.Sprintf("destination: %v", e.err)
	}
	return fmt.Sprintf("object %s: %v", e.key, e.err)
}

func (e *destinationError) Unwrap() error { return e.err }

// secretError returns the error for a secret that could not be read.
func secretError(err error) error {
	if err == nil {
		return nil
	}
	var e *audit.Error
	errors.As(err, &e)
	switch audit.ErrorCode(err) {
	case audit.CodeAccessDenied, audit.CodeAuthenticationRequired:
		return refusal(audit.CodeAccessDenied, fieldCredentials,
			"there is no such secret, or it is not for you", err)
	case audit.CodeValidationError: // the words of our own package, without values
		return refusal(audit.CodeDestinationUnavailable, fieldCredentials, e.Message, err)
	}
	return &audit.Error{Code: audit.CodeUnavailable, Message: "the credentials cannot be read now", Err: err}
}

// bucketError returns the error for a bucket of a type that could not be used.
func bucketError(kind audit.DestinationType, err error) error {
	unavailable := audit.CodeDestinationUnavailable
	var at *destinationError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, blob.ErrConflict):
		message := "an object that this export did not write is in the way; choose another prefix"
		if errors.As(err, &at) && at.key != "" {
			message = fmt.Sprintf("%s: %s", at.key, message)
		}
		return refusal(audit.CodeDestinationConflict, fieldPrefix, message, err)
	case errors.Is(err, blob.ErrFull):
		return refusal(unavailable, fieldBucket, "there is no room in it", err)
	case kind == audit.DestinationFile:
		return directoryError(err)
	case errors.Is(err, blob.ErrNotFound):
		return refusal(unavailable, fieldBucket, "there is no such bucket", err)
	case errors.Is(err, blob.ErrClock):
		return refusal(unavailable, fieldBucket,
			"the store refuses the time of this server; one of the two clocks is wrong", err)
	case errors.Is(err, blob.ErrDenied):
		return refusal(unavailable, fieldCredentials, "they do not allow to write to the bucket", err)
	case errors.Is(err, blob.ErrCredentials):
		return refusal(unavailable, fieldCredentials,
			"the secret does not hold the members that the destination needs", err)
	case errors.Is(err, blob.ErrAddress):
		return refusal(unavailable, fieldCredentials,
			"the operator does not allow the endpoint that the secret names", err)
	case errors.Is(err, context.DeadlineExceeded):
		return refusal(unavailable, fieldBucket, "it does not answer", err)
	}
	return refusal(unavailable, fieldBucket, "it cannot be used; the server's log says more", err)
}

// directoryError returns the error for a directory that could not be used,
// which has no credentials.
func directoryError(err error) error {
	unavailable := audit.CodeDestinationUnavailable
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return refusal(unavailable, fieldBucket, "there is no such directory among those that the operator allows", err)
	case errors.Is(err, blob.ErrDenied):
		return refusal(unavailable, fieldBucket, "the server may not write to the directory", err)
	case errors.Is(err, blob.ErrAddress):
		return refusal(unavailable, fieldBucket, "the operator does not allow the directory", err)
	}
	return refusal(unavailable, fieldBucket, "the directory cannot be used; the server's log says more", err)
}

// refusal returns an error about a field of the request.
func refusal(code audit.Code, field, message string, cause error) error {
	return &audit.Error{Code: code, Message: field + ": " + message, Err: cause,
		Fields: []audit.FieldError{{Field: field, Message: message}}}
}

// refuse logs the cause of a refusal, which the client is not told.
func (m *Manager) refuse(id audit.ExportID, err error) error {
	m.Logger.Warn("export refused", "export", id, "error", err)
	return err
}

// passing reports whether a job that met err may succeed a little later.
func passing(err error) bool {
	for _, lasting := range []error{blob.ErrConflict, blob.ErrNotFound, blob.ErrDenied, blob.ErrCredentials,
		blob.ErrAddress} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	switch audit.ErrorCode(err) {
	case audit.CodeDataDamaged, audit.CodeCredentialsNeeded, audit.CodeDestinationUnavailable:
		return false
	}
	return true
}

// reason returns what a client is told of the error that ended a job.
func (d *document) reason(err error) *audit.ExportReason {
	var at *destinationError
	if errors.As(err, &at) {
		err = bucketError(d.Export.Destination.Type, err)
	}
	var e *audit.Error
	if !errors.As(err, &e) {
		return &audit.ExportReason{Code: audit.CodeInternal,
			Message: "the server made a mistake; its log names the cause"}
	}
	switch e.Code {
	case audit.CodeDestinationConflict, audit.CodeDestinationUnavailable, audit.CodeAccessDenied,
		audit.CodeCredentialsNeeded:
		return &audit.ExportReason{Code: e.Code, Message: e.Message}
	case audit.CodeDataDamaged:
		return &audit.ExportReason{Code: e.Code, Message: "a part of the log that the export needs is damaged"}
	}
	return &audit.ExportReason{Code: e.Code, Message: "the server could not go on; its log names the cause"}
}
