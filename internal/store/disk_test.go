package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/scaivault/audit/internal/vfs"
)

// lying is a disk of which some operations succeed without being done.
type lying struct {
	vfs.FS
	sync, syncDir bool // which lie
}

func (f *lying) Create(name string) (vfs.File, error) { return f.wrap(f.FS.Create(name)) }
func (f *lying) Append(name string) (vfs.File, error) { return f.wrap(f.FS.Append(name)) }

func (f *lying) wrap(file vfs.File, err error) (vfs.File, error) {
	if err == nil && f.sync {
		file = lyingFile{file}
	}
	return file, err
}

func (f *lying) SyncDir(name string) error {
	if f.syncDir {
		return nil
	}
	return f.FS.SyncDir(name)
}

type lyingFile struct{ vfs.File }

func (lyingFile) Sync() error { return nil }

// dirty is a disk of which the n-th sync fails as it does on Linux: what was
// not written stays in memory, where it can be read, but counts as written, so
// that no later sync of the file writes it.
type dirty struct {
	vfs.FS
	mu     sync.Mutex // guards all below
	n      int
	failed bool
	clean  map[string]bool // files whose bytes count as written
}

func (f *dirty) Create(name string) (vfs.File, error) { return f.wrap(name, f.FS.Create) }
func (f *dirty) Append(name string) (vfs.File, error) { return f.wrap(name, f.FS.Append) }

func (f *dirty) wrap(name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return dirtyFile{file, f, name}, nil
}

func (f *dirty) Rename(from, to string) error {
	f.mu.Lock()
	f.clean[to] = f.clean[from]
	delete(f.clean, from)
	f.mu.Unlock()
	return f.FS.Rename(from, to)
}

func (f *dirty) Remove(name string) error {
	f.mu.Lock()
	delete(f.clean, name)
	f.mu.Unlock()
	return f.FS.Remove(name)
}

type dirtyFile struct {
	vfs.File
	fs   *dirty
	name string
}

func (f dirtyFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.clean[f.name] {
		return nil
	}
	if f.fs.n--; f.fs.n == -1 {
		f.fs.failed, f.fs.clean[f.name] = true, true
		return fmt.Errorf("sync %s: input/output error", f.name)
	}
	return f.File.Sync()
}

// stalling is a disk of which syncs hang while it is stalled.
type stalling struct {
	vfs.FS
	mu    sync.Mutex // guards gate
	gate  chan struct{}
	syncs atomic.Int64 // that have returned
}

func (f *stalling) stall() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = make(chan struct{})
}

func (f *stalling) goOn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.gate)
	f.gate = nil
}

func (f *stalling) Create(name string) (vfs.File, error) { return f.wrap(f.FS.Create(name)) }
func (f *stalling) Append(name string) (vfs.File, error) { return f.wrap(f.FS.Append(name)) }

func (f *stalling) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return stallingFile{file, f}, nil
}

type stallingFile struct {
	vfs.File
	fs *stalling
}

func (f stallingFile) Sync() error {
	f.fs.mu.Lock()
	gate := f.fs.gate
	f.fs.mu.Unlock()
	if gate != nil {
		<-gate
	}
	f.fs.syncs.Add(1)
	return f.File.Sync()
}
