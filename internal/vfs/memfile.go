package vfs

import (
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// memFile is an open file of a [Mem]. It works on when its name is gone.
type memFile struct {
	fs       *Mem // its lock guards node and closed
	name     string
	node     *node
	writable bool
	closed   bool
}

// ReadAt implements [File].
func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch {
	case f.closed:
		return 0, pathError(OpRead, f.name, fs.ErrClosed)
	case off < 0:
		return 0, pathError(OpRead, f.name, syscall.EINVAL)
	case off >= int64(len(f.node.data)) && len(p) > 0:
		return 0, io.EOF
	}
	n := copy(p, f.node.data[min(off, int64(len(f.node.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements [File].
func (f *memFile) Write(p []byte) (int, error) {
	f.fs.begin(OpWrite, f.name)
	defer f.fs.mu.Unlock()
	switch {
	case f.closed:
		return 0, pathError(OpWrite, f.name, fs.ErrClosed)
	case !f.writable:
		return 0, pathError(OpWrite, f.name, syscall.EBADF)
	}
	f.node.data = append(f.node.data, p...)
	f.node.modTime = time.Now()
	return len(p), nil
}

// Size implements [File].
func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, pathError(OpStat, f.name, fs.ErrClosed)
	}
	return int64(len(f.node.data)), nil
}

// Sync implements [File].
func (f *memFile) Sync() error {
	f.fs.begin(OpSync, f.name)
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError(OpSync, f.name, fs.ErrClosed)
	}
	f.node.synced = len(f.node.data)
	return nil
}

// Close implements [File].
func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

// memLock is a lock that is held.
type memLock struct {
	fs   *Mem
	node *node
	once sync.Once
}

// Close releases the lock.
func (l *memLock) Close() error {
	l.once.Do(func() {
		l.fs.mu.Lock()
		defer l.fs.mu.Unlock()
		delete(l.fs.locks, l.node)
	})
	return nil
}

func pathError(kind Kind, name string, err error) error {
	return &fs.PathError{Op: string(kind), Path: name, Err: err}
}

func linkError(from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: string(OpRename), Old: from, New: to, Err: err}
}
