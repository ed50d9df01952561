// Package blob puts objects into buckets: of S3, of Google Cloud Storage, of
// Azure Blob Storage, or a directory. It writes each object once, whole, and
// never over one that somebody else wrote.
//
// Beside each object two words are kept as its metadata: its owner, the job
// that it belongs to, and the upload that wrote it. By the first a job that
// starts again knows its own objects; by the second an upload whose answer was
// lost knows that it had succeeded. A directory keeps neither: there, an
// object of the same content is one's own.
//
// All stores are reached through a [Guard], which looks at the address of
// every connection.
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
	// ErrConflict says that an object of somebody else has the key, or one of
	// which the credentials do not let us see whose it is.
	ErrConflict = errors.New("an object that this export did not write is in the way")
	// ErrNotFound says that the bucket does not exist.
	ErrNotFound = errors.New("there is no such bucket")
	// ErrDenied says that the store refuses the credentials, or that they do
	// not allow what was asked.
	ErrDenied = errors.New("the credentials do not allow it")
	// ErrCredentials says that the credentials are malformed, or name another
	// region than the bucket's.
	ErrCredentials = errors.New("the credentials are malformed")
	// ErrFull says that the store has no room for more.
	ErrFull = errors.New("the store is full")
	// ErrClock says that the store takes our clock for wrong, or has a wrong one.
	ErrClock = errors.New("the clocks differ")
	// ErrAddress says that the address of the endpoint, or the directory, is
	// none that the operator allows.
	ErrAddress = errors.New("the address is not allowed")
)

// errEnded answers to what comes after Commit or Abort.
var errEnded = errors.New("the upload has ended")

// Bucket is where one export is written.
type Bucket interface {
	// Check reports whether the bucket can be reached and written to, and
	// leaves nothing behind in it. A store that does not answer is asked again
	// for minutes: who waits for it gives ctx a deadline.
	Check(ctx context.Context) error
	// Taken reports whether an object has the key that the owner did not write.
	// A directory does not tell whose a file is, so there any one counts; and
	// where the credentials do not allow to look, none does.
	Taken(ctx context.Context, key string) (bool, error)
	// Create begins an object. Nobody sees it before it is committed. A key is
	// 1 to 1,024 bytes of printable UTF-8; its segments, separated by '/', are
	// not empty, "." or "..".
	Create(ctx context.Context, key string) (Upload, error)
	// Sweep removes what uploads left unfinished below the folder prefix. A
	// directory removes those of this owner. S3 does not tell whose an
	// unfinished upload is, so there it removes all below the prefix: a prefix
	// belongs to one export. The other stores let unfinished uploads, which
	// nobody sees, expire after a week by themselves.
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
	// equal; by one of somebody else, the error wraps ErrConflict. After an
	// error nothing remains of the upload.
	Commit(ctx context.Context) error
	// Abort discards what was written, also after the context of Create has
	// ended. After Commit it does nothing.
	Abort() error
}
