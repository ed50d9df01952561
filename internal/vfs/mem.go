package vfs

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that knows which of its state is durable. Its
// root directory exists.
//
// Within a directory a rename is one step that is kept or lost as a whole.
// Between two directories it is two, an entry here and a removal there: sync
// the target's directory first.
type Mem struct {
	mu    sync.Mutex // guards all below and every node
	root  *node
	locks map[*node]bool
	hook  func(Op)
	free  uint64
	total uint64
}

var _ FS = (*Mem)(nil)

// NewMem returns an empty file system.
func NewMem() *Mem {
	const size = 1 << 40
	return &Mem{root: newDir(), locks: make(map[*node]bool), free: size, total: size}
}

// OnOp has f called before each operation that changes something, syncs
// included, so that a test can clone the disk at every step. f may use the file
// system, but what it changes calls f again.
func (m *Mem) OnOp(f func(op Op)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = f
}

// SetFree sets what [Mem.Free] answers, in bytes.
func (m *Mem) SetFree(free, total uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free, m.total = free, total
}

// begin announces a changing operation and locks the file system for it.
func (m *Mem) begin(kind Kind, name string) {
	m.mu.Lock()
	hook := m.hook
	if hook == nil {
		return
	}
	m.mu.Unlock() // the hook may clone
	hook(Op{kind, name})
	m.mu.Lock()
}

// Create implements [FS].
func (m *Mem) Create(name string) (File, error) {
	m.begin(OpCreate, name)
	defer m.mu.Unlock()
	n, err := m.create(name)
	if err != nil {
		return nil, pathError(OpCreate, name, err)
	}
	return &memFile{fs: m, name: name, node: n, writable: true}, nil
}

func (m *Mem) create(name string) (*node, error) {
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	if dir.entries[base] != nil {
		return nil, fs.ErrExist
	}
	n := &node{modTime: time.Now()}
	dir.change(base, n)
	return n, nil
}

// Append implements [FS].
func (m *Mem) Append(name string) (File, error) { return m.open(OpAppend, name) }

// Open implements [FS].
func (m *Mem) Open(name string) (File, error) { return m.open(OpOpen, name) }

func (m *Mem) open(kind Kind, name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(name)
	if err == nil && n.dir {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError(kind, name, err)
	}
	return &memFile{fs: m, name: name, node: n, writable: kind == OpAppend}, nil
}

// Rename implements [FS].
func (m *Mem) Rename(from, to string) error {
	m.begin(OpRename, from)
	defer m.mu.Unlock()
	return linkError(from, to, m.rename(from, to, true))
}

// RenameNew implements [FS].
func (m *Mem) RenameNew(from, to string) error {
	m.begin(OpRename, from)
	defer m.mu.Unlock()
	return linkError(from, to, m.rename(from, to, false))
}

func (m *Mem) rename(from, to string, replace bool) error {
	fromDir, fromBase, err := m.parent(from)
	if err != nil {
		return err
	}
	n := fromDir.entries[fromBase]
	if n == nil {
		return fs.ErrNotExist
	}
	toDir, toBase, err := m.parent(to)
	if err != nil {
		return err
	}
	switch old := toDir.entries[toBase]; {
	case old != nil && !replace:
		return fs.ErrExist
	case old == n:
		return nil
	case old != nil && (old.dir || n.dir):
		return fs.ErrExist // no need for replacing directories
	case n.dir && n.holds(toDir):
		return syscall.EINVAL
	}
	toDir.change(toBase, n)
	if fromDir != toDir {
		fromDir.change(fromBase, nil)
	}
	return nil
}

// Remove implements [FS].
func (m *Mem) Remove(name string) error {
	m.begin(OpRemove, name)
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return pathError(OpRemove, name, err)
	}
	switch n := dir.entries[base]; {
	case n == nil:
		return pathError(OpRemove, name, fs.ErrNotExist)
	case len(n.entries) > 0:
		return pathError(OpRemove, name, syscall.ENOTEMPTY)
	}
	dir.change(base, nil)
	return nil
}

// MkdirAll implements [FS].
func (m *Mem) MkdirAll(name string) error {
	m.begin(OpMkdir, name)
	defer m.mu.Unlock()
	dir := m.root
	for _, part := range split(name) {
		next := dir.entries[part]
		if next == nil {
			next = newDir()
			dir.change(part, next)
			dir.sync()
		}
		if !next.dir {
			return pathError(OpMkdir, name, syscall.ENOTDIR)
		}
		dir = next
	}
	return nil
}

// List implements [FS].
func (m *Mem) List(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, err := m.lookupDir(name)
	if err != nil {
		return nil, pathError(OpList, name, err)
	}
	return slices.Sorted(maps.Keys(dir.entries)), nil
}

// Stat implements [FS].
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(name)
	if err != nil {
		return Info{}, pathError(OpStat, name, err)
	}
	return Info{Size: int64(len(n.data)), ModTime: n.modTime, Dir: n.dir}, nil
}

// SyncDir implements [FS].
func (m *Mem) SyncDir(name string) error {
	m.begin(OpSyncDir, name)
	defer m.mu.Unlock()
	dir, err := m.lookupDir(name)
	if err != nil {
		return pathError(OpSyncDir, name, err)
	}
	dir.sync()
	return nil
}

// Lock implements [FS]. A clone holds no locks.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.begin(OpLock, name)
	defer m.mu.Unlock()
	n, err := m.lookup(name)
	if err != nil {
		n, err = m.create(name)
	}
	switch {
	case err != nil:
		return nil, pathError(OpLock, name, err)
	case n.dir:
		return nil, pathError(OpLock, name, syscall.EISDIR)
	case m.locks[n]:
		return nil, lockedError(name, string(n.data))
	}
	n.data, n.synced = []byte(strconv.Itoa(os.Getpid())+"\n"), 0
	m.locks[n] = true
	return &memLock{fs: m, node: n}, nil
}

// Free implements [FS].
func (m *Mem) Free(dir string) (free, total uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookupDir(dir); err != nil {
		return 0, 0, pathError("statfs", dir, err)
	}
	return m.free, m.total, nil
}
