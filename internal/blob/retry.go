package blob

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"cloud.google.com/go/auth"
)

// retry is how often a request is tried, and the bounds of the pauses between:
// they double from min to max and are shortened by chance, so that many
// clients do not come back at once.
type retry struct {
	attempts int
	min, max time.Duration
}

var defaultRetry = retry{attempts: 8, min: 200 * time.Millisecond, max: 20 * time.Second}

// busy reports whether a status says that the same request may succeed soon.
func busy(status int) bool {
	return status >= 500 && status != http.StatusNotImplemented && status != http.StatusInsufficientStorage ||
		status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// sent reports whether a request that got no answer may have reached the store.
func sent(err error) bool {
	var op *net.OpError
	return !errors.Is(err, ErrAddress) && !(errors.As(err, &op) && op.Op == "dial")
}

// transient reports whether a request that got no answer may get one later.
// That a name does not exist, a certificate is wrong, an address refused or
// the time up does not change by asking again.
func transient(err error) bool {
	var (
		name  *net.DNSError
		cert  *tls.CertificateVerificationError
		token *auth.Error
		op    *net.OpError
		query *url.Error
	)
	switch {
	case errors.Is(err, ErrAddress), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &name) && name.IsNotFound, errors.As(err, &cert):
		return false
	case errors.As(err, &token):
		return busy(token.Response.StatusCode)
	}
	return errors.As(err, &op) || errors.As(err, &query) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
