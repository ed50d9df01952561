package ui_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

// notary is evidence that is made when somebody asks for it.
type notary struct {
	*proof.Notary
	log    *store.Store
	doubts *[]ui.Doubt
}

func newNotary(t *testing.T, log *store.Store, c *clock) notary {
	t.Helper()
	disk := vfs.NewMem()
	if err := disk.MkdirAll("data"); err != nil {
		t.Fatal(err)
	}
	n, err := proof.Open(disk, "data", proof.Options{Name: "log.example.com", Log: log, Clock: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return notary{n, log, new([]ui.Doubt)}
}

func (n notary) sign(tenant audit.TenantID) error {
	if n.log.Size(tenant) == 0 {
		return nil
	}
	_, err := n.Advance(context.Background(), tenant, n.log.Size(tenant))
	return err
}

func (n notary) Sealed(tenant audit.TenantID) ui.Sealed {
	c, _, _ := n.Notary.Latest(tenant) // none is an empty one
	return ui.Sealed{Size: c.Size, Uncovered: n.log.Size(tenant) - c.Size, At: audit.TimeOf(n.Clock()),
		Doubts: *n.doubts}
}

func (n notary) Latest(tenant audit.TenantID) (ui.Checkpoint, error) {
	if err := n.sign(tenant); err != nil {
		return ui.Checkpoint{}, err
	}
	c, note, err := n.Notary.Latest(tenant)
	return ui.Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Root.String(), Note: string(note)}, err
}

func (n notary) Prove(ctx context.Context, tenant audit.TenantID, r *audit.Record) (ui.Proof, error) {
	last, err := n.Latest(tenant)
	if err != nil {
		return ui.Proof{}, err
	}
	p, err := n.Inclusion(ctx, tenant, r.ID, r.Index)
	if err != nil {
		return ui.Proof{}, err
	}
	x := ui.Proof{LeafHash: p.LeafHash.String(), Checkpoint: last}
	for _, h := range p.Hashes {
		x.Hashes = append(x.Hashes, h.String())
	}
	text, err := json.Marshal(p)
	x.JSON = string(text)
	return x, err
}

func (n notary) VerifyCheckpoint(ctx context.Context, tenant audit.TenantID, note []byte) (ui.Finding, error) {
	r, err := n.Notary.VerifyCheckpoint(ctx, tenant, note)
	return found(r), err
}

func (n notary) VerifyManifest(ctx context.Context, tenant audit.TenantID, text, signature []byte) (ui.Finding, error) {
	m, r, err := n.Notary.VerifyManifest(ctx, tenant, text, signature)
	x := found(r)
	if m != nil {
		for _, f := range m.Files {
			x.Files = append(x.Files, ui.FoundFile{Key: f.Key, SHA256: f.SHA256, Size: uint64(f.SizeBytes), Records: f.RecordCount})
		}
	}
	return x, err
}

func found(r proof.Report) ui.Finding {
	x := ui.Finding{Verdict: string(r.Verdict), Origin: r.Origin, Size: r.Size, Root: r.Root, Proved: r.Proved}
	if r.Fault != nil {
		x.Fault = r.Fault.Error()
	}
	return x
}

// manifest returns a manifest of no files with the checkpoint of now, and its
// signature.
func (n notary) manifest(t *testing.T, tenant audit.TenantID, key string) (text, signature string) {
	t.Helper()
	last, err := n.Latest(tenant)
	if err != nil {
		t.Fatal(err)
	}
	m, err := json.MarshalIndent(proof.Manifest{ExportID: "exp_1", Tenant: tenant, Format: "csv", Compression: "none",
		AsOf: last.Size, Filters: []byte("{}"), RecordCount: last.Size, Checkpoint: last.Note,
		Files: []proof.ManifestFile{{Key: key, SizeBytes: 5, RecordCount: last.Size, SHA256: strings.Repeat("0a", 32)}}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	m = append(m, '\n')
	note, err := n.SignManifest(t.Context(), tenant, m)
	if err != nil {
		t.Fatal(err)
	}
	return string(m), string(note)
}
