package api

import "github.com/scaivault/audit"

// summary answers GET /v1/audit/summary.
func (s *Server) summary(r *request) error {
	q, err := audit.ParseSummaryQuery(r.params)
	if err != nil {
		return err
	}
	if err := q.Default(s.Clock()); err != nil {
		return err
	}
	q.Within = r.principal.PathPrefixes
	sum, err := s.Log.Summary(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	sum.ActionsBreakdown = counts(sum.ActionsBreakdown)
	sum.TopIdentities = listOf(sum.TopIdentities)
	sum.TopResources = listOf(sum.TopResources)
	var body struct {
		audit.Summary
		Timeline *[]audit.Bucket `json:"timeline,omitempty"` // [] if asked for and empty
	}
	body.Summary = sum
	if q.Interval > 0 {
		buckets := listOf(sum.Timeline)
		body.Timeline = &buckets
	}
	return r.answer(statusOK, body)
}
