// Package blob puts objects into buckets: of S3, of Google Cloud Storage, of
// Azure Blob Storage, or a directory. It writes each object once, whole, and
// never over one that somebody else wrote.
package blob

import (
	"context"
	"errors"
	"io"
)

// What goes wrong with a bucket. Errors of this package wrap one of these if
// the caller can act upon it; anything else is passing trouble that has
// outlasted the retries.
var (
	// ErrConflict says that an object of somebody else has the key.
	ErrConflict = errors.New("an object that this export did not write is in the way")
	// ErrNotFound says that the bucket does not exist.
	ErrNotFound = errors.New("there is no such bucket")
	// ErrDenied says that the credentials do not allow it.
	ErrDenied = errors.New("the credentials do not allow it")
	// ErrCredentials says that the credentials are malformed.
	ErrCredentials = errors.New("the credentials are malformed")
	// ErrAddress says that the address of the endpoint is not allowed.
	ErrAddress = errors.New("the endpoint's address is not allowed")
)

// Bucket is where one export is written.
type Bucket interface {
	// Check reports whether the bucket can be reached and written to, and
	// leaves nothing behind in it.
	Check(ctx context.Context) error
	// Create begins an object. Nobody sees it before it is committed.
	Create(ctx context.Context, key string) (Upload, error)
	// Sweep removes what uploads of this owner left unfinished below a prefix.
	Sweep(ctx context.Context, prefix string) error
	// Close releases connections.
	Close() error
}

// Upload is an object being written. One goroutine uses it; it ends with
// Commit or Abort.
type Upload interface {
	io.Writer
	// Commit makes the object visible, whole and durable. If the key is taken
	// by an object of the same owner that one is replaced, or left if it is
	// equal; by one of somebody else, the error wraps ErrConflict.
	Commit(ctx context.Context) error
	// Abort discards what was written, also after the context of Create has
	// ended. After Commit it does nothing.
	Abort() error
}
