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

// Witnessed implements [export.Evidence].
func (e exportEvidence) Witnessed(ctx context.Context, tenant audit.TenantID, size uint64) (*export.Witnessed, error) {
	seen, err := e.WitnessedBeside(ctx, tenant, size)
	if seen == nil || err != nil {
		return nil, lasting(err)
	}
	w := &export.Witnessed{Checkpoint: seen.Checkpoint, Hashes: make([]string, 0, len(seen.Hashes))}
	for _, h := range seen.Hashes {
		w.Hashes = append(w.Hashes, h.String())
	}
	return w, nil
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
