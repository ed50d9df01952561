package store

import (
	"context"
	"math"

	"github.com/scaivault/audit"
)

// Summary counts the events that the query selects; its range and its limits
// are set ([audit.SummaryQuery.Default]).
func (s *Store) Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (audit.Summary, error) {
	v, p := s.reader(tenant).read(&q.Filter, math.MaxUint64)
	start, n := audit.Time(0), 0
	if q.Interval > 0 {
		start, n = audit.Buckets(*q.From, *q.To, q.Interval)
	}
	timeline := make([]audit.Bucket, n)
	for i := range timeline {
		timeline[i].Start = start + audit.Time(i)*q.Interval
	}
	var all count
	actions, identities, paths := v.tally(colAction), v.tally(colIdentity), v.tally(colPath)
	err := v.each(ctx, p, func(c *chunk, i int) {
		all.add(c.time[i], c.success[i])
		actions[c.codes[colAction][i]]++
		identities[c.codes[colIdentity][i]]++
		paths[c.codes[colPath][i]]++
		if n > 0 {
			b := &timeline[(c.time[i]-start)/q.Interval]
			b.TotalEvents++
			if !c.success[i] {
				b.FailedEvents++
			}
		}
	})
	if err != nil {
		return audit.Summary{}, err
	}
	return audit.Summary{
		TotalEvents:      all.total,
		SuccessfulEvents: all.total - all.failed,
		FailedEvents:     all.failed,
		ActionsBreakdown: actions.breakdown(v.values[colAction]),
		TopIdentities:    identities.identities(v, q.Top),
		TopResources:     paths.paths(v, q.Top),
		From:             *q.From,
		To:               *q.To,
		AsOf:             v.size(),
		Timeline:         timeline,
	}, nil
}

// Secret returns a page of the trail of the secret q.SecretPath, and the
// summary of its last thirty days, to which the query's other filters do not
// apply.
func (s *Store) Secret(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.SecretTrail, error) {
	page, err := s.Query(ctx, tenant, q)
	if err != nil {
		return audit.SecretTrail{}, err
	}
	trail := audit.SecretTrail{Page: page, Path: q.SecretPath}
	f := audit.Filter{SecretPath: q.SecretPath, Within: q.Within}
	v, partners, err := s.trail(ctx, tenant, f, colIdentity, &trail.Summary.TrailSummary)
	if err != nil {
		return audit.SecretTrail{}, err
	}
	trail.Summary.UniqueIdentities = partners.unique()
	trail.Summary.TopIdentities = partners.identities(v, audit.DefaultTop)
	return trail, nil
}

// Identity returns a page of the trail of the identity q.IdentityID, and the
// summary of its last thirty days, to which the query's other filters do not
// apply.
func (s *Store) Identity(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.IdentityTrail, error) {
	page, err := s.Query(ctx, tenant, q)
	if err != nil {
		return audit.IdentityTrail{}, err
	}
	trail := audit.IdentityTrail{Page: page, IdentityID: q.IdentityID}
	f := audit.Filter{IdentityID: q.IdentityID, Within: q.Within}
	v, partners, err := s.trail(ctx, tenant, f, colPath, &trail.Summary.TrailSummary)
	if err != nil {
		return audit.IdentityTrail{}, err
	}
	trail.Summary.UniqueResources = partners.unique()
	trail.Summary.TopResources = partners.paths(v, audit.DefaultTop)
	newest, err := s.Query(ctx, tenant, audit.Query{Filter: f, Limit: 1})
	if err == nil && len(newest.Records) > 0 {
		trail.IdentityType = newest.Records[0].IdentityType
	}
	return trail, err
}

// trail counts the events of the last thirty days that the filter selects, and
// tallies the column of those on the other side: a secret's identities, an
// identity's secrets.
func (s *Store) trail(ctx context.Context, tenant audit.TenantID, f audit.Filter, col int,
	sum *audit.TrailSummary) (*view, tally, error) {
	to := audit.TimeOf(s.opts.Clock())
	from := max(0, to-audit.TrailPeriod)
	f.From, f.To = &from, &to
	v, p := s.reader(tenant).read(&f, math.MaxUint64)
	var all count
	actions, partners := v.tally(colAction), v.tally(col)
	err := v.each(ctx, p, func(c *chunk, i int) {
		all.add(c.time[i], c.success[i])
		actions[c.codes[colAction][i]]++
		partners[c.codes[col][i]]++
	})
	*sum = audit.TrailSummary{
		PeriodDays:       int(audit.TrailPeriod / audit.Day),
		From:             from,
		To:               to,
		TotalEvents:      all.total,
		SuccessfulEvents: all.total - all.failed,
		FailedEvents:     all.failed,
		ActionsBreakdown: actions.breakdown(v.values[colAction]),
	}
	sum.FirstAccessedAt, sum.LastAccessedAt = all.times()
	return v, partners, err
}
