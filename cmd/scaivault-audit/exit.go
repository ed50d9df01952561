package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// The exit codes of the contract.
const (
	exitOK             = 0
	exitGeneral        = 1
	exitAuthentication = 2
	exitAuthorization  = 3
	exitNotFound       = 4
	exitValidation     = 5
)

// usageError is a command line that cannot be read.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCoder is an error that has an exit code of its own.
type exitCoder interface {
	error
	ExitCode() int
}

// exitCode returns the exit code that err stands for.
func exitCode(err error) int {
	var usage usageError
	var own exitCoder
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitValidation
	case errors.As(err, &own):
		return own.ExitCode()
	}
	switch audit.ErrorCode(err) {
	case audit.CodeAuthenticationRequired, audit.CodeTokenExpired,
		audit.CodeTokenInvalid, audit.CodeTokenRevoked:
		return exitAuthentication
	case audit.CodeInsufficientScope, audit.CodeTenantAccessDenied, audit.CodeAccessDenied:
		return exitAuthorization
	case audit.CodeNotFound, audit.CodeEventNotFound, audit.CodeExportNotFound:
		return exitNotFound
	case audit.CodeInvalidRequest, audit.CodeInvalidPath, audit.CodeInvalidCursor, audit.CodeValidationError,
		audit.CodeDestinationUnavailable:
		return exitValidation
	}
	return statusExitCode(err)
}

// statusExitCode decides by the status of an answer whose code is newer than
// this program.
func statusExitCode(err error) int {
	var resp *client.Response
	if !errors.As(err, &resp) {
		return exitGeneral
	}
	switch resp.Status {
	case http.StatusUnauthorized:
		return exitAuthentication
	case http.StatusForbidden:
		return exitAuthorization
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return exitValidation
	}
	return exitGeneral
}

// explain returns what to tell of an error: what happened, and what to do
// about it where that is known.
func explain(err error) string {
	var coded *audit.Error
	var resp *client.Response
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return visible(err.Error()) + "; --help shows what there is"
	case errors.Is(err, client.ErrUnreachable):
		return visible(err.Error()) + "; SCAIVAULT_URL or --url says where it is"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &resp) && errors.As(err, &coded) && resp.Status < http.StatusInternalServerError:
		if coded.Code == audit.CodeAuthenticationRequired {
			return visible(coded.Message) + "; put a token into SCAIVAULT_TOKEN"
		}
		return visible(coded.Message)
	}
	return visible(strings.ReplaceAll(err.Error(), "\n", "; ")) // errors.Join writes lines
}
