package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// localProofs gathers what proves the files of a local export, if they turn out to
// have every event of the log.
type localProofs struct {
	parts  []*proof.Part // of each file of lines
	newest client.Entry  // that with the highest index
	line   []byte
}

// begin begins a file.
func (l *localProofs) begin() { l.parts = append(l.parts, new(proof.Part)) }

// add adds the next event of the file, and reports whether a file that is proved
// can have more. Only lines are proved.
func (l *localProofs) add(format audit.ExportFormat, e *client.Entry) (full bool) {
	if format != audit.FormatJSONL || e.Index == nil {
		return false
	}
	part := l.parts[len(l.parts)-1]
	l.line = e.Event.AppendLine(l.line[:0])
	part.Add(*e.Index, l.line)
	if l.newest.Index == nil || *l.newest.Index < *e.Index {
		l.newest = *e
	}
	return part.Lines() == proof.MaxPartLines
}

// prove writes the proofs of all files, if they have every event, and lets the
// manifest have the checkpoint that the server signed of them. No signature of
// the manifest is needed: the lines hash to the root that is signed.
func (l *localExport) prove(p *process, api *client.Client) error {
	if l.proofs.newest.Index == nil {
		return nil
	}
	proofs, size, root, err := proof.ProveWhole(l.proofs.parts)
	if errors.Is(err, proof.ErrNotWhole) {
		return nil
	}
	if err != nil {
		return err
	}
	note, err := signedCheckpoint(p, api, l.proofs.newest.ID, size, root)
	if audit.ErrorCode(err) == audit.CodeNotFound {
		return nil // the server has no evidence
	}
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	l.manifest.AsOf, l.manifest.Checkpoint = &size, note
	for i, text := range proofs {
		key := fmt.Sprintf("proof-%04d", i+1)
		if err := vfs.WriteNew(l.disk, filepath.Join(l.dir, key), text); err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		l.manifest.Files[i].Proof = key
		l.manifest.Proofs = append(l.manifest.Proofs, export.ManifestProof{Key: key, SizeBytes: int64(len(text)),
			SHA256: hex.EncodeToString(sum[:])})
	}
	return nil
}

// signedCheckpoint returns the note of the checkpoint of the first size events, the
// newest of which has the id, if the server signed that root.
func signedCheckpoint(p *process, api *client.Client, newest audit.EventID, size uint64, root proof.Hash) (string, error) {
	if _, err := api.Inclusion(p.ctx, newest); err != nil { // which lets it be signed
		return "", err
	}
	text, err := api.Consistency(p.ctx, size, size)
	if err != nil {
		return "", err
	}
	list, err := api.Keys(p.ctx)
	if err != nil {
		return "", err
	}
	keys, err := proof.ParseVerifiers(strings.Join(list, "\n"))
	if err != nil {
		return "", err
	}
	answer, err := parseConsistency(text)
	if err != nil {
		return "", err
	}
	c, err := proof.OpenCheckpoint([]byte(answer.Checkpoint), keys)
	if err == nil && (c.Size != size || c.Root != root) {
		err = fmt.Errorf("the %d events that the server listed are not those that it signed", size)
	}
	return answer.Checkpoint, err
}
