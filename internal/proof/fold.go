package proof

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

// emptyRoot is the root of the tree without leaves: SHA-256 of nothing.
func emptyRoot() Hash {
	root, _ := tlog.TreeHash(0, nil) // reads nothing
	return root
}

// fold returns the root of a full tree over hashes, the number of which is a
// power of two. It uses their memory.
func fold(hashes []Hash) Hash {
	a, b := newNode(), newNode()
	for len(hashes) > 2 {
		for at := 0; at < len(hashes)/2; at += 2 {
			h := hashes[2*at : 2*at+4]
			a.setNode(&h[0], &h[1])
			b.setNode(&h[2], &h[3])
			hashPair(&a, &b, &hashes[at], &hashes[at+1])
		}
		hashes = hashes[:len(hashes)/2]
	}
	if len(hashes) == 2 {
		return tlog.NodeHash(hashes[0], hashes[1])
	}
	return hashes[0]
}

// split returns where a tree of n ≥ 2 leaves is divided: the largest power of
// two below n (RFC 6962, section 2.1).
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

// node is a full subtree: that of the leaves from ≤ index < to.
type node struct {
	from, to uint64
	hash     Hash
}

// folder makes as few full subtrees of leaves as possible while they come. Of
// leaves in the order of their indexes few dozen remain, however many came.
type folder struct {
	// cuts are sizes of trees whose roots are wanted, sorted: no subtree lies on
	// both sides of one.
	cuts  []uint64
	nodes []node
}

func (f *folder) add(index uint64, leaf Hash) { f.addNode(node{index, index + 1, leaf}) }

func (f *folder) addNode(n node) {
	for len(f.nodes) > 0 {
		last := &f.nodes[len(f.nodes)-1]
		width := n.to - n.from
		if last.to != n.from || n.from-last.from != width || last.from&width != 0 ||
			f.isCut(last.from, n.to) {
			break
		}
		n = node{last.from, n.to, tlog.NodeHash(last.hash, n.hash)}
		f.nodes = f.nodes[:len(f.nodes)-1]
	}
	f.nodes = append(f.nodes, n)
}

func (f *folder) isCut(from, to uint64) bool {
	i, _ := slices.BinarySearch(f.cuts, from+1)
	return i < len(f.cuts) && f.cuts[i] < to
}

// sortNodes sorts subtrees and makes sure that no leaf is in two of them and
// none lies beyond the size.
func sortNodes(nodes []node, size uint64) error {
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.from, b.from) })
	end := uint64(0)
	for _, n := range nodes {
		if n.from < end {
			return fmt.Errorf("index %d occurs twice", n.from)
		}
		end = n.to
	}
	if end > size {
		return fmt.Errorf("index %d is beyond the tree of %d", end-1, size)
	}
	return nil
}

// before returns the sorted subtrees that begin before the size, a cut.
func before(nodes []node, size uint64) []node {
	n := sort.Search(len(nodes), func(i int) bool { return nodes[i].from >= size })
	return nodes[:n]
}

// errRoot says that hashes were computed and lead to another root.
var errRoot = errors.New("the lines are not those of the tree")

// errShort says that a proof has too few or too many hashes.
var errShort = errors.New("the proof does not have the hashes that its indexes need")

// climb returns the root of the leaves from ≤ index < to out of sorted
// subtrees. It asks outside for the root of each largest part without any of
// them, from left to right.
func climb(from, to uint64, nodes []node, outside func(from, to uint64) (Hash, error)) (Hash, error) {
	switch {
	case from == to:
		return emptyRoot(), nil
	case len(nodes) == 0:
		return outside(from, to)
	case nodes[0].from == from && nodes[0].to == to:
		return nodes[0].hash, nil
	case nodes[0].from < from || nodes[len(nodes)-1].to > to || to-from == 1:
		return Hash{}, fmt.Errorf("no subtree from %d to %d", nodes[0].from, nodes[0].to)
	}
	mid := from + split(to-from)
	i := sort.Search(len(nodes), func(i int) bool { return nodes[i].from >= mid })
	left, err := climb(from, mid, nodes[:i], outside)
	if err != nil {
		return Hash{}, err
	}
	right, err := climb(mid, to, nodes[i:], outside)
	if err != nil {
		return Hash{}, err
	}
	return tlog.NodeHash(left, right), nil
}
