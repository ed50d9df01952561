package main

import (
	"bytes"
	"context"

	"github.com/scaivault/audit"
)

// These make evidence what the API asks for.

// Checkpoint returns the latest signed checkpoint, with the cosignatures of
// witnesses if they have seen just that one.
func (e *evidence) Checkpoint(_ context.Context, tenant audit.TenantID) ([]byte, error) {
	_, note, err := e.Latest(tenant)
	if err != nil {
		return nil, err
	}
	if _, cosigned, err := e.Notary.Witnessed(tenant); err == nil && bytes.HasPrefix(cosigned, note) {
		return cosigned, nil
	}
	return note, nil
}

// Witnessed returns the newest checkpoint that a witness cosigned.
func (e *evidence) Witnessed(_ context.Context, tenant audit.TenantID) ([]byte, error) {
	_, note, err := e.Notary.Witnessed(tenant)
	return note, err
}

// Inclusion proves that an event is in the log. One that is newer than the
// latest checkpoint makes the next one due.
func (e *evidence) Inclusion(ctx context.Context, tenant audit.TenantID, id audit.EventID,
	index uint64) (any, error) {
	if err := e.covered(ctx, tenant, index+1); err != nil {
		return nil, err
	}
	return e.Notary.Inclusion(ctx, tenant, id, index)
}

// Consistency proves that the log of the size to continues that of the size from.
func (e *evidence) Consistency(ctx context.Context, tenant audit.TenantID, from, to uint64) (any, error) {
	return e.Notary.Consistency(ctx, tenant, from, to)
}
