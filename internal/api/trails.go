package api

import "github.com/scaivault/audit"

// secretTrail answers GET /v1/audit/secrets/{path}.
func (s *Server) secretTrail(r *request) error {
	q, err := audit.ParseQuery(r.params, "secret_path")
	if err != nil {
		return err
	}
	if q.SecretPath, err = audit.ParsePath(r.values["path"]); err != nil {
		return err
	}
	binding, err := s.open(r, &q)
	if err != nil {
		return err
	}
	t, err := s.Log.Secret(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	b := audit.AppendString([]byte(`{"path":`), string(q.SecretPath))
	b = appendEvents(append(b, ','), t.Records, q.Proof)
	if b, err = appendSummary(b, secretSummary(&t.Summary)); err != nil {
		return err
	}
	r.write(statusOK, append(s.appendNext(b, r, t.Next, binding), '}'))
	return nil
}

// identityTrail answers GET /v1/audit/identities/{id}.
func (s *Server) identityTrail(r *request) error {
	q, err := audit.ParseQuery(r.params, "identity_id")
	if err != nil {
		return err
	}
	// The name in the path obeys the rules of the parameter of that name.
	named, err := audit.ParseQuery(audit.Params{"identity_id": r.values["id"]})
	if err != nil {
		return err
	}
	q.IdentityID = named.IdentityID
	binding, err := s.open(r, &q)
	if err != nil {
		return err
	}
	t, err := s.Log.Identity(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	b := audit.AppendString([]byte(`{"identity_id":`), string(q.IdentityID))
	b = append(b, `,"identity_type":`...)
	if t.IdentityType == "" {
		b = append(b, "null"...)
	} else {
		b = audit.AppendString(b, string(t.IdentityType))
	}
	b = appendEvents(append(b, ','), t.Records, q.Proof)
	if b, err = appendSummary(b, identitySummary(&t.Summary)); err != nil {
		return err
	}
	r.write(statusOK, append(s.appendNext(b, r, t.Next, binding), '}'))
	return nil
}

// trailSummary is the JSON of a trail's summary. Of the pairs that count
// identities and resources, a trail has one.
type trailSummary struct {
	PeriodDays       int                     `json:"period_days"`
	From             audit.Time              `json:"from"`
	To               audit.Time              `json:"to"`
	TotalEvents      uint64                  `json:"total_events"`
	SuccessfulEvents uint64                  `json:"successful_events"`
	FailedEvents     uint64                  `json:"failed_events"`
	UniqueIdentities *int                    `json:"unique_identities,omitempty"`
	UniqueResources  *int                    `json:"unique_resources,omitempty"`
	ActionsBreakdown map[audit.Action]uint64 `json:"actions_breakdown"`
	TopIdentities    *[]audit.IdentityCount  `json:"top_identities,omitempty"`
	TopResources     *[]audit.PathCount      `json:"top_resources,omitempty"`
	FirstAccessedAt  *audit.Time             `json:"first_accessed_at"`
	LastAccessedAt   *audit.Time             `json:"last_accessed_at"`
}

func newTrailSummary(t *audit.TrailSummary) trailSummary {
	return trailSummary{
		PeriodDays:       t.PeriodDays,
		From:             t.From,
		To:               t.To,
		TotalEvents:      t.TotalEvents,
		SuccessfulEvents: t.SuccessfulEvents,
		FailedEvents:     t.FailedEvents,
		ActionsBreakdown: counts(t.ActionsBreakdown),
		FirstAccessedAt:  t.FirstAccessedAt,
		LastAccessedAt:   t.LastAccessedAt,
	}
}

func secretSummary(t *audit.SecretSummary) trailSummary {
	j, top := newTrailSummary(&t.TrailSummary), listOf(t.TopIdentities)
	j.UniqueIdentities, j.TopIdentities = &t.UniqueIdentities, &top
	return j
}

func identitySummary(t *audit.IdentitySummary) trailSummary {
	j, top := newTrailSummary(&t.TrailSummary), listOf(t.TopResources)
	j.UniqueResources, j.TopResources = &t.UniqueResources, &top
	return j
}

// appendSummary appends the member summary, with a comma before it.
func appendSummary(b []byte, t trailSummary) ([]byte, error) {
	summary, err := encode(t)
	return append(append(b, `,"summary":`...), summary...), err
}
