package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is what a disk writes as a whole.
const sector = 512

// CrashClone returns what the disk would hold after a power cut now: all that
// was synced and, of the rest, a random share. Each unsynced sector of 512
// bytes and each unsynced change of a directory is kept with the probability
// keep, from 0 to 1, independently of the order in which they happened; equal
// seeds keep the same. A file ends with its last sector that was kept; a lost
// one before it holds zeros. A rename within a directory happened or not, so
// the name it replaces means the old or the new file.
func (m *Mem) CrashClone(keep float64, seed int64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{
		rand: rand.New(rand.NewPCG(uint64(seed), 0)),
		keep: keep,
		done: make(map[*node]*node),
	}
	clone := NewMem()
	clone.root = c.node(m.root)
	clone.free, clone.total = m.free, m.total
	return clone
}

// crash is one power cut.
type crash struct {
	rand *rand.Rand
	keep float64
	done map[*node]*node // a file may have a name in two directories
}

func (c *crash) keeps() bool { return c.rand.Float64() < c.keep }

// node returns what is left of a file or directory.
func (c *crash) node(n *node) *node {
	if left := c.done[n]; left != nil {
		return left
	}
	left := &node{dir: n.dir, modTime: n.modTime}
	c.done[n] = left
	if !n.dir {
		left.data = c.data(n)
		left.synced = len(left.data)
		return left
	}
	entries := maps.Clone(n.durable)
	for _, change := range n.pending {
		if c.keeps() {
			change.apply(entries)
		}
	}
	left.entries = make(map[string]*node, len(entries))
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		left.entries[name] = c.node(entries[name])
	}
	left.durable = maps.Clone(left.entries)
	return left
}

// data returns what is left of a file's bytes. It shares the synced ones with
// the file: they never change, and the clone's slice has no room to append.
func (c *crash) data(n *node) []byte {
	left := n.data[:n.synced:n.synced]
	for from := n.synced; from < len(n.data); {
		to := min((from/sector+1)*sector, len(n.data))
		if c.keeps() {
			left = append(left, make([]byte, from-len(left))...)
			left = append(left, n.data[from:to]...)
		}
		from = to
	}
	return left
}
