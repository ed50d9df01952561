package blob

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// Events name people and secrets: the files are for the user of the service.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

// fileUpload is a file being written under another name beside its own.
type fileUpload struct {
	bucket *fileBucket
	name   string // of the object, below the root
	temp   string
	file   *os.File // nil when it has ended
	buffer *bufio.Writer
}

// Create begins a file, and the directories above it.
func (b *fileBucket) Create(_ context.Context, key string) (Upload, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("create object: %w", err)
	}
	name := path.Join(b.dir, key)
	dir := path.Dir(name)
	if err := b.root.MkdirAll(dir, dirMode); err != nil {
		return nil, fileFault("create object", err)
	}
	temp := path.Join(dir, b.tempName())
	f, err := b.root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, fileFault("create object", err)
	}
	return &fileUpload{bucket: b, name: name, temp: temp, file: f, buffer: bufio.NewWriterSize(f, 64<<10)}, nil
}

// Write writes to the file.
func (u *fileUpload) Write(p []byte) (int, error) {
	if u.file == nil {
		return 0, errEnded
	}
	n, err := u.buffer.Write(p)
	return n, fileFault("write object", err)
}

// Commit gives the file its name, if nothing has it.
func (u *fileUpload) Commit(ctx context.Context) error {
	if u.file == nil {
		return errEnded
	}
	err := u.commit(ctx)
	if aErr := u.Abort(); aErr != nil {
		u.bucket.Logger.Warn("an unfinished file may remain", "name", u.temp, "error", aErr)
	}
	return err
}

func (u *fileUpload) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit object: %w", err)
	}
	if err := errors.Join(u.buffer.Flush(), u.file.Sync()); err != nil {
		return fileFault("commit object", err)
	}
	// The bytes are on the disk, under a name that Sweep removes.
	err := u.bucket.place(u.temp, u.name)
	if errors.Is(err, fs.ErrExist) {
		err = u.compare()
	}
	if err != nil {
		return fileFault("commit object", err)
	}
	// The object has both names, or its own only, or had that already; a power cut may still
	// lose the names, and the job writes them again.
	return fileFault("commit object", u.syncDirs())
}

// compare reports a conflict unless the file in the way has the same bytes.
func (u *fileUpload) compare() error {
	there, err := u.bucket.root.Open(u.name)
	if err != nil {
		return err
	}
	defer there.Close()
	info, err := there.Stat()
	if err != nil {
		return err
	}
	mine, err := u.file.Stat()
	if err != nil {
		return err
	}
	same := info.Mode().IsRegular() && info.Size() == mine.Size()
	if same {
		if _, err := u.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		same, err = sameBytes(u.file, there)
	}
	if err == nil && !same {
		return ErrConflict
	}
	return err
}

// sameBytes reports whether two readers have the same bytes.
func sameBytes(a, b io.Reader) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		for _, err := range []error{errA, errB} {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return errA == errB, nil
			}
			if err != nil {
				return false, err
			}
		}
	}
}

// syncDirs makes the name durable, and those of the directories above it,
// which may be new.
func (u *fileUpload) syncDirs() error {
	for dir := path.Dir(u.name); ; dir = path.Dir(dir) {
		d, err := u.bucket.root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
	}
}

// Abort removes the file's first name. After Commit the object has its own.
func (u *fileUpload) Abort() error {
	if u.file == nil {
		return nil
	}
	err := u.file.Close()
	if gone := u.bucket.root.Remove(u.temp); !errors.Is(gone, fs.ErrNotExist) { // it may have been renamed
		err = errors.Join(err, gone)
	}
	u.file = nil
	return fileFault("remove unfinished file", err)
}
