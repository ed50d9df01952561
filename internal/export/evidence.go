package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/scaivault/audit"
)

// SignatureSuffix is what the key of the signature of a manifest ends in, behind
// that of the manifest.
const SignatureSuffix = ".sig"

// Evidence makes exports verifiable offline: a checkpoint of the log that was
// exported, a proof for each file of lines that they are in it, and a signature
// of the manifest, which names all.
type Evidence interface {
	// Checkpoint returns the signed checkpoint of the first size events of the
	// tenant's log, a C2SP signed note.
	Checkpoint(ctx context.Context, tenant audit.TenantID, size uint64) ([]byte, error)
	// Witnessed returns what witnesses have seen of the log, and how the checkpoint
	// of that size goes together with it; nil if there is nothing.
	Witnessed(ctx context.Context, tenant audit.TenantID, size uint64) (*Witnessed, error)
	// NewPart begins the proof of a file whose lines are among those events.
	NewPart(tenant audit.TenantID, size uint64) PartProof
	// SignManifest returns the signed note of a manifest.
	SignManifest(ctx context.Context, tenant audit.TenantID, manifest []byte) ([]byte, error)
}

// Witnessed is the newest checkpoint of a log that witnesses cosigned.
type Witnessed struct {
	Checkpoint string   `json:"checkpoint"` // the signed note, with the cosignatures
	Hashes     []string `json:"hashes"`     // in base64; prove that it and the manifest's are of one log
}

// PartProof is the proof of one file of lines.
type PartProof interface {
	// Add adds the next line of the file, without its end, and its index.
	Add(index uint64, line []byte)
	// Ranges returns the indexes of the lines, sorted.
	Ranges() []audit.IndexRange
	// Prove returns the content of the proof.
	Prove(ctx context.Context) ([]byte, error)
}

const (
	// maxProved is how many records a file has at most that is proved: each may
	// take 50 bytes of memory until then.
	maxProved = 1 << 20
	// maxRanges is how many ranges of a file are listed in the manifest, for
	// people; the proof has them all.
	maxRanges = 100
)

// fileProof is what is kept of the proof of a finished file.
type fileProof struct {
	ManifestProof
	Ranges []audit.IndexRange `json:"ranges,omitempty"`
}

// proves reports whether each file of the job has a proof.
func (d *document) proves() bool { return d.Signed && d.Export.Format == audit.FormatJSONL }

// proofKey returns the key of the proof of the next file.
func (d *document) proofKey() string { return d.key(fmt.Sprintf("proof-%04d", len(d.Export.Files)+1)) }

// writeProof writes the proof of a file that is finished but for it.
func (w *writing) writeProof(ctx context.Context, d *document) (*fileProof, error) {
	if w.proof == nil {
		return nil, nil
	}
	text, err := w.proof.Prove(ctx)
	if err != nil {
		return nil, err
	}
	p := &fileProof{ManifestProof: ManifestProof{Key: d.proofKey(), SizeBytes: int64(len(text))}}
	sum := sha256.Sum256(text)
	p.SHA256 = hex.EncodeToString(sum[:])
	if ranges := w.proof.Ranges(); len(ranges) <= maxRanges {
		p.Ranges = ranges
	}
	return p, w.put(ctx, p.Key, text)
}

// checkpoint returns the checkpoint of the log that the job exports, and what
// witnesses saw; "" and nil without evidence. Those that the document has stay:
// what was signed follows from them.
func (w *writing) checkpoint(ctx context.Context) (string, *Witnessed, error) {
	d := w.manager.document(w.job)
	if !d.Signed || d.Checkpoint != "" {
		return d.Checkpoint, d.Witnessed, nil
	}
	note, err := w.manager.Evidence.Checkpoint(ctx, d.Tenant, d.Export.AsOf)
	if err != nil {
		return "", nil, err
	}
	seen, err := w.manager.Evidence.Witnessed(ctx, d.Tenant, d.Export.AsOf)
	return string(note), seen, err
}

// sign writes the signature of the manifest, the very last object.
func (w *writing) sign(ctx context.Context, d *document, manifest []byte) error {
	if !d.Signed {
		return nil
	}
	note, err := w.manager.Evidence.SignManifest(ctx, d.Tenant, manifest)
	if err != nil {
		return err
	}
	return w.put(ctx, d.key(ManifestName+SignatureSuffix), note)
}

// put writes a small object as a whole.
func (w *writing) put(ctx context.Context, key string, data []byte) error {
	var err error
	if w.object, err = create(ctx, w.bucket, key); err != nil {
		return err
	}
	if _, err := w.object.Write(data); err != nil {
		return err
	}
	return w.object.commit(ctx)
}
