package proof

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of a tree that grows: the roots of its largest full
// subtrees, from left to right, one for each one in the binary digits of size.
type frontier struct {
	size  uint64
	roots []Hash
}

// add appends a full subtree of 2^level leaves; size is a multiple of that.
func (f *frontier) add(root Hash, level int) {
	for f.size>>level&1 == 1 {
		last := len(f.roots) - 1
		root, f.roots = tlog.NodeHash(f.roots[last], root), f.roots[:last]
		f.size -= 1 << level
		level++
	}
	f.roots = append(f.roots, root)
	f.size += 1 << level
}

// root returns the root of all leaves.
func (f *frontier) root() Hash {
	if f.size == 0 {
		return emptyRoot()
	}
	root := f.roots[len(f.roots)-1]
	for i := len(f.roots) - 2; i >= 0; i-- {
		root = tlog.NodeHash(f.roots[i], root)
	}
	return root
}

// anchorCheck compares a tree that grows with checkpoints from earlier.
type anchorCheck struct {
	frontier
	anchors []anchor // that are still to come, by size
	fault   *Fault   // the first that does not agree
}

// compare compares with the anchors of the size that the tree has now.
func (a *anchorCheck) compare() {
	for len(a.anchors) > 0 && a.anchors[0].Size == a.size {
		if next := a.anchors[0]; a.fault == nil && next.Root != a.root() {
			a.fault = faultf(Forked, next.file, "the first %d lines are not those of this checkpoint", next.Size)
		}
		a.anchors = a.anchors[1:]
	}
}

// addNode appends a full subtree, within which no anchor lies.
func (a *anchorCheck) addNode(n node) {
	a.add(n.hash, bits.TrailingZeros64(n.to-n.from))
	a.compare()
}

// addLeaves appends the leaves of a block, or of less than a block at the end.
func (a *anchorCheck) addLeaves(leaves []Hash) {
	for _, leaf := range leaves {
		a.add(leaf, 0)
		a.compare()
	}
}

// within reports whether an anchor lies within the next block, but not at its
// end.
func (a *anchorCheck) within() bool {
	return len(a.anchors) > 0 && a.anchors[0].Size < a.size+blockSize
}
