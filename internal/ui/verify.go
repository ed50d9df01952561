package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// MaxVerified is the longest form with something to verify, in bytes. A
// manifest of a hundred files has 30 kB.
const MaxVerified = 4 << 20

// verifyURL is where such a form goes.
const verifyURL = "/ui/evidence/verify"

// prove answers GET /ui/proof: the proof that an event is in the log, as a part
// for htmx and else on the page about evidence.
func (s *Server) prove(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	id := strings.TrimSpace(p.r.URL.Query().Get("id"))
	part := s.proof(p, audit.EventID(id))
	status := http.StatusOK
	if part.Problem != nil {
		status = part.Problem.Status
	}
	if p.fragment() {
		s.render(p.w, p.r, status, "proof-part", part)
		return nil
	}
	x, err := s.newEvidence(p)
	if err != nil {
		return err
	}
	x.Event, x.Proof = id, part
	s.render(p.w, p.r, status, "evidence", x)
	return nil
}

// proof proves one event. Of one that is out of reach there is no proof, as
// there is no event.
func (s *Server) proof(p *page, id audit.EventID) *proofPart {
	x := &proofPart{ID: string(id)}
	err := error(audit.Errorf(audit.CodeEventNotFound, "no event has such an id"))
	var r audit.Record
	if id.Valid() {
		r, err = s.Log.Event(p.r.Context(), p.tenant, id, p.who.PathPrefixes)
	}
	if err == nil {
		x.Proof, err = s.Evidence.Prove(p.r.Context(), p.tenant, &r)
	}
	if err != nil {
		problem := s.explain(err)
		problem.Step, problem.StepURL = "Evidence", "/ui/evidence"
		x.Problem = &problem
		return x
	}
	x.Index, x.Says = r.Index, says(&r.Event)
	x.Who, x.Path = newIdentity(r.IdentityID, r.IdentityType), newPath(r.SecretPath)
	for i := range x.Proof.Hashes {
		x.Steps = append(x.Steps, 27+19*i)
	}
	return x
}

// verify answers POST /ui/evidence/verify: whether the server signed what is
// pasted, a manifest or a checkpoint, and whether the log continues it.
func (s *Server) verify(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	doc, sig := plainText(p.r.PostFormValue("document")), plainText(p.r.PostFormValue("signature"))
	part := s.find(p, doc, sig)
	status := http.StatusOK
	if part.Problem != nil {
		status = part.Problem.Status
	}
	if p.fragment() {
		s.render(p.w, p.r, status, "finding-part", part)
		return nil
	}
	x, err := s.newEvidence(p)
	if err != nil {
		return err
	}
	x.Doc, x.Sig, x.Finding = doc, sig, part
	s.render(p.w, p.r, status, "evidence", x)
	return nil
}

// plainText returns the text of a form's field with the line ends that files
// have; forms send others (HTML standard, 4.10.21.7).
func plainText(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// meanings say what a verdict means.
var meanings = map[string]struct{ head, means string }{
	"ok":           {"The server signed it, and the log continues it", ""},
	"tampered":     {"It is not what was signed", "Something was changed, or pasted incompletely. Take it from its source again."},
	"unverifiable": {"No key of this log signed it", "It is of another tenant or server, or of nobody that this log knows."},
	"rollback":     {"The log is shorter than it was", "Events were cut off, or an old backup was restored. Ask the operator which."},
	"fork":         {"The log has another history than it had", "Events were changed or replaced. Keep what you pasted: it is the evidence."},
}

// find verifies a manifest with its signature, or a checkpoint.
func (s *Server) find(p *page, doc, sig string) *findingPart {
	var f Finding
	var err error
	switch {
	case strings.TrimSpace(doc) == "":
		err = audit.Invalid([]audit.FieldError{{Field: "document", Message: "want a manifest.json or a checkpoint"}})
	case strings.HasPrefix(strings.TrimSpace(doc), "{") && strings.TrimSpace(sig) == "":
		err = audit.Invalid([]audit.FieldError{{Field: "signature", Message: "want the text of manifest.json.sig, which stands beside the manifest"}})
	case strings.HasPrefix(strings.TrimSpace(doc), "{"):
		f, err = s.Evidence.VerifyManifest(p.r.Context(), p.tenant, []byte(doc), ended(sig))
		if err == nil && f.Verdict == "tampered" { // perhaps by a line end that was lost in copying
			f, err = s.Evidence.VerifyManifest(p.r.Context(), p.tenant, ended(doc), ended(sig))
		}
	default:
		f, err = s.Evidence.VerifyCheckpoint(p.r.Context(), p.tenant, ended(doc))
	}
	if err != nil {
		problem := s.explain(err)
		if problem.Status == http.StatusUnprocessableEntity {
			problem.Head, problem.Text = "There is something to add", "Paste it, or drop the file."
		}
		problem.Step, problem.StepURL = "", ""
		return &findingPart{Problem: &problem}
	}
	m := meanings[f.Verdict]
	slices.SortFunc(f.Files, func(a, b FoundFile) int { return strings.Compare(a.Key, b.Key) })
	return &findingPart{Finding: f, OK: f.Verdict == "ok", Head: m.head, Means: m.means}
}

// ended returns a signed note with the one line end that it ends with, which
// is easily lost or doubled in copying.
func ended(note string) []byte { return []byte(strings.Trim(note, "\n") + "\n") }
