package main

import (
	"context"
	"errors"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/proof"
)

// exportEvidence makes evidence what exports ask for.
type exportEvidence struct{ *evidence }

// Checkpoint implements [export.Evidence].
func (e exportEvidence) Checkpoint(ctx context.Context, tenant audit.TenantID, size uint64) ([]byte, error) {
	if err := e.covered(ctx, tenant, size); err != nil {
		return nil, lasting(err)
	}
	note, err := e.At(ctx, tenant, size)
	return note, lasting(err)
}

// NewPart implements [export.Evidence].
func (e exportEvidence) NewPart(tenant audit.TenantID, size uint64) export.PartProof {
	return &partProof{evidence: e.evidence, tenant: tenant, size: size}
}

// partProof implements [export.PartProof].
type partProof struct {
	proof.Part
	evidence *evidence
	tenant   audit.TenantID
	size     uint64
}

// Prove implements [export.PartProof].
func (p *partProof) Prove(ctx context.Context) ([]byte, error) {
	if err := p.evidence.covered(ctx, p.tenant, p.size); err != nil {
		return nil, lasting(err)
	}
	text, err := p.evidence.ProvePart(ctx, p.tenant, p.size, &p.Part)
	return text, lasting(err)
}

// lasting marks what another try does not change.
func lasting(err error) error {
	if errors.Is(err, proof.ErrRollback) || errors.Is(err, proof.ErrFork) {
		return &audit.Error{Code: audit.CodeDataDamaged, Message: "the log is not the one that was signed", Err: err}
	}
	return err
}
