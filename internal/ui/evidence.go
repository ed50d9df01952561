package ui

import (
	"context"
	"net/http"
	"strings"

	"github.com/scaivault/audit"
)

// Evidence is what the pages ask of what proves a log to be whole and
// unaltered.
type Evidence interface {
	// Sealed tells how far a log is signed. It does not wait for the disk.
	Sealed(tenant audit.TenantID) Sealed
	// Latest returns the latest signed checkpoint; before the first one that is
	// an [audit.CodeNotFound].
	Latest(tenant audit.TenantID) (Checkpoint, error)
	// Verifiers returns the verifier keys of a log, the newest first.
	Verifiers(tenant audit.TenantID) ([]string, error)
	// Prove proves that an event is in the log, and verifies the proof before it
	// returns it. An event that is newer than the latest checkpoint makes the
	// next one due.
	Prove(ctx context.Context, tenant audit.TenantID, r *audit.Record) (Proof, error)
	// VerifyCheckpoint finds out whether the log continues a checkpoint that
	// somebody kept.
	VerifyCheckpoint(ctx context.Context, tenant audit.TenantID, note []byte) (Finding, error)
	// VerifyManifest finds out whether the server signed the manifest of an
	// export, and whether the log continues the checkpoint in it.
	VerifyManifest(ctx context.Context, tenant audit.TenantID, manifest, signature []byte) (Finding, error)
}

// Sealed is how far a log is signed.
type Sealed struct {
	Size      uint64     // events that the latest checkpoint covers
	Uncovered uint64     // events behind it
	At        audit.Time // when it was last seen to be right; 0 if not since the start
	Refused   string     // why the log is not signed; "" if it is
	Doubts    []Doubt    // of witnesses that saw another log
}

// Doubt is what a witness says of a log that is not what the log is.
type Doubt struct {
	Witness string
	Says    string
	Proved  bool       // by what the witness shows; the following are of what is not
	Since   audit.Time // of its first refusal since the start
	Times   uint64
}

// Checkpoint is a signed statement of what a log was.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   string // base64
	Note   string // the text that is signed, with its signatures
}

// Proof is a proof of inclusion that was verified.
type Proof struct {
	JSON     string // as the API answers it
	LeafHash string // base64
	Hashes   []string
	Checkpoint
}

// Finding is what a verification found.
type Finding struct {
	Verdict string // ok, tampered, unverifiable, rollback or fork
	Fault   string // "" if that is ok
	Origin  string
	Size    uint64
	Root    string
	Proved  []string
	Files   []FoundFile // of a manifest whose signature is right
}

// FoundFile is a file that a manifest names.
type FoundFile struct {
	Key     string
	SHA256  string // lower-case hex
	Size    uint64 // bytes
	Records uint64
}

// evidencePage shows what is proved, and verifies what somebody brings.
type evidencePage struct {
	frame
	Sealed  Sealed
	Age     when
	Doubts  []doubt
	Last    *Checkpoint // nil before the first one
	Keys    []signingKey
	History []mark
	Event   string // what is to be proved
	Proof   *proofPart
	Doc     string // what is to be verified
	Sig     string
	Finding *findingPart
}

// doubt is what a witness says of the log that is not what it is.
type doubt struct {
	Doubt
	Since when
}

// signingKey is a verifier key: who signs, and the hash that notes name it by.
type signingKey struct{ Name, Hash, Text string }

// mark is a moment of the history of a log's evidence.
type mark struct {
	Head, Note, URL string
	When            *when
	Fail            bool
}

// proofPart is the proof of one event, or why there is none.
type proofPart struct {
	ID      string
	Index   uint64
	Says    string
	Who     *identity
	Path    *secretPath
	Proof   Proof
	Steps   []int // one per hash, where it is drawn
	Problem *problem
}

// Nth returns the place of the event in the log, counted from 1.
func (x *proofPart) Nth() uint64 { return x.Index + 1 }

// End returns where the root is drawn, and Width how wide the drawing is.
func (x *proofPart) End() int   { return 27 + 19*len(x.Steps) }
func (x *proofPart) Width() int { return max(460, x.End()+10) }

// findingPart is the result of a verification, or why there is none.
type findingPart struct {
	Finding
	OK      bool
	Head    string
	Means   string
	Problem *problem
}

// maxHistory is how many exports the history shows.
const maxHistory = 8

// evidence answers GET /ui/evidence.
func (s *Server) evidence(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	x, err := s.newEvidence(p)
	if err != nil {
		return err
	}
	s.render(p.w, p.r, http.StatusOK, "evidence", x)
	return nil
}

// newEvidence fills what the page shows before anything is verified.
func (s *Server) newEvidence(p *page) (*evidencePage, error) {
	x := &evidencePage{frame: p.frame("Evidence", "evidence"), Sealed: s.Evidence.Sealed(p.tenant)}
	x.Age = newWhen(x.Sealed.At, x.Now)
	for _, d := range x.Sealed.Doubts {
		x.Doubts = append(x.Doubts, doubt{d, newWhen(d.Since, x.Now)})
	}
	last, err := s.Evidence.Latest(p.tenant)
	if err == nil {
		x.Last = &last
	} else if audit.ErrorCode(err) != audit.CodeNotFound {
		return nil, err
	}
	keys, err := s.Evidence.Verifiers(p.tenant)
	if err != nil {
		return nil, err
	}
	for _, text := range keys {
		name, rest, _ := strings.Cut(text, "+")
		hash, _, _ := strings.Cut(rest, "+")
		x.Keys = append(x.Keys, signingKey{name, hash, text})
	}
	return x, s.history(p, x)
}

// history lists what is kept of earlier checkpoints: the latest one, those of
// exports in their manifests, and where evidence had to begin anew.
func (s *Server) history(p *page, x *evidencePage) error {
	if x.Last != nil {
		x.History = append(x.History, mark{Head: number(x.Last.Size) + " events", Note: "the latest, kept here"})
	}
	if p.who.May(audit.ScopeExport) {
		q := audit.ExportQuery{Limit: maxHistory, Status: audit.ExportCompleted, Within: p.who.PathPrefixes}
		found, err := s.Exports.List(p.r.Context(), p.tenant, q)
		if err != nil {
			return err
		}
		for i := range found.Exports {
			e := &found.Exports[i]
			if e.ManifestKey == nil {
				continue
			}
			w := newWhen(e.CreatedAt, x.Now)
			x.History = append(x.History, mark{Head: number(e.AsOf) + " events", Note: "kept in the manifest of an export",
				URL: exportURL(e.ID), When: &w})
		}
	}
	gaps, err := s.gaps(p, x.Now)
	if err != nil {
		return err
	}
	for i := range gaps {
		x.History = append(x.History, mark{Head: "A gap, on record", Note: "evidence may begin anew here; the event says why",
			URL: gaps[i].URL, When: &gaps[i].When, Fail: true})
	}
	return nil
}

// checkpointFile answers GET /ui/evidence/checkpoint: the note, to be kept.
func (s *Server) checkpointFile(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	last, err := s.Evidence.Latest(p.tenant)
	if err != nil {
		return err
	}
	return p.download(string(p.tenant)+"-"+p.now.UTC().Format("2006-01-02")+".checkpoint", last.Note)
}

// keysFile answers GET /ui/evidence/keys: the verifier keys, to be kept.
func (s *Server) keysFile(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	keys, err := s.Evidence.Verifiers(p.tenant)
	if err != nil {
		return err
	}
	return p.download(string(p.tenant)+".keys", strings.Join(keys, "\n")+"\n")
}

// download answers with a text that the browser saves.
func (p *page) download(name, text string) error {
	h := p.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`) // the name of a tenant needs no quoting
	_, err := p.w.Write([]byte(text))
	return err
}

// seal is the mark of the top bar.
type seal struct{ Class, Text, Long string }

// newSeal says in the top bar how far the log is signed.
func newSeal(x Sealed, now audit.Time) seal {
	switch {
	case x.Refused != "":
		return seal{"none", "Not signed", ""}
	case x.Uncovered == 0 && x.Size == 0:
		return seal{"", "Nothing to sign", ""}
	case x.Uncovered == 0:
		return seal{"", "Sealed", "all " + number(x.Size) + " events"}
	case now-x.At > sealLate:
		return seal{"late", number(x.Uncovered) + " not sealed", ""}
	}
	return seal{"", "Sealing", number(x.Uncovered) + " " + plural(x.Uncovered, "event", "events") + " to go"}
}

// sealLate is from when on a log that grew and is not signed is late.
const sealLate = 5 * audit.Second
