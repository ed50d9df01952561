package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// Overlay is a file system that shows another one and never changes it: what is
// written, renamed or removed is so in memory only, and gone with the Overlay. So
// whatever repairs files as it opens them works on a disk that cannot be written,
// or that somebody else is writing. Nothing of it is durable, and its locks are
// granted always.
type Overlay struct {
	base FS

	mu   sync.Mutex // guards the following
	top  *Mem
	gone map[string]bool // names of base that are removed
}

var _ FS = (*Overlay)(nil)

// NewOverlay returns an Overlay over base, whose operations it reads with.
func NewOverlay(base FS) *Overlay {
	return &Overlay{base: base, top: NewMem(), gone: make(map[string]bool)}
}

// Keep lets a file stay as it is now, if it is there: later changes of base do not
// show, nor does it appear if it is not.
func (o *Overlay) Keep(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.lift(name)
	if errors.Is(err, fs.ErrNotExist) {
		o.gone[name] = true
		return nil
	}
	return err
}

// lift copies a file of base into memory, unless it is there. The caller holds mu.
func (o *Overlay) lift(name string) error {
	if _, err := o.top.Stat(name); err == nil {
		return nil
	}
	if o.gone[name] {
		return pathError(OpOpen, name, fs.ErrNotExist)
	}
	data, err := ReadFile(o.base, name)
	if err != nil {
		return err
	}
	if err := o.top.MkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	return WriteFile(o.top, name, data)
}

// of returns which of the two file systems has the name.
func (o *Overlay) of(name string) FS {
	o.mu.Lock()
	defer o.mu.Unlock()
	if info, err := o.top.Stat(name); o.gone[name] || err == nil && !info.Dir {
		return o.top
	}
	return o.base
}

// has reports whether the name is taken. The caller holds mu.
func (o *Overlay) has(name string) bool {
	if _, err := o.top.Stat(name); err == nil || o.gone[name] {
		return err == nil
	}
	_, err := o.base.Stat(name)
	return err == nil
}

// Create implements [FS].
func (o *Overlay) Create(name string) (File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has(name) {
		return nil, pathError(OpCreate, name, fs.ErrExist)
	}
	if err := o.top.MkdirAll(filepath.Dir(name)); err != nil {
		return nil, err
	}
	return o.top.Create(name)
}

// Append implements [FS]. The file is copied into memory.
func (o *Overlay) Append(name string) (File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.lift(name); err != nil {
		return nil, err
	}
	return o.top.Append(name)
}

// Open implements [FS].
func (o *Overlay) Open(name string) (File, error) { return o.of(name).Open(name) }

// Rename implements [FS], for files.
func (o *Overlay) Rename(from, to string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.rename(from, to)
}

func (o *Overlay) rename(from, to string) error {
	if err := o.lift(from); err != nil {
		return err
	}
	if err := o.top.MkdirAll(filepath.Dir(to)); err != nil {
		return err
	}
	o.gone[from] = true
	return o.top.Rename(from, to)
}

// RenameNew implements [FS].
func (o *Overlay) RenameNew(from, to string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has(to) {
		return pathError(OpRename, to, fs.ErrExist)
	}
	return o.rename(from, to)
}

// Remove implements [FS], for files.
func (o *Overlay) Remove(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.has(name) {
		return pathError(OpRemove, name, fs.ErrNotExist)
	}
	o.gone[name] = true
	if err := o.top.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// MkdirAll implements [FS].
func (o *Overlay) MkdirAll(dir string) error { return o.top.MkdirAll(dir) }

// List implements [FS].
func (o *Overlay) List(dir string) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	names, err := o.base.List(dir)
	above, topErr := o.top.List(dir)
	if err != nil && (topErr != nil || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return o.gone[filepath.Join(dir, name)] })
	names = append(names, above...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Stat implements [FS].
func (o *Overlay) Stat(name string) (Info, error) {
	info, err := o.of(name).Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.top.Stat(name) // a directory that was made
	}
	return info, err
}

// SyncDir implements [FS]; there is nothing to do.
func (o *Overlay) SyncDir(string) error { return nil }

// Lock implements [FS]; nobody else can have it.
func (o *Overlay) Lock(string) (io.Closer, error) { return unlocked{}, nil }

type unlocked struct{}

func (unlocked) Close() error { return nil }

// Free implements [FS].
func (o *Overlay) Free(dir string) (free, total uint64, err error) { return o.base.Free(dir) }
