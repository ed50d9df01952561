package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
)

// Trail proves that a trail has no event missing, as of the latest checkpoint. It
// makes evidence what the API asks for.
func (e *evidence) Trail(ctx context.Context, tenant audit.TenantID, path audit.Path, id audit.IdentityID,
	sealed bool) (any, error) {
	if err := e.covered(ctx, tenant, e.store.Size(tenant)); err != nil {
		return nil, err
	}
	seals, err := e.seals(ctx, tenant)
	if err != nil {
		return nil, err
	}
	q := proof.TrailRequest{Subject: proof.Subject{SecretPath: path, IdentityID: id}, Seals: seals, Sealed: sealed}
	for r, err := range e.store.Scan(ctx, tenant, audit.Query{Filter: audit.Filter{SecretPath: path, IdentityID: id}}) {
		if err != nil {
			return nil, err
		}
		if len(q.Events) == proof.MaxTrailEvents {
			return nil, audit.Errorf(audit.CodeValidationError, "the trail has more than %d events: "+
				"export the log, whose proof is complete", proof.MaxTrailEvents)
		}
		q.Events = append(q.Events, proof.TrailEvent{Index: r.Index, Event: r.Event})
	}
	slices.SortFunc(q.Events, func(a, b proof.TrailEvent) int { return cmp.Compare(a.Index, b.Index) })
	return e.ProveTrail(ctx, tenant, &q)
}
