package proof

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// Inclusion proves that a line is in a tree. It is the answer of the API.
type Inclusion struct {
	ID         audit.EventID `json:"id"`
	LeafIndex  uint64        `json:"leaf_index"`
	TreeSize   uint64        `json:"tree_size"`
	LeafHash   Hash          `json:"leaf_hash"`
	Hashes     []Hash        `json:"hashes"`     // the audit path, from the leaf to the root
	Checkpoint string        `json:"checkpoint"` // the signed note of that size
}

// Consistency proves that the log at one size continues the log at another. It
// is the answer of the API.
type Consistency struct {
	FromSize   uint64 `json:"from_size"`
	ToSize     uint64 `json:"to_size"`
	Hashes     []Hash `json:"hashes"`
	Checkpoint string `json:"checkpoint"` // the signed note of the size ToSize
}

// Inclusion proves that the event with the id and index is in the tree of the
// last checkpoint; [audit.CodeValidationError] if that does not cover it.
func (n *Notary) Inclusion(ctx context.Context, tenant audit.TenantID, id audit.EventID,
	index uint64) (Inclusion, error) {
	last, msg, err := n.Latest(tenant)
	if err != nil {
		return Inclusion{}, err
	}
	tree, err := n.tree(ctx, tenant, last.Size)
	if err != nil {
		return Inclusion{}, err
	}
	leaf, path, err := tree.Inclusion(ctx, index, last.Size)
	if err != nil {
		return Inclusion{}, err
	}
	return Inclusion{id, index, last.Size, leaf, path, string(msg)}, nil
}

// Consistency proves that the log of the size to continues that of the size
// from, 1 ≤ from ≤ to; sizes beyond the last checkpoint and others are a
// [audit.CodeValidationError].
func (n *Notary) Consistency(ctx context.Context, tenant audit.TenantID, from, to uint64) (Consistency,
	error) {
	last, _, err := n.Latest(tenant)
	if err != nil {
		return Consistency{}, err
	}
	if to > last.Size {
		return Consistency{}, audit.Errorf(audit.CodeValidationError,
			"to_size %d: the last checkpoint has %d", to, last.Size)
	}
	tree, err := n.tree(ctx, tenant, last.Size)
	if err != nil {
		return Consistency{}, err
	}
	hashes, err := tree.Consistency(ctx, from, to)
	if err != nil {
		return Consistency{}, err
	}
	msg, err := n.At(ctx, tenant, to)
	if err != nil {
		return Consistency{}, err
	}
	return Consistency{from, to, hashes, string(msg)}, nil
}

// Verify checks that the line is what the proof is about, and in the tree of a
// checkpoint that one of the keys signed. It returns that checkpoint.
func (p *Inclusion) Verify(line []byte, keys note.Verifiers) (Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), keys)
	if err != nil {
		return Checkpoint{}, err
	}
	switch {
	case c.Size != p.TreeSize:
		return Checkpoint{}, errors.New("the checkpoint has another size than the proof")
	case tlog.RecordHash(line) != p.LeafHash:
		return Checkpoint{}, errors.New("the proof is of another line")
	case p.LeafIndex >= c.Size:
		return Checkpoint{}, errors.New("the index is beyond the tree")
	}
	return c, tlog.CheckRecord(p.Hashes, int64(c.Size), c.Root, int64(p.LeafIndex), p.LeafHash)
}

// Verify checks that the log of the proof's checkpoint, which one of the keys
// signed, continues that of an older one. It returns the newer.
func (p *Consistency) Verify(old Checkpoint, keys note.Verifiers) (Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), keys)
	if err != nil {
		return Checkpoint{}, err
	}
	switch {
	case c.Origin != old.Origin:
		return Checkpoint{}, errors.New("the checkpoints are of two logs")
	case c.Size != p.ToSize || old.Size != p.FromSize:
		return Checkpoint{}, errors.New("the proof is for other sizes than the checkpoints have")
	}
	return c, checkConsistency(old, c, p.Hashes)
}

// checkConsistency checks the proof that one checkpoint continues another. All
// logs continue the empty one.
func checkConsistency(old, c Checkpoint, hashes []Hash) error {
	if err := checkSizes(old.Size, c.Size); err != nil {
		return err
	}
	if old.Size == 0 {
		if len(hashes) > 0 || old.Root != emptyRoot() {
			return errRoot
		}
		return nil
	}
	return tlog.CheckTree(hashes, int64(c.Size), c.Root, int64(old.Size), old.Root)
}
