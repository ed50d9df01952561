package api

import (
	"context"
	"strconv"

	"github.com/scaivault/audit"
)

// Evidence is what the API needs of what proves a log to be whole and
// unaltered. The answers of Inclusion, Consistency and Trail are encoded as JSON.
type Evidence interface {
	// Checkpoint returns the latest signed checkpoint of a tenant's log, the text
	// of a C2SP signed note. It is an [audit.CodeNotFound] before the first one.
	Checkpoint(ctx context.Context, tenant audit.TenantID) ([]byte, error)
	// Witnessed returns the newest one that a witness cosigned, in the same way.
	Witnessed(ctx context.Context, tenant audit.TenantID) ([]byte, error)
	// Verifiers returns the verifier keys of a tenant's log, the newest first.
	Verifiers(tenant audit.TenantID) ([]string, error)
	// Statements returns how keys vouch for those that took their place, as signed
	// notes.
	Statements() []string
	// Inclusion proves that the event with the id and the index is in the log.
	Inclusion(ctx context.Context, tenant audit.TenantID, id audit.EventID, index uint64) (any, error)
	// Consistency proves that the log of the size to continues that of the size
	// from; sizes that cannot be are an [audit.CodeValidationError].
	Consistency(ctx context.Context, tenant audit.TenantID, from, to uint64) (any, error)
	// Trail proves that of a secret's or an identity's events, whichever is not "",
	// none is missing. Sealed withholds the newest events of the log, of which the
	// proof has all, whosever they are.
	Trail(ctx context.Context, tenant audit.TenantID, path audit.Path, id audit.IdentityID, sealed bool) (any, error)
}

// checkpoint answers GET /v1/audit/checkpoint.
func (s *Server) checkpoint(r *request) error {
	if err := r.only("witnessed"); err != nil {
		return err
	}
	newest := s.Evidence.Checkpoint
	switch r.params["witnessed"] {
	case "", "false":
	case "true":
		newest = s.Evidence.Witnessed
	default:
		return audit.Invalid([]audit.FieldError{{Field: "witnessed", Message: "want true or false"}})
	}
	note, err := newest(r.Context(), r.tenant)
	if err != nil {
		return err
	}
	r.writeAs("text/plain; charset=utf-8", statusOK, note)
	return nil
}

// keys answers GET /v1/audit/keys.
func (s *Server) keys(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	keys, err := s.Evidence.Verifiers(r.tenant)
	if err != nil {
		return err
	}
	return r.answer(statusOK, struct {
		Keys       []string `json:"keys"`
		Statements []string `json:"statements,omitempty"`
	}{listOf(keys), s.Evidence.Statements()})
}

// inclusion answers GET /v1/audit/proofs/inclusion. Of an event that the
// principal may not see there is no proof, as there is no event.
func (s *Server) inclusion(r *request) error {
	if err := r.only("id"); err != nil {
		return err
	}
	id := audit.EventID(r.params["id"])
	if !id.Valid() {
		return audit.Invalid([]audit.FieldError{{Field: "id", Message: "want the id of an event"}})
	}
	record, err := s.Log.Event(r.Context(), r.tenant, id, r.principal.PathPrefixes)
	if err != nil {
		return err
	}
	proof, err := s.Evidence.Inclusion(r.Context(), r.tenant, id, record.Index)
	if err != nil {
		return err
	}
	return r.answer(statusOK, proof)
}

// consistency answers GET /v1/audit/proofs/consistency.
func (s *Server) consistency(r *request) error {
	if err := r.only("from_size", "to_size"); err != nil {
		return err
	}
	var bad []audit.FieldError
	size := func(name string) uint64 {
		n, err := strconv.ParseUint(r.params[name], 10, 64)
		if err != nil || n < 1 || n > audit.MaxIndex+1 {
			bad = append(bad, audit.FieldError{Field: name, Message: "want the size of a log, a number from 1 on"})
		}
		return n
	}
	from, to := size("from_size"), size("to_size")
	if bad == nil && from > to {
		bad = append(bad, audit.FieldError{Field: "from_size", Message: "want at most to_size"})
	}
	if bad != nil {
		return audit.Invalid(bad)
	}
	proof, err := s.Evidence.Consistency(r.Context(), r.tenant, from, to)
	if err != nil {
		return err
	}
	return r.answer(statusOK, proof)
}

// trailProof answers GET /v1/audit/proofs/trail. Whoever is bound to paths gets
// proofs of secrets below them, without the events that no range has yet: those
// are everybody's.
func (s *Server) trailProof(r *request) error {
	if err := r.only("secret_path", "identity_id"); err != nil {
		return err
	}
	if (r.params["secret_path"] == "") == (r.params["identity_id"] == "") {
		return audit.Invalid([]audit.FieldError{{Field: "secret_path", Message: "want this or identity_id"}})
	}
	q, err := audit.ParseQuery(r.params)
	if err != nil {
		return err
	}
	scope := audit.Filter{Within: r.principal.PathPrefixes}
	bound := len(scope.Within) > 0
	if bound && !scope.MatchPath(q.SecretPath) {
		return audit.Errorf(audit.CodeAccessDenied, "a token that is bound to paths gets proofs of the secrets below them only")
	}
	proof, err := s.Evidence.Trail(r.Context(), r.tenant, q.SecretPath, q.IdentityID, bound)
	if err != nil {
		return err
	}
	return r.answer(statusOK, proof)
}
