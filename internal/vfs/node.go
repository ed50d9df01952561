package vfs

import (
	"io/fs"
	"maps"
	"path"
	"strings"
	"syscall"
	"time"
)

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

func newDir() *node {
	return &node{
		dir: true, modTime: time.Now(),
		entries: make(map[string]*node), durable: make(map[string]*node),
	}
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

// split returns the parts of a name below the root.
func split(name string) []string {
	clean := strings.Trim(path.Clean("/"+name), "/")
	if clean == "" {
		return nil
	}
	return strings.Split(clean, "/")
}
