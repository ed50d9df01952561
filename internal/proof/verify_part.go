package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// file verifies one file of the export, wherever it is.
func (v *exportVerifier) file(f *ManifestFile) error {
	own := v.files.named(path.Dir(v.name), f.Key)
	if own != "" {
		fault := v.content(own, f)
		if fault == nil {
			return nil
		}
		// Files may have changed their names among each other.
		sum, err := v.files.sum(own)
		if err != nil || !v.isListed(sum) || sum == f.SHA256 {
			return fault
		}
	}
	name, err := v.files.equal(f.SizeBytes, f.SHA256)
	if err != nil {
		return err
	}
	if name == "" {
		name = v.files.named(path.Dir(v.name), decompressedName(f.Key))
	}
	if name == "" {
		return faultf(Incomplete, f.Key, "it is missing")
	}
	return v.content(name, f)
}

// decompressedName returns the name of a file after it was decompressed.
func decompressedName(key string) string {
	return strings.TrimSuffix(strings.TrimSuffix(key, ".gz"), ".zst")
}

// isListed reports whether a file of the export has that SHA-256.
func (v *exportVerifier) isListed(sum string) bool {
	for i := range v.manifest.Files {
		if v.manifest.Files[i].SHA256 == sum {
			return true
		}
	}
	return false
}

// content verifies what stands in a file.
func (v *exportVerifier) content(name string, f *ManifestFile) error {
	if v.manifest.Format != audit.FormatJSONL {
		sum, err := v.files.sum(name)
		if err == nil && sum != f.SHA256 {
			err = faultf(Tampered, name, "it is not the file that was exported")
		}
		return err
	}
	proofName, err := v.proofFile(f.Proof)
	if err != nil {
		return err
	}
	file, err := openRegular(v.fs, proofName)
	if err != nil {
		return missing(err, Incomplete, proofName)
	}
	defer file.Close()
	p, err := readProof(file)
	if err != nil {
		return faultf(Tampered, proofName, "%v", err)
	}
	if p.size != v.tree.Size || p.lines != f.RecordCount {
		return faultf(Tampered, proofName, "it is of %d lines of a tree of %d, not of %d of %d",
			p.lines, p.size, f.RecordCount, v.tree.Size)
	}
	return v.lines(name, f, p, proofName)
}

// proofFile returns the name of the file that is the listed proof.
func (v *exportVerifier) proofFile(key string) (string, error) {
	for i := range v.manifest.Proofs {
		p := &v.manifest.Proofs[i]
		if p.Key != key {
			continue
		}
		own := v.files.named(path.Dir(v.name), key)
		if own != "" {
			if sum, err := v.files.sum(own); err != nil || sum == p.SHA256 {
				return own, err
			}
		}
		name, err := v.files.equal(p.SizeBytes, p.SHA256)
		switch {
		case err != nil || name != "":
			return name, err
		case own != "":
			return "", faultf(Tampered, own, "it is not the proof that was exported")
		}
	}
	return "", faultf(Incomplete, key, "it is missing")
}

// lines verifies a file of lines: each is the one that was exported, and all
// are in the tree.
func (v *exportVerifier) lines(name string, f *ManifestFile, p *partProof, proofName string) error {
	file, err := openRegular(v.fs, name)
	if err != nil {
		return missing(err, Incomplete, name)
	}
	defer file.Close()
	raw := &rawReader{r: file, v: v, sum: sha256.New()}
	r, err := newLineReader(raw, name)
	if err != nil {
		return err
	}
	defer r.close()
	fold := folder{cuts: v.cuts}
	if err := r.walk(p, &fold); err != nil {
		return err
	}
	if err := raw.drain(); err != nil {
		return err
	}
	sum := hex.EncodeToString(raw.sum.Sum(nil))
	v.files.sums[name] = sum
	if r.compression == v.manifest.Compression && sum != f.SHA256 {
		return faultf(Tampered, name, "its lines are those that were exported, its bytes are not")
	}
	if r.compression != v.manifest.Compression {
		v.report.Notes = append(v.report.Notes, name+" was exported as "+string(v.manifest.Compression)+
			"; its lines were verified, not its bytes")
	}
	if err := verifyNodes(v.tree.Root, v.tree.Size, fold.nodes, p.next); err != nil {
		return faultf(Tampered, name, "%v, by %s", err, proofName)
	}
	if !p.end() {
		return faultf(Tampered, proofName, "%v", errShort)
	}
	return v.account(f, p, fold.nodes)
}

// account notes the indexes of a file that was verified.
func (v *exportVerifier) account(f *ManifestFile, p *partProof, nodes []node) error {
	ranges := mergeRanges(p.runs)
	if len(f.Ranges) > 0 && !slices.Equal(f.Ranges, ranges) {
		return faultf(Tampered, v.name, "the ranges of %s are not those of its proof", f.Key)
	}
	v.ranges = append(v.ranges, ranges...)
	if len(v.cuts) > 0 {
		v.nodes = append(v.nodes, nodes...)
	}
	return nil
}
