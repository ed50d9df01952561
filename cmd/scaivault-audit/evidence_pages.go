package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/ui"
)

// pageEvidence is evidence as the pages ask for it.
type pageEvidence struct {
	*evidence
	cosigns *cosigning // nil if there is no witness
}

// Sealed tells how far this process has signed a log.
func (e pageEvidence) Sealed(tenant audit.TenantID) ui.Sealed {
	size := e.store.Size(tenant)
	l := e.log(tenant)
	l.mu.Lock()
	defer l.mu.Unlock()
	x := ui.Sealed{Size: l.size, Doubts: e.cosigns.doubts(tenant)}
	if size > l.size {
		x.Uncovered = size - l.size
	}
	if !l.at.IsZero() {
		x.At = audit.TimeOf(l.at)
	}
	if l.err != nil {
		x.Refused = reasonOf(l.err)
	}
	return x
}

// Latest returns the latest checkpoint.
func (e pageEvidence) Latest(tenant audit.TenantID) (ui.Checkpoint, error) {
	c, note, err := e.evidence.Latest(tenant)
	if err != nil {
		return ui.Checkpoint{}, err
	}
	return pageCheckpoint(c, note), nil
}

func pageCheckpoint(c proof.Checkpoint, note []byte) ui.Checkpoint {
	return ui.Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Root.String(), Note: string(note)}
}

// Prove proves an event, and verifies the proof against its canonical line as
// anybody would: by the checkpoint in it and the keys of the log.
func (e pageEvidence) Prove(ctx context.Context, tenant audit.TenantID, r *audit.Record) (ui.Proof, error) {
	if err := e.covered(ctx, tenant, r.Index+1); err != nil {
		return ui.Proof{}, err
	}
	p, err := e.Notary.Inclusion(ctx, tenant, r.ID, r.Index)
	if err != nil {
		return ui.Proof{}, err
	}
	texts, err := e.Verifiers(tenant)
	if err != nil {
		return ui.Proof{}, err
	}
	keys, err := proof.ParseVerifiers(strings.Join(texts, "\n"))
	if err != nil {
		return ui.Proof{}, err
	}
	c, err := p.Verify(r.AppendLine(nil), keys)
	if err != nil {
		return ui.Proof{}, audit.Errorf(audit.CodeDataDamaged, "the proof of %s does not hold: %w", r.ID, err)
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return ui.Proof{}, err
	}
	x := ui.Proof{JSON: text.String(), LeafHash: p.LeafHash.String(), Checkpoint: pageCheckpoint(c, []byte(p.Checkpoint))}
	for _, h := range p.Hashes {
		x.Hashes = append(x.Hashes, h.String())
	}
	return x, nil
}

// VerifyCheckpoint finds out whether the log continues a checkpoint.
func (e pageEvidence) VerifyCheckpoint(ctx context.Context, tenant audit.TenantID, note []byte) (ui.Finding, error) {
	if f, short, err := e.shortened(tenant); short || err != nil {
		return f, err
	}
	r, err := e.Notary.VerifyCheckpoint(ctx, tenant, note)
	return finding(&r), err
}

// VerifyManifest verifies a manifest without its files.
func (e pageEvidence) VerifyManifest(ctx context.Context, tenant audit.TenantID, manifest,
	signature []byte) (ui.Finding, error) {
	if f, short, err := e.shortened(tenant); short || err != nil {
		return f, err
	}
	m, r, err := e.Notary.VerifyManifest(ctx, tenant, manifest, signature)
	x := finding(&r)
	if m != nil {
		for _, f := range m.Files {
			x.Files = append(x.Files, ui.FoundFile{Key: f.Key, SHA256: f.SHA256, Size: uint64(f.SizeBytes), Records: f.RecordCount})
		}
		for _, f := range m.Proofs {
			x.Files = append(x.Files, ui.FoundFile{Key: f.Key, SHA256: f.SHA256, Size: uint64(f.SizeBytes)})
		}
	}
	return x, err
}

// shortened reports whether a log is shorter than its latest checkpoint, so that
// its tree cannot be asked.
func (e pageEvidence) shortened(tenant audit.TenantID) (ui.Finding, bool, error) {
	last, _, err := e.evidence.Latest(tenant)
	if err != nil || e.store.Size(tenant) >= last.Size {
		return ui.Finding{}, false, err
	}
	r := proof.Report{Verdict: proof.RolledBack, Fault: &proof.Fault{Message: proof.ErrRollback.Error()}}
	return finding(&r), true, nil
}

func finding(r *proof.Report) ui.Finding {
	x := ui.Finding{Verdict: string(r.Verdict), Origin: r.Origin, Size: r.Size, Root: r.Root, Proved: r.Proved}
	if r.Fault != nil {
		x.Fault = r.Fault.Error()
	}
	return x
}
