package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
)

// Manifest is what verification needs of the manifest of an export. It may have
// other members too; its signature covers every byte of it.
type Manifest struct {
	ExportID    audit.ExportID     `json:"export_id"`
	Tenant      audit.TenantID     `json:"tenant_id"`
	Format      audit.ExportFormat `json:"format"`
	Compression audit.Compression  `json:"compression"`
	AsOf        uint64             `json:"as_of"`   // the size of the log that was exported
	From        *audit.Time        `json:"from"`    // null: from its beginning
	To          *audit.Time        `json:"to"`      // null: to its end
	Filters     jsontext.Value     `json:"filters"` // an object; {} selects everything
	Within      []audit.Path       `json:"path_prefixes,omitempty"`
	RecordCount uint64             `json:"record_count"`
	Files       []ManifestFile     `json:"files"`
	Proofs      []ManifestProof    `json:"proofs,omitempty"`
	// Pruned are the indexes below AsOf that retention had removed.
	Pruned     []audit.IndexRange `json:"pruned,omitempty"`
	Checkpoint string             `json:"checkpoint"` // the signed note of the size AsOf
	// Witnessed is what witnesses had seen of the log, nil if there are none.
	Witnessed *Witnessed `json:"witnessed,omitempty"`
}

// ManifestFile is a file of an export.
type ManifestFile struct {
	Key         string `json:"key"`
	SizeBytes   int64  `json:"size_bytes"`
	RecordCount uint64 `json:"record_count"`
	SHA256      string `json:"sha256"` // lower-case hex
	// Ranges are the indexes of its records, sorted ([Part.Ranges]), for
	// people; absent when they are many. The proof has them all.
	Ranges []audit.IndexRange `json:"ranges,omitempty"`
	// Proof is the key of its proof; a file of lines has one.
	Proof string `json:"proof,omitempty"`
}

// ManifestProof is the proof of one file of an export.
type ManifestProof struct {
	Key       string `json:"key"`
	SizeBytes int64  `json:"size_bytes"`
	SHA256    string `json:"sha256"` // lower-case hex
}

// Limits of a manifest.
const (
	maxManifest      = 64 << 20 // bytes
	maxManifestFiles = 100_000
	maxNote          = 1 << 20 // bytes of a signed note
)

// SignatureSuffix is what the name of the signed note of a manifest ends with,
// behind the name of the manifest.
const SignatureSuffix = ".sig"

// manifestTitle is the first line of the note of a manifest. No checkpoint
// begins like that, as an origin has no space.
const manifestTitle = "scaivault-audit export manifest"

func manifestText(origin string, manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return fmt.Sprintf("%s\n%s\n%s\n", manifestTitle, origin, hex.EncodeToString(sum[:]))
}

// SignManifest returns the signed note of the manifest of an export of the
// tenant: a title, the origin of the log and the manifest's SHA-256 in hex.
func (n *Notary) SignManifest(_ context.Context, tenant audit.TenantID, manifest []byte) ([]byte, error) {
	s, _, err := n.currentKeys().signer(n.Origin(tenant))
	if err != nil {
		return nil, err
	}
	return sign(manifestText(s.Name(), manifest), s)
}

// errManifest says that a manifest is another one than was signed.
var errManifest = errors.New("it is not the manifest that was signed")

// verifyManifest returns the origin of the log that signed the manifest.
func verifyManifest(manifest, signature []byte, keys note.Verifiers) (origin string, err error) {
	n, err := note.Open(signature, keys)
	if err != nil {
		return "", err
	}
	for _, s := range n.Sigs {
		if n.Text == manifestText(s.Name, manifest) {
			return s.Name, nil
		}
	}
	return "", errManifest
}

// decodeManifest reads a manifest strictly: duplicate members and invalid UTF-8
// are errors. That its members go together is checked too.
func decodeManifest(text []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, errors.New("it is not the JSON of a manifest")
	}
	if len(m.Files) > maxManifestFiles || len(m.Proofs) > maxManifestFiles || len(m.Pruned) > maxManifestFiles {
		return nil, fmt.Errorf("it has more than %d files", maxManifestFiles)
	}
	if m.AsOf > MaxSize {
		return nil, errors.New("as_of is too large")
	}
	proofs := make(map[string]bool)
	for _, p := range m.Proofs {
		if proofs[p.Key] || !isSum(p.SHA256) {
			return nil, fmt.Errorf("proof %.100q is listed twice or without its SHA-256", p.Key)
		}
		proofs[p.Key] = true
	}
	records, keys := uint64(0), make(map[string]bool)
	for _, f := range m.Files {
		switch {
		case keys[f.Key] || !isSum(f.SHA256):
			return nil, fmt.Errorf("file %.100q is listed twice or without its SHA-256", f.Key)
		case f.RecordCount > m.AsOf:
			return nil, fmt.Errorf("file %.100q has more records than the log", f.Key)
		case m.Format == audit.FormatJSONL && !proofs[f.Proof]:
			return nil, fmt.Errorf("file %.100q has no proof", f.Key)
		}
		keys[f.Key] = true
		records += f.RecordCount // of 48 bits and less than 2^17 of them
	}
	if records != m.RecordCount {
		return nil, fmt.Errorf("its files have %d records, it says %d", records, m.RecordCount)
	}
	return m, nil
}

// isSum reports whether s is a SHA-256 in lower-case hex.
func isSum(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

// isWhole reports whether the export selects every event of the log.
func (m *Manifest) isWhole() bool {
	filters := strings.Join(strings.Fields(string(m.Filters)), "")
	return m.From == nil && m.To == nil && len(m.Within) == 0 && filters == "{}"
}
