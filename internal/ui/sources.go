package ui

import (
	"context"

	"github.com/scaivault/audit"
)

// Sources is what the pages ask of the intake of audit lines, those of Vault and
// OpenBao.
type Sources interface {
	// Health returns why no lines are taken until a restart, or nil.
	Health(ctx context.Context, tenant audit.TenantID) (map[string]any, error)
	// Sockets returns where the socket devices of a tenant's servers connect, as
	// URLs.
	Sockets(tenant audit.TenantID) []string
}

// sourcePart is the intake as the page shows it.
type sourcePart struct {
	URL     string // where HTTP devices post
	Sockets []string
	Problem *problem // nil if lines are taken
}

// sources asks the intake.
func (s *Server) sources(p *page) sourcePart {
	x := sourcePart{URL: origin(p.r) + "/v1/audit/ingest/vault", Sockets: s.Sources.Sockets(p.tenant)}
	if _, err := s.Sources.Health(p.r.Context(), p.tenant); err != nil {
		why := s.explain(err)
		why.Head, why.Text, why.StepURL = "No lines are taken until a restart", "The log of the server has the cause.", ""
		x.Problem = &why
	}
	return x
}

// gapRow is an event that says that something is missing.
type gapRow struct {
	Reason, URL string
	When        when
}

// maxGaps is how many gaps pages show.
const maxGaps = 8

// gaps lists the latest gaps that are on record, the newest first.
func (s *Server) gaps(p *page, now audit.Time) ([]gapRow, error) {
	q := audit.Query{Limit: maxGaps, Filter: audit.Filter{Actions: []audit.Action{audit.ActionAuditGap},
		Within: p.who.PathPrefixes}}
	found, err := s.Log.Query(p.r.Context(), p.tenant, q)
	if err != nil {
		return nil, err
	}
	list := make([]gapRow, 0, len(found.Records))
	st := state{params: audit.Params{"action": string(audit.ActionAuditGap)}}
	for i := range found.Records {
		r := &found.Records[i]
		around := within(max(0, r.Timestamp-audit.Hour), r.Timestamp+audit.Hour)
		list = append(list, gapRow{Reason: reason(r.ExtraData), When: newWhen(r.Timestamp, now),
			URL: st.url(append(around, "event", string(r.ID))...)})
	}
	return list, nil
}
