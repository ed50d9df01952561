package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// Advance returns the signed checkpoint of the first size lines, all of which
// are durable, and is durable itself when it returns. It is [ErrRollback] if
// an earlier checkpoint had more lines, [ErrFork] if it had other lines; both
// last until [Notary.Restart].
func (n *Notary) Advance(ctx context.Context, tenant audit.TenantID, size uint64) ([]byte, error) {
	f, err := n.open(tenant)
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	return n.advance(ctx, f, tenant, size)
}

func (n *Notary) advance(ctx context.Context, f *file, tenant audit.TenantID, size uint64) ([]byte, error) {
	if f.last != nil && f.last.Size == size && f.confirmed && n.isCurrent(f.last) {
		return f.last.note, nil
	}
	if err := n.grow(ctx, f, tenant, size); err != nil {
		return nil, err
	}
	next, err := n.signature(ctx, f, size)
	if err != nil {
		return nil, err
	}
	if err := n.keep(f, tenant, next); err != nil {
		return nil, err
	}
	return next.note, nil
}

// keep makes a checkpoint the last one. A crash before it is durable leaves the
// one before, which the log continues as well; nobody has seen the new one.
func (n *Notary) keep(f *file, tenant audit.TenantID, next *signed) error {
	if err := vfs.WriteFile(n.fs, n.checkpointFile(tenant), next.note); err != nil {
		f.loaded = false // it may be either
		return fmt.Errorf("write checkpoint of %s: %w", tenant, err)
	}
	f.last = next
	return nil
}

// Latest returns the last signed checkpoint of a tenant, or
// [audit.CodeNotFound].
func (n *Notary) Latest(tenant audit.TenantID) (Checkpoint, []byte, error) {
	f, err := n.open(tenant)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	defer f.mu.Unlock()
	if f.last == nil {
		return Checkpoint{}, nil, audit.Errorf(audit.CodeNotFound, "there is no checkpoint of %s yet", tenant)
	}
	return f.last.Checkpoint, f.last.note, nil
}

// At returns a signed checkpoint of exactly the first size lines, all of which
// are durable. One behind the last checkpoint advances it.
func (n *Notary) At(ctx context.Context, tenant audit.TenantID, size uint64) ([]byte, error) {
	f, err := n.open(tenant)
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.last == nil || size >= f.last.Size {
		return n.advance(ctx, f, tenant, size)
	}
	if err := n.grow(ctx, f, tenant, f.last.Size); err != nil {
		return nil, err
	}
	s, err := n.signature(ctx, f, size)
	if err != nil {
		return nil, err
	}
	return s.note, nil
}

// tree returns the tree of a tenant, which covers at least the size.
func (n *Notary) tree(ctx context.Context, tenant audit.TenantID, size uint64) (*Tree, error) {
	f, err := n.open(tenant)
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.last != nil {
		size = max(size, f.last.Size)
	}
	if err := n.grow(ctx, f, tenant, size); err != nil {
		return nil, err
	}
	return f.tree, nil
}

// Saw tells the notary of a checkpoint that it signed, as somebody else kept
// it: the log is not signed any more if it falls behind it or does not continue
// it. So an old backup is noticed that came with its old checkpoint.
func (n *Notary) Saw(ctx context.Context, tenant audit.TenantID, msg []byte) error {
	f, err := n.open(tenant)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	seen, err := n.verified(f.origin, msg)
	if err != nil {
		return err
	}
	if f.last == nil || seen.Size > f.last.Size {
		if err := n.fs.MkdirAll(tenantDir(n.dir, tenant)); err != nil {
			return err
		}
		f.confirmed = false
		return n.keep(f, tenant, seen)
	}
	if err := n.grow(ctx, f, tenant, f.last.Size); err != nil {
		return err
	}
	root, err := f.tree.Root(ctx, seen.Size)
	if err == nil && root != seen.Root {
		err = fmt.Errorf("%s: %w of %d lines", tenant, ErrFork, seen.Size)
	}
	return err
}

// Restart lets the log of a tenant be signed as it is now, whatever it was. It
// returns the checkpoint that does not count any more, the zero one if it was
// not readable; its file stays beside the new one. The caller has to make this
// an event: to everybody who kept that checkpoint the log is a fork.
func (n *Notary) Restart(tenant audit.TenantID) (Checkpoint, error) {
	f := n.file(tenant)
	f.mu.Lock()
	defer f.mu.Unlock()
	var old Checkpoint
	dir := tenantDir(n.dir, tenant)
	msg, err := vfs.ReadFile(n.fs, n.checkpointFile(tenant))
	if err == nil {
		if s, err := n.verified(f.origin, msg); err == nil {
			old = s.Checkpoint
		}
	}
	err = f.drop()
	f.loaded, f.last = false, nil
	// The tree goes first: without a checkpoint nobody would doubt it.
	for _, step := range []func() error{
		func() error { return n.forgetTree(tenant) },
		func() error {
			kept := fmt.Sprintf("%s-%d", n.checkpointFile(tenant), n.Clock().UnixNano())
			return n.fs.RenameNew(n.checkpointFile(tenant), kept)
		},
		func() error { return n.fs.SyncDir(dir) },
	} {
		if e := step(); e != nil && !errors.Is(e, fs.ErrNotExist) {
			return old, errors.Join(err, fmt.Errorf("restart evidence of %s: %w", tenant, e))
		}
	}
	return old, err
}
