package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
)

// acceptRollback lets every log be signed as it is now which went back behind
// its checkpoint, has other events or a checkpoint that cannot be verified. Each
// gets an event that says so, an [audit.ActionAuditGap].
func (e *evidence) acceptRollback(ctx context.Context) error {
	for _, tenant := range e.tenants() {
		l := e.log(tenant)
		err := e.sign(ctx, tenant, l)
		last, _, unreadable := e.Latest(tenant)
		if audit.ErrorCode(unreadable) == audit.CodeNotFound {
			unreadable = nil
		}
		if !errors.Is(err, proof.ErrRollback) && !errors.Is(err, proof.ErrFork) && unreadable == nil {
			if err != nil {
				return err
			}
			continue
		}
		// The event first: a crash between the two leaves one too many.
		if err := e.recordRestart(ctx, tenant, last, err); err != nil {
			return fmt.Errorf("append event about evidence of %s: %w", tenant, err)
		}
		if _, err := e.Restart(tenant); err != nil {
			return err
		}
		e.logger.Warn("evidence begins anew by order of the operator", "tenant", tenant,
			"had_size", last.Size, "size", e.store.Size(tenant), "cause", err)
		if err := e.sign(ctx, tenant, l); err != nil {
			return err
		}
	}
	return nil
}

// recordRestart appends the event that a log does not continue a checkpoint.
func (e *evidence) recordRestart(ctx context.Context, tenant audit.TenantID, old proof.Checkpoint, cause error) error {
	verdict := proof.Unverifiable
	switch {
	case errors.Is(cause, proof.ErrRollback):
		verdict = proof.RolledBack
	case errors.Is(cause, proof.ErrFork):
		verdict = proof.Forked
	}
	extra := fmt.Sprintf(`{"reason":"evidence_restarted","verdict":%q,"had_size":%d,"had_root":%q,"size":%d}`,
		verdict, old.Size, base64.StdEncoding.EncodeToString(old.Root[:]), e.store.Size(tenant))
	return e.recordGap(ctx, tenant, extra)
}

// recordGap appends an event that says that the evidence of a log has a flaw;
// extra is a JSON object.
func (e *evidence) recordGap(ctx context.Context, tenant audit.TenantID, extra string) error {
	_, err := e.store.Append(ctx, tenant, audit.Batch{Events: []audit.Event{{
		Timestamp: audit.TimeOf(e.clock()), Action: audit.ActionAuditGap, IdentityType: audit.TypeSystem,
		IdentityID: "system:scaivault-audit", Success: true, ExtraData: extra,
	}}})
	return err
}
