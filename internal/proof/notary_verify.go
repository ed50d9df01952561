package proof

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
)

// VerifyCheckpoint reports whether the log of a tenant, as it is now, continues
// a checkpoint that somebody kept. It asks the tree, which stands for what was
// signed, and reads no events: [VerifyLog] does. An error is one of reading or of ctx; what
// is wrong with the checkpoint or the log is in the report.
func (n *Notary) VerifyCheckpoint(ctx context.Context, tenant audit.TenantID, msg []byte) (Report, error) {
	var r Report
	return r.conclude(n.verifyCheckpoint(ctx, tenant, msg, &r))
}

func (n *Notary) verifyCheckpoint(ctx context.Context, tenant audit.TenantID, msg []byte, r *Report) error {
	_, keys, err := n.currentKeys().signer(n.Origin(tenant))
	if err != nil {
		return err
	}
	old, err := OpenCheckpoint(msg, keys)
	if err != nil {
		return noteFault("", err)
	}
	r.Origin, r.Size, r.Root = old.Origin, old.Size, old.Root.String()
	now, err := n.continues(ctx, tenant, old, keys)
	if err != nil {
		return err
	}
	r.Proved = []string{fmt.Sprintf("%s signed this checkpoint of %d events.", old.Origin, old.Size),
		continued(old, now)}
	return nil
}

// VerifyManifest reports whether the server signed the manifest of an export of
// the tenant's log, and whether the log, as it is now, continues the checkpoint
// in it. The manifest is nil unless its signature is right. The files of the
// export are not looked at ([VerifyExport]).
func (n *Notary) VerifyManifest(ctx context.Context, tenant audit.TenantID, text, signature []byte) (*Manifest,
	Report, error) {
	_, keys, err := n.currentKeys().signer(n.Origin(tenant))
	if err != nil {
		return nil, Report{}, err
	}
	v := &exportVerifier{ctx: ctx, name: "manifest.json", VerifyOptions: VerifyOptions{Keys: keys}}
	r, err := v.conclude(n.verifyManifest(tenant, v, text, signature))
	return v.manifest, r, err
}

func (n *Notary) verifyManifest(tenant audit.TenantID, v *exportVerifier, text, signature []byte) error {
	if err := v.checkManifest(text, signature); err != nil {
		return err
	}
	if err := v.openCheckpoints(); err != nil {
		return err
	}
	now, err := n.continues(v.ctx, tenant, v.tree, v.Keys)
	if err != nil {
		return err
	}
	v.report.Proved = []string{
		fmt.Sprintf("%s signed this manifest and the tree of the log's first %d events.", v.report.Origin, v.tree.Size),
		continued(v.tree, now),
	}
	return nil
}

// continues returns the last checkpoint of a tenant's log if that continues the
// older one, which is verified, else a [Fault].
func (n *Notary) continues(ctx context.Context, tenant audit.TenantID, old Checkpoint, keys note.Verifiers) (Checkpoint,
	error) {
	now, _, err := n.Latest(tenant)
	if err != nil {
		return Checkpoint{}, err
	}
	if old.Size > now.Size {
		return now, faultf(RolledBack, "", "the log had %d events and has %d", old.Size, now.Size)
	}
	if old.Size == 0 {
		return now, nil
	}
	p, err := n.Consistency(ctx, tenant, old.Size, now.Size)
	switch {
	case errors.Is(err, ErrRollback):
		return now, faultf(RolledBack, "", "%v", ErrRollback)
	case errors.Is(err, ErrFork):
		return now, faultf(Forked, "", "%v", ErrFork)
	case err != nil:
		return now, err
	}
	if _, err := p.Verify(old, keys); err != nil {
		return now, faultf(Forked, "", "the log has other events among its first %d than it had", old.Size)
	}
	return now, nil
}

// continued says what it means that one checkpoint continues another.
func continued(old, now Checkpoint) string {
	if old.Size == now.Size {
		return fmt.Sprintf("The log as it is signed now has exactly these %d events.", now.Size)
	}
	return fmt.Sprintf("The log of %d events as it is signed now continues it: it begins with the same %d events.",
		now.Size, old.Size)
}
