package proof

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// view reads the nodes of a tree as it was at one time. It keeps the last block
// whose leaves it needed, as the next node is mostly in the same one.
type view struct {
	snapshot
	ctx   context.Context
	tree  *Tree
	file  *blockFile
	block uint64 // whose leaves these are
	leafs []Hash
}

// view returns a view that covers the size.
func (t *Tree) view(ctx context.Context, size uint64) (*view, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v := &view{snapshot: t.now, ctx: ctx, tree: t, file: t.read}
	if size > v.size() {
		return nil, audit.Errorf(audit.CodeValidationError,
			"size %d: the log of %s is proved up to %d", size, t.tenant, v.size())
	}
	return v, nil
}

// ReadHashes implements [tlog.HashReader].
func (v *view) ReadHashes(indexes []int64) ([]Hash, error) {
	hashes := make([]Hash, 0, len(indexes))
	for _, i := range indexes {
		level, n := tlog.SplitStoredHashIndex(i)
		h, err := v.node(level, uint64(n))
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// node returns the n-th node of a level, which is complete.
func (v *view) node(level int, n uint64) (Hash, error) {
	switch {
	case level < blockLevel:
		first := n << level
		hashes, err := v.leaves(first / blockSize)
		if err != nil {
			return Hash{}, err
		}
		at := first % blockSize
		return fold(slices.Clone(hashes[at : at+1<<level])), nil
	case level < upperLevel:
		hashes, err := v.blockRange(n<<(level-blockLevel), 1<<(level-blockLevel))
		if err != nil {
			return Hash{}, err
		}
		return fold(hashes), nil
	default:
		return v.upper[level-upperLevel][n], nil
	}
}

// subtree returns the root of the leaves from ≤ index < to, a part of a tree
// as [climb] divides it.
func (v *view) subtree(from, to uint64) (Hash, error) {
	width := to - from
	if width&(width-1) == 0 {
		level := 0
		for width>>level > 1 {
			level++
		}
		return v.node(level, from>>level)
	}
	mid := from + split(width)
	left, err := v.subtree(from, mid)
	if err != nil {
		return Hash{}, err
	}
	right, err := v.subtree(mid, to)
	if err != nil {
		return Hash{}, err
	}
	return tlog.NodeHash(left, right), nil
}

// blockRange returns the roots of blocks. A record that is damaged is not
// trusted but computed from the lines.
func (v *view) blockRange(first, count uint64) ([]Hash, error) {
	hashes := make([]Hash, 0, count)
	err := v.file.read(first, count, func(number uint64, b block, ok bool) error {
		if !ok {
			leaves, err := v.tree.leaves(v.ctx, number)
			if err != nil {
				return err
			}
			b.root = fold(leaves)
		}
		hashes = append(hashes, b.root)
		return nil
	})
	return hashes, err
}

// leaves returns the leaves of a block: those in memory, or of lines that agree
// with what the tree was made of.
func (v *view) leaves(block uint64) ([]Hash, error) {
	if block == v.blocks {
		return v.tail, nil
	}
	if v.leafs != nil && v.block == block {
		return v.leafs, nil
	}
	hashes, err := v.tree.leaves(v.ctx, block)
	if err != nil {
		return nil, err
	}
	root, err := v.blockRange(block, 1)
	if err != nil {
		return nil, err
	}
	if fold(slices.Clone(hashes)) != root[0] {
		from := block * blockSize
		return nil, &audit.Error{
			Code:    audit.CodeDataDamaged,
			Message: fmt.Sprintf("the lines %d to %d are not those that were appended", from, from+blockSize-1),
			Damaged: []audit.IndexRange{{From: from, To: from + blockSize}},
		}
	}
	v.block, v.leafs = block, hashes
	return hashes, nil
}
