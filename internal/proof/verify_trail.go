package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"golang.org/x/mod/sumdb/tlog"
)

// Limits of the proof of a trail.
const (
	maxTrailProof  = 1 << 29 // bytes
	maxTrailRanges = 1 << 20
)

// VerifyTrail verifies the proof of a trail, the file of that name in fsys. An
// error is one of reading or of ctx; what is wrong with the trail is in the
// report. A trail that does not reach to the size of its checkpoint is
// [Incomplete], unless sealedOnly is content with its sealed ranges.
func VerifyTrail(ctx context.Context, fsys fs.FS, name string, sealedOnly bool, o VerifyOptions) (Report, error) {
	v := &trailVerifier{VerifyOptions: o, ctx: ctx, fs: fsys, name: name, sealedOnly: sealedOnly}
	return v.report.conclude(v.run())
}

// IsTrail reports whether a JSON document is the proof of a trail, by the first
// of its members that says so. It reads little of it.
func IsTrail(r io.Reader) bool {
	d := jsontext.NewDecoder(io.LimitReader(r, 1<<20))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for range 8 {
		t, err := d.ReadToken()
		if err != nil || t.Kind() != '"' {
			return false
		}
		if name := t.String(); name == "complete_to" {
			return true
		}
		if d.SkipValue() != nil {
			return false
		}
	}
	return false
}

// trailVerifier verifies the proof of one trail.
type trailVerifier struct {
	VerifyOptions
	ctx        context.Context
	fs         fs.FS
	name       string
	sealedOnly bool
	report     Report

	proof   TrailProof
	tree    Checkpoint
	against *Checkpoint
	sealed  uint64 // the first index behind the ranges
}

func (v *trailVerifier) run() error {
	if err := v.read(); err != nil {
		return err
	}
	for i := range v.proof.Ranges {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if err := v.rangeOf(&v.proof.Ranges[i]); err != nil {
			return err
		}
		if v.Progress != nil {
			v.Progress(int64(v.sealed), int64(v.tree.Size))
		}
	}
	if err := v.open(); err != nil {
		return err
	}
	if err := v.history(); err != nil {
		return err
	}
	return v.conclude()
}

// read reads the proof, and verifies the signature of its checkpoint.
func (v *trailVerifier) read() error {
	text, err := readLimited(v.fs, v.name, maxTrailProof)
	if err != nil {
		return missing(err, Incomplete, v.name)
	}
	p := &v.proof
	var syntax *jsontext.SyntacticError
	switch err := json.Unmarshal(text, p, json.RejectUnknownMembers(true)); {
	case errors.As(err, &syntax) && errors.Is(err, io.ErrUnexpectedEOF):
		return v.faultf(Incomplete, "the file ends within the proof")
	case err != nil:
		return v.faultf(Tampered, "it is not the JSON of a trail's proof")
	case p.Format != trailFormat:
		return v.faultf(Unverifiable, "it is of format %d; this program reads %d", p.Format, trailFormat)
	case (p.SecretPath == "") == (p.IdentityID == ""):
		return v.faultf(Tampered, "want the trail of one secret or of one identity")
	case len(p.Ranges) > maxTrailRanges:
		return v.faultf(Tampered, "it has more than %d ranges", maxTrailRanges)
	}
	if v.tree, err = OpenCheckpoint([]byte(p.Checkpoint), v.Keys); err != nil {
		return noteFault(v.name, err)
	}
	v.report.Origin, v.report.Size, v.report.Root = v.tree.Origin, v.tree.Size, v.tree.Root.String()
	if path.Base(v.tree.Origin) != string(p.Tenant) {
		return v.faultf(Tampered, "its tenant is %q, its checkpoint one of %q", p.Tenant, v.tree.Origin)
	}
	v.against, err = openAgainst(v.VerifyOptions, v.tree)
	return err
}

func (v *trailVerifier) faultf(verdict Verdict, format string, args ...any) *Fault {
	return faultf(verdict, v.name, format, args...)
}

// rangeOf verifies what the next range has of the trail.
func (v *trailVerifier) rangeOf(r *TrailRange) error {
	s, err := ParseSeal(r.Seal.Index, r.Seal.Event)
	if err != nil || s.Index >= v.tree.Size {
		return v.faultf(Tampered, "the event with index %d does not seal a range", r.Seal.Index)
	}
	from, to := s.Shape.bounds(s.Range)
	switch {
	case from > v.sealed:
		return v.faultf(Incomplete, "the range of the events %d to %d is missing", v.sealed, from-1)
	case from < v.sealed:
		return v.faultf(Tampered, "the range from %d follows one that ends at %d", from, v.sealed)
	}
	v.sealed = to
	if err := v.place(r, &s); err != nil {
		return err
	}
	return v.events(r, &s)
}

// place verifies that the range has of the trail what is said.
func (v *trailVerifier) place(r *TrailRange, s *Seal) error {
	from, to := s.Shape.bounds(s.Range)
	key, hash := v.proof.key(), emptyRoot()
	switch {
	case len(r.Path) > keyBits, (r.Chain == nil) != (r.Count == 0), r.Chain != nil && r.Neighbour != nil:
		return v.faultf(Tampered, "what it says of the events %d to %d is malformed", from, to-1)
	case r.Chain != nil:
		hash = leafOf(key, (&chain{*r.Chain, r.Count}).value())
	case r.Neighbour != nil:
		if r.Neighbour.Key == key || !shares(&r.Neighbour.Key, &key, len(r.Path)) {
			return v.faultf(Tampered, "in the events %d to %d the neighbour is not one", from, to-1)
		}
		hash = leafOf(r.Neighbour.Key, r.Neighbour.Value)
	}
	if climbMap(key, hash, r.Path) != s.Root {
		return v.faultf(Tampered, "of the events %d to %d it does not tell what was sealed", from, to-1)
	}
	return nil
}

// events verifies that the events of the trail are those of the range.
func (v *trailVerifier) events(r *TrailRange, s *Seal) error {
	from, to := s.Shape.bounds(s.Range)
	next := from
	for i := range r.Events {
		e := &r.Events[i]
		if e.Index < next || e.Index >= to {
			return v.faultf(Tampered, "the event with index %d is not in its place", e.Index)
		}
		if !v.proof.has(&e.Event) {
			return v.at(e.Index, v.faultf(Tampered, "the event with index %d is not one of %s", e.Index, v.proof.Subject))
		}
		next = e.Index + 1
	}
	n := uint64(len(r.Events))
	switch {
	case n < r.Count:
		return v.faultf(Incomplete, "%d of %d events are missing among the indexes %d to %d", r.Count-n, r.Count,
			from, to-1)
	case n > r.Count:
		return v.faultf(Tampered, "%d events among the indexes %d to %d, where the log has %d", n, from, to-1, r.Count)
	case n > 0 && chainOf(s, r.Events).hash != *r.Chain:
		return v.faultf(Tampered, "the events among the indexes %d to %d are not those that were sealed", from, to-1)
	}
	v.report.Records += n
	return nil
}

func (v *trailVerifier) at(index uint64, f *Fault) *Fault {
	f.Index = &index
	return f
}

// open verifies the events behind the ranges, and that they and the events that
// seal ranges are in the tree.
func (v *trailVerifier) open() error {
	p := &v.proof
	if v.sealed > v.tree.Size {
		return v.faultf(Tampered, "its ranges end behind its checkpoint")
	}
	want := v.tree.Size - v.sealed
	if n := uint64(len(p.Open)); p.Open != nil && n < want {
		return v.faultf(Incomplete, "%d of %d events behind its ranges are missing", want-n, want)
	} else if n > want {
		return v.faultf(Tampered, "%d events behind its ranges, where the log has %d", n, want)
	}
	var fold folder
	var line []byte
	for i := range p.Open {
		line = p.Open[i].AppendLine(line[:0])
		fold.add(v.sealed+uint64(i), tlog.RecordHash(line))
		if p.has(&p.Open[i]) {
			v.report.Records++
		}
	}
	for i := range p.Ranges {
		e := &p.Ranges[i].Seal
		if p.Open != nil && e.Index >= v.sealed && e.Event != p.Open[e.Index-v.sealed] {
			return v.faultf(Tampered, "the event with index %d is there in two forms", e.Index)
		}
	}
	hashes := p.Hashes
	err := verifyNodes(v.tree.Root, v.tree.Size, p.sealNodes(v.sealed, fold.nodes), func() (h Hash, ok bool) {
		if ok = len(hashes) > 0; ok {
			h, hashes = hashes[0], hashes[1:]
		}
		return h, ok
	})
	if err != nil {
		return v.faultf(Tampered, "the events that seal its ranges, or those behind them: %v", err)
	}
	return nil
}

// history checks that the log continues the earlier checkpoint.
func (v *trailVerifier) history() error {
	switch {
	case v.against == nil || v.against.Size == v.tree.Size:
		return nil
	case v.Consistency == nil:
		return faultf(Unverifiable, "", "it takes a consistency proof from %d to %d (--consistency) to compare with the "+
			"earlier checkpoint", v.against.Size, v.tree.Size)
	}
	return consistent(v.Consistency, *v.against, v.tree)
}

// conclude says how far the trail is complete.
func (v *trailVerifier) conclude() error {
	end := v.sealed
	if v.proof.Open != nil {
		end = v.tree.Size
	}
	if end < v.tree.Size && !v.sealedOnly {
		return v.at(end, v.faultf(Incomplete, "the trail is complete up to index %d; the events from there to the %d "+
			"of its checkpoint are not shown", end, v.tree.Size))
	}
	v.report.Whole = end == v.tree.Size
	v.report.Proved = append(v.report.Proved, fmt.Sprintf("These are all %d events of %s among the first %d of the log "+
		"that %s signed, unaltered.", v.report.Records, v.proof.Subject, end, v.tree.Origin))
	if !v.report.Whole {
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("of the %d events behind them nothing is said", v.tree.Size-end))
	}
	if v.against != nil {
		v.report.Proved = append(v.report.Proved,
			fmt.Sprintf("The log continues the earlier checkpoint of %d events.", v.against.Size))
	}
	return nil
}
