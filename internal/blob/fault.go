package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/auth"
)

// errTaken says that an object has the key, or another one than expected.
var errTaken = errors.New("the key is taken")

// answer is what a store said instead of doing what it was asked: the status
// of HTTP and its own code, if any. The store's text is left out, because it
// may repeat what belongs to the account.
type answer struct {
	status int
	code   string
}

func (a answer) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the store answered %d %s", a.status, a.code))
}

// fault returns the error of an operation: what the store answered, under the
// error by which callers decide, or why it did not answer. The URL of the
// request is left out, because it may hold a signature.
func fault(op string, err error, a answer) error {
	var token *auth.Error
	if errors.As(err, &token) {
		op, a = op+": get a token", answer{status: token.Response.StatusCode}
		if a.status == 400 { // RFC 6749 section 5.2: the assertion is not accepted
			a.status = 403
		}
	}
	if a.status == 0 || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		var query *url.Error
		if errors.As(err, &query) {
			err = query.Err
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	if kind := a.kind(); kind != nil {
		return fmt.Errorf("%s: %w: %w", op, kind, a)
	}
	return fmt.Errorf("%s: %w", op, a)
}

// kind returns the error by which callers decide, or nil.
func (a answer) kind() error {
	switch a.code {
	case "NoSuchBucket", "InvalidBucketName", "ContainerNotFound", "ContainerBeingDeleted":
		return ErrNotFound
	case "PreconditionFailed", "ConditionalRequestConflict", "BlobAlreadyExists", "ConditionNotMet",
		"UnauthorizedBlobOverwrite": // what Azure says to one who may create but not replace
		return errTaken
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return fmt.Errorf("%w: region is not the bucket's", ErrCredentials)
	case "RequestTimeTooSkewed":
		return ErrClock
	case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage": // of stores that are like S3
		return ErrFull
	case "ExpiredToken", "InvalidToken", "InvalidAuthenticationInfo":
		return ErrDenied
	}
	switch a.status {
	case 401, 403:
		return ErrDenied
	case 412:
		return errTaken
	case http.StatusInsufficientStorage:
		return ErrFull
	case 301, 307:
		return fmt.Errorf("%w: region or endpoint is not the bucket's", ErrCredentials)
	}
	return nil
}
