package vfs

import (
	"io"
	"slices"
	"sync"
)

// Failing is a file system of which one operation fails. Set its fields before
// it is used. Operations are counted from 0 in the order in which they happen;
// [FS.Lock], [FS.Free] and closing are not counted and never fail by it.
type Failing struct {
	// Sticky lets every operation after the first failure fail too.
	Sticky bool
	// Kinds, if any, are the only kinds of operations that count.
	Kinds []Kind

	fs  FS
	err error

	mu    sync.Mutex // guards the fields below
	left  int        // operations until the failure
	fired bool
}

var _ FS = (*Failing)(nil)

// Fail returns fsys with an n-th operation, counted from 0, that fails with
// err. An operation that fails does not happen, but a write has written half
// of its bytes.
func Fail(fsys FS, n int, err error) *Failing { return &Failing{fs: fsys, err: err, left: n} }

// Fired reports whether the failure has happened.
func (f *Failing) Fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// op counts an operation and returns the error with which it fails, if so.
func (f *Failing) op(kind Kind) error {
	if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, kind) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fired && !f.Sticky {
		return nil
	}
	if f.left > 0 {
		f.left--
		return nil
	}
	f.fired = true
	return f.err
}

// Create implements [FS].
func (f *Failing) Create(name string) (File, error) { return f.open(OpCreate, f.fs.Create, name) }

// Append implements [FS].
func (f *Failing) Append(name string) (File, error) { return f.open(OpAppend, f.fs.Append, name) }

// Open implements [FS].
func (f *Failing) Open(name string) (File, error) { return f.open(OpOpen, f.fs.Open, name) }

func (f *Failing) open(kind Kind, open func(string) (File, error), name string) (File, error) {
	if err := f.op(kind); err != nil {
		return nil, pathError(kind, name, err)
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &failingFile{File: file, fs: f, name: name}, nil
}

// Rename implements [FS].
func (f *Failing) Rename(from, to string) error {
	if err := f.op(OpRename); err != nil {
		return linkError(from, to, err)
	}
	return f.fs.Rename(from, to)
}

// RenameNew implements [FS].
func (f *Failing) RenameNew(from, to string) error {
	if err := f.op(OpRename); err != nil {
		return linkError(from, to, err)
	}
	return f.fs.RenameNew(from, to)
}

// Remove implements [FS].
func (f *Failing) Remove(name string) error { return f.do(OpRemove, f.fs.Remove, name) }

// MkdirAll implements [FS].
func (f *Failing) MkdirAll(dir string) error { return f.do(OpMkdir, f.fs.MkdirAll, dir) }

// SyncDir implements [FS].
func (f *Failing) SyncDir(dir string) error { return f.do(OpSyncDir, f.fs.SyncDir, dir) }

func (f *Failing) do(kind Kind, do func(string) error, name string) error {
	if err := f.op(kind); err != nil {
		return pathError(kind, name, err)
	}
	return do(name)
}

// List implements [FS].
func (f *Failing) List(dir string) ([]string, error) {
	if err := f.op(OpList); err != nil {
		return nil, pathError(OpList, dir, err)
	}
	return f.fs.List(dir)
}

// Stat implements [FS].
func (f *Failing) Stat(name string) (Info, error) {
	if err := f.op(OpStat); err != nil {
		return Info{}, pathError(OpStat, name, err)
	}
	return f.fs.Stat(name)
}

// Lock implements [FS].
func (f *Failing) Lock(name string) (io.Closer, error) { return f.fs.Lock(name) }

// Free implements [FS].
func (f *Failing) Free(dir string) (free, total uint64, err error) { return f.fs.Free(dir) }

// failingFile is an open file of a [Failing].
type failingFile struct {
	File
	fs   *Failing
	name string
}

// ReadAt implements [File].
func (f *failingFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.op(OpRead); err != nil {
		return 0, pathError(OpRead, f.name, err)
	}
	return f.File.ReadAt(p, off)
}

// Write implements [File].
func (f *failingFile) Write(p []byte) (int, error) {
	if err := f.fs.op(OpWrite); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, pathError(OpWrite, f.name, err)
	}
	return f.File.Write(p)
}

// Size implements [File].
func (f *failingFile) Size() (int64, error) {
	if err := f.fs.op(OpStat); err != nil {
		return 0, pathError(OpStat, f.name, err)
	}
	return f.File.Size()
}

// Sync implements [File].
func (f *failingFile) Sync() error {
	if err := f.fs.op(OpSync); err != nil {
		return pathError(OpSync, f.name, err)
	}
	return f.File.Sync()
}
