package vfs

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
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

// node is a file or a directory. Its name is in the directories that hold it.
type node struct {
	dir     bool
	modTime time.Time

	data   []byte // of a file; never changed in place, only appended to
	synced int    // how much of data is durable

	entries map[string]*node // of a directory
	durable map[string]*node // the entries at the last SyncDir
	pending []change         // what happened to them since
}

// change is a change of a directory: name now means node, which loses its other
// names in there, or nothing if node is nil.
type change struct {
	name string
	node *node
}

// apply makes the change to a directory's entries.
func (c change) apply(entries map[string]*node) {
	if c.node == nil {
		delete(entries, c.name)
		return
	}
	maps.DeleteFunc(entries, func(_ string, n *node) bool { return n == c.node })
	entries[c.name] = c.node
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	const size = 1 << 40
	return &Mem{root: newDir(), locks: make(map[*node]bool), free: size, total: size}
}

func newDir() *node {
	return &node{
		dir: true, modTime: time.Now(),
		entries: make(map[string]*node), durable: make(map[string]*node),
	}
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

// lookup returns the node of that name.
func (m *Mem) lookup(name string) (*node, error) {
	n := m.root
	for _, part := range split(name) {
		if !n.dir {
			return nil, syscall.ENOTDIR
		}
		if n = n.entries[part]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

func (m *Mem) lookupDir(name string) (*node, error) {
	n, err := m.lookup(name)
	if err == nil && !n.dir {
		err = syscall.ENOTDIR
	}
	return n, err
}

// parent returns the directory that holds name, and name's last part.
func (m *Mem) parent(name string) (dir *node, base string, err error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", fs.ErrExist // the root itself
	}
	last := len(parts) - 1
	dir, err = m.lookupDir(strings.Join(parts[:last], "/"))
	return dir, parts[last], err
}

// change changes an entry of a directory, durable with the next sync.
func (n *node) change(name string, to *node) {
	c := change{name, to}
	c.apply(n.entries)
	n.pending = append(n.pending, c)
	n.modTime = time.Now()
}

// sync makes a directory's entries durable.
func (n *node) sync() {
	n.durable, n.pending = maps.Clone(n.entries), nil
}

// holds reports whether dir is n or lies below it.
func (n *node) holds(dir *node) bool {
	if n == dir {
		return true
	}
	for _, e := range n.entries {
		if e.dir && e.holds(dir) {
			return true
		}
	}
	return false
}
