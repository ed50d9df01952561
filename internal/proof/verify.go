package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
)

// VerifyOptions say against what something is verified.
type VerifyOptions struct {
	// Keys are the verifier keys that are trusted.
	Keys note.Verifiers
	// Against is the signed note of a checkpoint from earlier, or nil: the log
	// must continue it.
	Against []byte
	// Consistency, if not nil, proves that it does. It is needed when what is
	// verified does not have all lines below the earlier size.
	Consistency *Consistency
	// Anchors, if not nil, has checkpoints from earlier among its files, all of
	// which the log must continue ([Anchor]).
	Anchors fs.FS
	// Witnesses, each, must have cosigned the checkpoint that is verified, the one
	// of Against, or the one that the manifest or the data directory has as
	// cosigned.
	Witnesses []*WitnessKey
	// Ranges is how the log was divided for the proofs of trails, as in
	// [Options].
	Ranges RangeShape
	// Progress, if not nil, is called now and then with the bytes that were
	// read and that there are.
	Progress func(done, total int64)
}

// VerifyExport verifies an export, the manifest of which is the file of that
// name in fsys. Its signature stands beside it, but for an export of everything
// that the command line made; files and proofs may be
// anywhere in fsys, by their names or renamed, files of lines also decompressed
// by their names without .gz or .zst. An error is one of reading or of ctx; what
// is wrong with the export is in the report.
func VerifyExport(ctx context.Context, fsys fs.FS, manifest string, o VerifyOptions) (Report, error) {
	v := &exportVerifier{ctx: ctx, fs: fsys, name: manifest, VerifyOptions: o}
	return v.conclude(v.run())
}

// FindManifest returns the name of the manifest of an export in fsys: the only
// file of the name manifest.json, or that at the top. None and several are a
// [*Fault].
func FindManifest(fsys fs.FS) (string, error) {
	const name = "manifest.json"
	files, err := findFiles(fsys)
	if err != nil {
		return "", err
	}
	if _, ok := files.size[name]; ok {
		return name, nil
	}
	found := files.byBase[name]
	if len(found) != 1 {
		return "", faultf(Unverifiable, "", "there are %d files of the name %s; say which", len(found), name)
	}
	return found[0], nil
}

// exportVerifier verifies one export.
type exportVerifier struct {
	VerifyOptions
	ctx    context.Context
	fs     fs.FS
	name   string
	report Report

	manifest *Manifest
	unsigned bool // the manifest is anybody's; its checkpoint is not
	tree     Checkpoint
	against  *Checkpoint
	anchors  []anchor
	cosigned []byte   // the note that witnesses saw, nil if the manifest has none
	cuts     []uint64 // sizes whose roots are needed, sorted
	files    *fileIndex
	ranges   []audit.IndexRange // of the records that were verified
	nodes    []node             // of them, if against needs them
	total    int64              // bytes of all files
	done     int64
}

// conclude makes a report of the first error.
func (v *exportVerifier) conclude(err error) (Report, error) {
	return v.report.conclude(err)
}

func (r Report) conclude(err error) (Report, error) {
	var f *Fault
	switch {
	case err == nil:
		r.Verdict = OK
	case errors.As(err, &f):
		r.Verdict, r.Fault, r.Proved = f.Verdict, f, nil
	default:
		return Report{}, err
	}
	return r, nil
}

func (v *exportVerifier) run() error {
	if err := v.readManifest(); err != nil {
		return err
	}
	if err := v.openCheckpoints(); err != nil {
		return err
	}
	var err error
	if v.files, err = findFiles(v.fs); err != nil {
		return err
	}
	for i := range v.manifest.Files {
		v.total += v.manifest.Files[i].SizeBytes
	}
	for i := range v.manifest.Files {
		if err := v.file(&v.manifest.Files[i]); err != nil {
			return err
		}
		v.report.Files++
		v.report.Records += v.manifest.Files[i].RecordCount
	}
	if err := v.strangers(); err != nil {
		return err
	}
	if err := v.whole(); err != nil {
		return err
	}
	if err := v.history(); err != nil {
		return err
	}
	if err := v.anchored(); err != nil {
		return err
	}
	seen, err := witnessed(v.VerifyOptions, []byte(v.manifest.Checkpoint), v.cosigned, v.Against)
	if err != nil {
		return err
	}
	v.report.Proved = append(v.proved(), seen...)
	return nil
}

// readManifest reads the manifest and verifies its signature.
func (v *exportVerifier) readManifest() error {
	text, err := readLimited(v.fs, v.name, maxManifest)
	if err != nil {
		return missing(err, Unverifiable, v.name)
	}
	name := v.name + SignatureSuffix
	signature, err := readLimited(v.fs, name, maxNote)
	if errors.Is(err, fs.ErrNotExist) {
		return v.takeUnsigned(text, name)
	}
	if err != nil {
		return missing(err, Unverifiable, name)
	}
	return v.checkManifest(text, signature)
}

// checkManifest verifies the signature of a manifest and decodes it.
func (v *exportVerifier) checkManifest(text, signature []byte) (err error) {
	v.report.Origin, err = verifyManifest(text, signature, v.Keys)
	switch {
	case errors.Is(err, errManifest):
		return faultf(Tampered, v.name, "%v", err)
	case err != nil:
		return noteFault(v.name+SignatureSuffix, err)
	}
	if v.manifest, err = decodeManifest(text); err != nil {
		return faultf(Tampered, v.name, "%v", err)
	}
	return nil
}

// takeUnsigned decodes a manifest without a signature. No job of a server made it,
// or it would have one. Nothing that it says is believed; but if its files have all
// lines of a checkpoint that is signed, it does not matter who wrote it.
func (v *exportVerifier) takeUnsigned(text []byte, signature string) error {
	m, err := decodeManifest(text)
	if err != nil || m.ExportID != "" || m.Checkpoint == "" || m.Format != audit.FormatJSONL {
		f := faultf(Unverifiable, signature, "it is missing")
		if !bytes.Contains(text, []byte(`"export_id"`)) {
			f.Message += "; what the command line exports can be verified if it is everything, as jsonl"
		}
		return f
	}
	v.manifest, v.unsigned = m, true
	return nil
}

// openCheckpoints reads the checkpoint of the manifest, and the earlier one.
func (v *exportVerifier) openCheckpoints() error {
	var err error
	if v.tree, err = OpenCheckpoint([]byte(v.manifest.Checkpoint), v.Keys); err != nil {
		return noteFault(v.name, err)
	}
	v.report.Size, v.report.Root = v.tree.Size, v.tree.Root.String()
	if v.unsigned {
		v.report.Origin = v.tree.Origin
		v.report.Notes = append(v.report.Notes,
			"the manifest is not signed, as the command line made it: only what is said of the events is proved")
	}
	switch {
	case v.tree.Origin != v.report.Origin:
		return faultf(Tampered, v.name, "its checkpoint is one of %q, it is signed by %q",
			v.tree.Origin, v.report.Origin)
	case path.Base(v.tree.Origin) != string(v.manifest.Tenant):
		return faultf(Tampered, v.name, "its tenant is %q, its checkpoint one of %q",
			v.manifest.Tenant, v.tree.Origin)
	case v.tree.Size != v.manifest.AsOf:
		return faultf(Tampered, v.name, "its as_of is %d, its checkpoint has %d", v.manifest.AsOf, v.tree.Size)
	}
	if err := v.openWitnessed(); err != nil {
		return err
	}
	if v.against, err = openAgainst(v.VerifyOptions, v.tree); err != nil {
		return err
	}
	if v.against != nil && v.Consistency == nil {
		v.cuts = append(v.cuts, v.against.Size)
	}
	return v.openAnchors()
}

// openWitnessed compares the checkpoint that the manifest has from witnesses with
// its own.
func (v *exportVerifier) openWitnessed() error {
	w := v.manifest.Witnessed
	if w == nil {
		return nil
	}
	var unknown *note.UnverifiedNoteError
	c, err := w.open(v.tree, v.Keys)
	switch {
	case errors.Is(err, ErrFork):
		return faultf(Forked, v.name, "the checkpoint that witnesses saw has another root with the same %d lines", v.tree.Size)
	case errors.As(err, &unknown):
		return faultf(Unverifiable, v.name, "none of the keys at hand signed the checkpoint that witnesses saw")
	case err != nil:
		return faultf(Tampered, v.name, "the checkpoint that witnesses saw: %v", err)
	}
	v.cosigned = []byte(w.Checkpoint)
	if len(v.Witnesses) == 0 {
		v.report.Notes = append(v.report.Notes,
			fmt.Sprintf("its checkpoint of %d events has cosignatures, which --witness-key verifies", c.Size))
	}
	return nil
}

// openAnchors reads the anchored checkpoints. Those behind the export are those
// of events that it does not have.
func (v *exportVerifier) openAnchors() error {
	all, err := openAnchors(v.VerifyOptions, v.tree.Origin)
	if err != nil {
		return err
	}
	v.anchors = slices.DeleteFunc(slices.Clone(all), func(a anchor) bool { return a.Size > v.tree.Size })
	if n := len(all) - len(v.anchors); n > 0 {
		v.report.Notes = append(v.report.Notes,
			fmt.Sprintf("%d of the anchored checkpoints are newer than the export and were not compared", n))
	}
	for _, a := range v.anchors {
		v.cuts = append(v.cuts, a.Size)
	}
	slices.Sort(v.cuts)
	return nil
}

// openAgainst reads the earlier checkpoint, if there is one, and compares it
// with the present as far as that needs no line.
func openAgainst(o VerifyOptions, now Checkpoint) (*Checkpoint, error) {
	if o.Against == nil {
		return nil, nil
	}
	old, err := OpenCheckpoint(o.Against, o.Keys)
	switch {
	case err != nil:
		return nil, faultf(Unverifiable, "", "the earlier %v", err)
	case old.Origin != now.Origin:
		return nil, faultf(Unverifiable, "", "the earlier checkpoint is one of %q, this log is %q",
			old.Origin, now.Origin)
	case old.Size > now.Size:
		return nil, faultf(RolledBack, "", "the log had %d lines and has %d", old.Size, now.Size)
	case old.Size == now.Size && old.Root != now.Root:
		return nil, faultf(Forked, "", "the log had another root with the same %d lines", now.Size)
	}
	return &old, nil
}

// noteFault says what is wrong with a signed note.
func noteFault(file string, err error) *Fault {
	var unknown *note.UnverifiedNoteError
	if errors.As(err, &unknown) {
		return faultf(Unverifiable, file, "none of the keys at hand signed it")
	}
	return faultf(Tampered, file, "%v", err)
}

// missing makes a fault of an error that says that a file is not there.
func missing(err error, v Verdict, file string) error {
	var f *Fault
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return faultf(v, file, "it is missing")
	}
	if errors.As(err, &f) {
		return f
	}
	return fmt.Errorf("read %s: %w", file, err)
}

// readLimited reads a regular file of at most so many bytes.
func readLimited(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		return nil, faultf(Tampered, name, "it has more than %d bytes", most)
	}
	return data, err
}
