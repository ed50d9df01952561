package export

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/scaivault/audit"
)

// ManifestName is the last object of an export.
const ManifestName = "manifest.json"

// Manifest says what an export consists of. That of a job follows from its
// document alone: written twice, it is the same.
type Manifest struct {
	Manifest     string              `json:"manifest"` // what this is
	Version      int                 `json:"version"`
	ExportID     audit.ExportID      `json:"export_id,omitempty"` // "" if no job made it
	TenantID     audit.TenantID      `json:"tenant_id"`
	CreatedBy    audit.IdentityID    `json:"created_by"`
	CreatedAt    audit.Time          `json:"created_at"`
	AsOf         *uint64             `json:"as_of,omitempty"` // the size of the log that was exported
	From         *audit.Time         `json:"from"`
	To           *audit.Time         `json:"to"`
	Filters      audit.ExportFilters `json:"filters"`
	PathPrefixes []audit.Path        `json:"path_prefixes,omitempty"` // the row scope of whoever made it
	Format       audit.ExportFormat  `json:"format"`
	Compression  audit.Compression   `json:"compression"`
	RecordCount  uint64              `json:"record_count"`
	SizeBytes    int64               `json:"size_bytes"`
	Files        []ManifestFile      `json:"files"` // in the order of the events
	Proofs       []ManifestProof     `json:"proofs,omitempty"`
	// Checkpoint is the signed checkpoint of the log at AsOf, if there is one.
	Checkpoint string     `json:"checkpoint,omitempty"`
	Witnessed  *Witnessed `json:"witnessed,omitempty"` // what witnesses saw of the log
}

// ManifestFile is a file of an export.
type ManifestFile struct {
	audit.ExportFile
	FirstAt audit.Time `json:"first_at"` // of the first event
	LastAt  audit.Time `json:"last_at"`
	// Ranges are the indexes of the events; absent when they are many.
	Ranges []audit.IndexRange `json:"ranges,omitempty"`
	Proof  string             `json:"proof,omitempty"` // the key of the file's proof
}

// ManifestProof is the proof of one file of an export.
type ManifestProof struct {
	Key       string `json:"key"`
	SizeBytes int64  `json:"size_bytes"`
	SHA256    string `json:"sha256"` // lower-case hex
}

// NewManifest returns the manifest of an export of what the filter selects,
// which has no files yet.
func NewManifest(f *audit.Filter, format audit.ExportFormat, compression audit.Compression) *Manifest {
	return &Manifest{
		Manifest: "scaivault-audit export", Version: 1, From: f.From, To: f.To, Filters: audit.ExportFilters(*f),
		PathPrefixes: f.Within, Format: format, Compression: compression, Files: []ManifestFile{},
	}
}

// Add adds a file.
func (m *Manifest) Add(f audit.ExportFile, first, last audit.Time) {
	m.Files = append(m.Files, ManifestFile{ExportFile: f, FirstAt: first, LastAt: last})
	m.RecordCount += f.RecordCount
	m.SizeBytes += f.SizeBytes
}

// Encode returns the text of the manifest.
func (m *Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return b.Bytes(), nil
}

// File returns what is known of the file with that key.
func (p *Part) File(key string) audit.ExportFile {
	return audit.ExportFile{Key: key, SizeBytes: p.Size, RecordCount: p.Records,
		SHA256: hex.EncodeToString(p.SHA256[:])}
}

// PartName returns the name of the n-th file of an export, counted from 1.
func PartName(n int, format audit.ExportFormat, compression audit.Compression) string {
	return fmt.Sprintf("part-%04d.%s", n, Extension(format, compression))
}

// manifest returns the manifest of the job.
func (d *document) manifest() *Manifest {
	e, q := &d.Export, d.query()
	m := NewManifest(&q.Filter, e.Format, e.Compression)
	m.ExportID, m.TenantID, m.CreatedBy, m.CreatedAt, m.AsOf = e.ID, d.Tenant, e.CreatedBy, e.CreatedAt, &e.AsOf
	for i, f := range e.Files {
		m.Add(f, d.Spans[i].First, d.Spans[i].Last)
	}
	for i, p := range d.Proofs {
		m.Files[i].Ranges, m.Files[i].Proof = p.Ranges, p.Key
		m.Proofs = append(m.Proofs, p.ManifestProof)
	}
	m.Checkpoint, m.Witnessed = d.Checkpoint, d.Witnessed
	return m
}
