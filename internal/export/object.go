package export

import (
	"context"

	"github.com/scaivault/audit/internal/blob"
)

// object is an object being written, whose errors name it.
type object struct {
	key    string
	upload blob.Upload
	size   int64       // bytes written of the job
	count  func(int64) // is told of size; nil if nobody wants to know
}

func create(ctx context.Context, bucket blob.Bucket, key string) (*object, error) {
	upload, err := bucket.Create(ctx, key)
	if err != nil {
		return nil, &destinationError{key, err}
	}
	return &object{key: key, upload: upload}, nil
}

// Write implements [io.Writer].
func (o *object) Write(p []byte) (int, error) {
	n, err := o.upload.Write(p)
	if o.size += int64(n); o.count != nil {
		o.count(o.size)
	}
	if err != nil {
		err = &destinationError{o.key, err}
	}
	return n, err
}

func (o *object) commit(ctx context.Context) error {
	if err := o.upload.Commit(ctx); err != nil {
		return &destinationError{o.key, err}
	}
	return nil
}

// abort gives the object up, unless it is committed.
func (o *object) abort(m *Manager) {
	if err := o.upload.Abort(); err != nil {
		m.Logger.Warn("an unfinished upload may be left", "object", o.key, "error", err)
	}
}
