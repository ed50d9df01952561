package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// witnessedName is the file with the newest checkpoint of a tenant that a
// witness cosigned, and the cosignatures.
const witnessedName = "witnessed"

// KeepWitnessed keeps a checkpoint that this server signed, with the
// cosignatures in it, unless a larger one is kept already. It is durable when it
// returns; without it a server would have none to show after a restart, until
// the witnesses answer again.
func (n *Notary) KeepWitnessed(tenant audit.TenantID, msg []byte) error {
	f, err := n.open(tenant)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	next, err := n.verified(f.origin, msg)
	if err != nil {
		return fmt.Errorf("cosigned checkpoint of %s: %w", tenant, err)
	}
	if err := n.loadWitnessed(f, tenant); err != nil {
		return err
	}
	if f.witnessed != nil && f.witnessed.Size > next.Size {
		return nil
	}
	if err := vfs.WriteFile(n.fs, n.witnessedFile(tenant), msg); err != nil {
		f.witnessed = nil // it may be either
		return fmt.Errorf("write cosigned checkpoint of %s: %w", tenant, err)
	}
	f.witnessed = next
	return nil
}

// Witnessed returns the newest checkpoint of a tenant that a witness cosigned,
// or [audit.CodeNotFound].
func (n *Notary) Witnessed(tenant audit.TenantID) (Checkpoint, []byte, error) {
	f, err := n.open(tenant)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	defer f.mu.Unlock()
	if err := n.loadWitnessed(f, tenant); err != nil {
		return Checkpoint{}, nil, err
	}
	if f.witnessed == nil {
		return Checkpoint{}, nil, audit.Errorf(audit.CodeNotFound, "no witness cosigned a checkpoint of %s yet", tenant)
	}
	return f.witnessed.Checkpoint, f.witnessed.note, nil
}

// Witnessed is a checkpoint with the cosignatures of witnesses, and how it goes
// together with another one of the same log.
type Witnessed struct {
	Checkpoint string `json:"checkpoint"` // the signed note
	Hashes     []Hash `json:"hashes"`     // prove the larger one to continue the smaller one
}

// WitnessedBeside returns the newest cosigned checkpoint and the proof that it and
// the one of the size are of the same log; nil if there is none, or it is not one
// of the log as it is now.
func (n *Notary) WitnessedBeside(ctx context.Context, tenant audit.TenantID, size uint64) (*Witnessed, error) {
	c, msg, err := n.Witnessed(tenant)
	if audit.ErrorCode(err) == audit.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tree, err := n.tree(ctx, tenant, size)
	if err != nil {
		return nil, err
	}
	if min(c.Size, size) == 0 || c.Size > tree.Size() {
		return nil, nil
	}
	root, err := tree.Root(ctx, c.Size)
	if err != nil || root != c.Root {
		return nil, err
	}
	hashes, err := tree.Consistency(ctx, min(c.Size, size), max(c.Size, size))
	return &Witnessed{string(msg), hashes}, err
}

// open returns the checkpoint, if it is one of the same log as now.
func (w *Witnessed) open(now Checkpoint, keys note.Verifiers) (Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(w.Checkpoint), keys)
	if err != nil {
		return Checkpoint{}, err
	}
	small, large := c, now
	if small.Size > large.Size {
		small, large = large, small
	}
	switch {
	case c.Origin != now.Origin:
		return Checkpoint{}, fmt.Errorf("it is one of %q", c.Origin)
	case c.Size == now.Size && c.Root != now.Root:
		return Checkpoint{}, fmt.Errorf("%w of %d lines", ErrFork, now.Size)
	}
	return c, checkConsistency(small, large, w.Hashes)
}

// loadWitnessed reads the file, unless what it says is known. It is only there to
// be shown: one that cannot be verified counts as none.
func (n *Notary) loadWitnessed(f *file, tenant audit.TenantID) error {
	if f.witnessed != nil {
		return nil
	}
	msg, err := vfs.ReadFile(n.fs, n.witnessedFile(tenant))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read cosigned checkpoint of %s: %w", tenant, err)
	}
	f.witnessed, _ = n.verified(f.origin, msg)
	return nil
}

func (n *Notary) witnessedFile(tenant audit.TenantID) string {
	return filepath.Join(tenantDir(n.dir, tenant), witnessedName)
}

// Submission returns what a witness is to be sent that saw the size old: the
// checkpoint of the note msg, one of the tenant's, and the proof that it
// continues that size, 0 ≤ old ≤ its size.
func (n *Notary) Submission(ctx context.Context, tenant audit.TenantID, c Checkpoint, msg []byte,
	old uint64) (*Submission, error) {
	s := &Submission{Old: old, Checkpoint: msg}
	if old == 0 || old == c.Size {
		return s, nil
	}
	tree, err := n.tree(ctx, tenant, c.Size)
	if err != nil {
		return nil, err
	}
	s.Hashes, err = tree.Consistency(ctx, old, c.Size)
	return s, err
}
