package blob

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"net/http"
	"sync/atomic"

	"cloud.google.com/go/storage"
)

// gcsUpload is an object on its way. Its condition goes with its first
// request, so the object that it may replace is looked up before.
type gcsUpload struct {
	bucket *gcsBucket
	ctx    context.Context // of Create
	key    string
	stamp  stamp
	cancel context.CancelFunc // of the requests of writer
	writer *storage.Writer
	size   int64
	sum    hash.Hash32
	begun  atomic.Bool // the store has taken something, so there is a bucket
	ended  bool
}

// Taken asks for the metadata of what has the key.
func (b *gcsBucket) Taken(ctx context.Context, key string) (bool, error) {
	there, attrs, err := b.look(ctx, key)
	if attrs == nil {
		return taken(found{}, err, b.Owner)
	}
	return taken(found{stamp: there, version: "any"}, err, b.Owner)
}

// Create begins an object. It is sent in one request if it fits into a part.
func (b *gcsBucket) Create(ctx context.Context, key string) (Upload, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("create object: %w", err)
	}
	there, attrs, err := b.look(ctx, key)
	switch {
	case errors.Is(err, ErrDenied): // may write, not read: then nothing can be replaced
		return b.upload(ctx, key, 0), nil
	case err != nil:
		return nil, err
	case attrs == nil:
		return b.upload(ctx, key, 0), nil
	case there.owner != b.Owner:
		return nil, fmt.Errorf("create object: %w", ErrConflict)
	}
	return b.upload(ctx, key, attrs.Generation), nil
}

// upload begins an object that replaces the one of a generation, 0 for none.
func (b *gcsBucket) upload(ctx context.Context, key string, generation int64) *gcsUpload {
	u := &gcsUpload{bucket: b, ctx: ctx, key: key, stamp: newStamp(b.Owner),
		sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	ctx, u.cancel = context.WithCancel(ctx)
	condition := storage.Conditions{GenerationMatch: generation, DoesNotExist: generation == 0}
	object, again := b.object(key)
	u.writer = object.If(condition).NewWriter(ctx)
	u.writer.ChunkSize = b.PartSize
	u.writer.Metadata = u.stamp.metadata()
	u.writer.ContentType = "application/octet-stream"
	u.writer.ProgressFunc = func(int64) { u.begun.Store(true); again() }
	return u
}

// Write hands bytes to the SDK, which keeps one part and sends it when full.
func (u *gcsUpload) Write(p []byte) (int, error) {
	if u.ended {
		return 0, errEnded
	}
	n, err := u.writer.Write(p)
	u.sum.Write(p[:n])
	u.size += int64(n)
	err = u.fault("upload part", err)
	if errors.Is(err, errTaken) {
		err = u.outcome(u.ctx, err)
	}
	return n, err
}

// Commit sends the rest. What was sent before cannot be sent again, so an
// object of the same owner that came meanwhile stays if it is equal.
func (u *gcsUpload) Commit(ctx context.Context) error {
	if u.ended {
		return errEnded
	}
	stop := context.AfterFunc(ctx, u.cancel)
	defer stop()
	err := u.fault("complete upload", u.writer.Close())
	u.ended = true
	u.cancel()
	if err == nil {
		return u.verify(ctx, u.writer.Attrs())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("complete upload: %w", context.Cause(ctx))
	}
	return u.outcome(ctx, err)
}

// fault returns the error of a write. Before something was taken, what is not
// found can only be the bucket.
func (u *gcsUpload) fault(op string, err error) error {
	if gcsAnswer(err).status == http.StatusNotFound && !u.begun.Load() {
		err = ErrNotFound
	}
	return gcsFault(op, err)
}

// outcome looks at the object after an error, and returns the error if it
// stands.
func (u *gcsUpload) outcome(ctx context.Context, err error) error {
	there, attrs, lookErr := u.bucket.look(ctx, u.key)
	switch {
	case lookErr != nil && errors.Is(err, errTaken) && errors.Is(lookErr, ErrDenied):
		return fmt.Errorf("%w: whose it is cannot be seen: %w", ErrConflict, lookErr)
	case lookErr != nil || attrs == nil:
		return err
	case there == u.stamp: // the answer was lost
		return u.verify(ctx, attrs)
	case errors.Is(err, errTaken) && there.owner != u.stamp.owner:
		return fmt.Errorf("commit object: %w", ErrConflict)
	case errors.Is(err, errTaken) && u.equals(attrs):
		return nil
	}
	return err
}

func (u *gcsUpload) equals(o *storage.ObjectAttrs) bool {
	return o.Size == u.size && o.CRC32C == u.sum.Sum32()
}

// verify removes an object that this upload wrote but whose bytes are others:
// of all requests only those that continue an upload have no condition.
func (u *gcsUpload) verify(ctx context.Context, o *storage.ObjectAttrs) error {
	if u.equals(o) {
		return nil
	}
	object, _ := u.bucket.object(u.key)
	err := object.If(storage.Conditions{GenerationMatch: o.Generation}).Delete(ctx)
	return errors.Join(errors.New("complete upload: the store holds other bytes than were sent"),
		gcsFault("remove damaged object", err))
}

// look returns the stamp and the attributes of what has a key, nil if nothing has.
func (b *gcsBucket) look(ctx context.Context, key string) (stamp, *storage.ObjectAttrs, error) {
	object, _ := b.object(key)
	attrs, err := object.Attrs(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return stamp{}, nil, nil
	}
	if errors.Is(err, storage.ErrBucketNotExist) {
		return stamp{}, nil, fault("look at object", ErrNotFound, answer{})
	}
	if err != nil {
		return stamp{}, nil, gcsFault("look at object", err)
	}
	return stamp{owner: attrs.Metadata[ownerKey], upload: attrs.Metadata[uploadKey]}, attrs, nil
}

// Abort ends the requests; the unfinished upload is invisible and expires.
func (u *gcsUpload) Abort() error {
	if !u.ended {
		u.ended = true
		u.cancel()
		u.writer.Close() // waits for the request; it fails, because it is cancelled
	}
	return nil
}
