package proof

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// Root returns the root of the tree over the first size lines.
func (t *Tree) Root(ctx context.Context, size uint64) (Hash, error) {
	v, err := t.view(ctx, size)
	if err != nil {
		return Hash{}, err
	}
	return tlog.TreeHash(int64(size), v)
}

// Inclusion returns the leaf hash of the line with the index, and the audit
// path that proves it to be in the tree of that size (RFC 6962, section 2.1.1).
// An index beyond the size or a size beyond the tree is a
// [audit.CodeValidationError].
func (t *Tree) Inclusion(ctx context.Context, index, size uint64) (leaf Hash, path []Hash, err error) {
	v, err := t.view(ctx, size)
	if err != nil {
		return Hash{}, nil, err
	}
	if index >= size {
		return Hash{}, nil, audit.Errorf(audit.CodeValidationError,
			"index %d: the tree has the lines below %d", index, size)
	}
	path, err = tlog.ProveRecord(int64(size), int64(index), v)
	if err != nil {
		return Hash{}, nil, err
	}
	leaf, err = v.node(0, index)
	return leaf, path, err
}

// Consistency returns the hashes that prove the tree of the size to to begin
// with all of the tree of the size from, 1 ≤ from ≤ to (RFC 6962, section
// 2.1.2). Other sizes are a [audit.CodeValidationError].
func (t *Tree) Consistency(ctx context.Context, from, to uint64) ([]Hash, error) {
	v, err := t.view(ctx, to)
	if err != nil {
		return nil, err
	}
	if from < 1 || from > to {
		return nil, audit.Errorf(audit.CodeValidationError, "from_size %d: want 1 to %d", from, to)
	}
	return tlog.ProveTree(int64(to), int64(from), v)
}

// MultiProof returns the hashes that prove the lines with the indexes, in any
// order but each once, to be in the tree of that size: those of the largest
// subtrees without any of them, from left to right.
func (t *Tree) MultiProof(ctx context.Context, size uint64, indexes []uint64) ([]Hash, error) {
	nodes := make([]node, 0, len(indexes))
	for _, i := range indexes {
		nodes = append(nodes, node{from: i, to: i + 1})
	}
	_, hashes, err := t.siblings(ctx, size, nodes)
	return hashes, err
}

// siblings returns what is needed beside the nodes, which it sorts, to climb to
// the root at the size, and that root.
func (t *Tree) siblings(ctx context.Context, size uint64, nodes []node) (root Hash, hashes []Hash,
	err error) {
	v, err := t.view(ctx, size)
	if err != nil {
		return Hash{}, nil, err
	}
	if err := sortNodes(nodes, size); err != nil {
		return Hash{}, nil, err
	}
	root, err = climb(0, size, nodes, func(from, to uint64) (Hash, error) {
		h, err := v.subtree(from, to)
		hashes = append(hashes, h)
		return h, err
	})
	return root, hashes, err
}

// VerifyMulti checks a proof of [Tree.MultiProof]: leaves[i] is the hash of the
// line with indexes[i].
func VerifyMulti(root Hash, size uint64, indexes []uint64, leaves, proof []Hash) error {
	if len(indexes) != len(leaves) {
		return fmt.Errorf("%d indexes of %d leaves", len(indexes), len(leaves))
	}
	if err := checkSizes(size); err != nil {
		return err
	}
	nodes := make([]node, 0, len(indexes))
	for i, index := range indexes {
		if index >= size {
			return fmt.Errorf("index %d is beyond the tree of %d", index, size)
		}
		nodes = append(nodes, node{index, index + 1, leaves[i]})
	}
	return verifyNodes(root, size, nodes, func() (h Hash, ok bool) {
		if ok = len(proof) > 0; ok {
			h, proof = proof[0], proof[1:]
		}
		return h, ok
	})
}

// verifyNodes checks that the nodes, which it sorts, and the hashes that next
// returns, all of them, make up the tree.
func verifyNodes(root Hash, size uint64, nodes []node, next func() (Hash, bool)) error {
	if err := sortNodes(nodes, size); err != nil {
		return err
	}
	got, err := climb(0, size, nodes, func(_, _ uint64) (Hash, error) {
		h, ok := next()
		if !ok {
			return Hash{}, errShort
		}
		return h, nil
	})
	if err != nil {
		return err
	}
	if _, more := next(); more {
		return errShort
	}
	if got != root {
		return errRoot
	}
	return nil
}
