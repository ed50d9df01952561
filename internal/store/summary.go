package store

import (
	"cmp"
	"context"

	"github.com/scaivault/audit"
)

// Summary counts the events that the query selects; its range and its limits
// are set ([audit.SummaryQuery.Default]).
func (s *Store) Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (audit.Summary, error) {
	v, err := s.reader(tenant).read(&q.Filter, everything)
	if err != nil {
		return audit.Summary{}, err
	}
	timeline := newTimeline(&q)
	var all count
	actions, identities, paths := newTally(colAction), newTally(colIdentity), newTally(colPath)
	err = v.each(ctx, func(p *plan, b block, rows []uint16) {
		for _, i := range rows {
			t, success := b.time(int(i)), b.success(int(i))
			all.add(t, success)
			timeline.add(t, success)
		}
		actions.add(p, b, rows)
		identities.add(p, b, rows)
		paths.add(p, b, rows)
	})
	if err = cmp.Or(err, actions.done(), identities.done(), paths.done()); err != nil {
		return audit.Summary{}, err
	}
	return audit.Summary{
		TotalEvents:      all.total,
		SuccessfulEvents: all.total - all.failed,
		FailedEvents:     all.failed,
		ActionsBreakdown: actions.breakdown(),
		TopIdentities:    identities.identities(q.Top),
		TopResources:     paths.paths(q.Top),
		From:             *q.From,
		To:               *q.To,
		AsOf:             v.size,
		Timeline:         timeline.buckets,
	}, nil
}

// timeline counts rows by intervals; one without buckets counts none.
type timeline struct {
	buckets  []audit.Bucket
	interval audit.Time
}

func newTimeline(q *audit.SummaryQuery) timeline {
	if q.Interval == 0 {
		return timeline{buckets: []audit.Bucket{}}
	}
	start, n := audit.Buckets(*q.From, *q.To, q.Interval)
	t := timeline{make([]audit.Bucket, n), q.Interval}
	for i := range t.buckets {
		t.buckets[i].Start = start + audit.Time(i)*q.Interval
	}
	return t
}

func (t *timeline) add(at audit.Time, success bool) {
	if len(t.buckets) == 0 {
		return
	}
	b := &t.buckets[(at-t.buckets[0].Start)/t.interval]
	b.TotalEvents++
	if !success {
		b.FailedEvents++
	}
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
	identities := newTally(colIdentity)
	if err := s.trail(ctx, tenant, f, identities, &trail.Summary.TrailSummary); err != nil {
		return audit.SecretTrail{}, err
	}
	trail.Summary.UniqueIdentities = len(identities.counts)
	trail.Summary.TopIdentities = identities.identities(audit.DefaultTop)
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
	paths := newTally(colPath)
	if err := s.trail(ctx, tenant, f, paths, &trail.Summary.TrailSummary); err != nil {
		return audit.IdentityTrail{}, err
	}
	trail.Summary.UniqueResources = len(paths.counts)
	trail.Summary.TopResources = paths.paths(audit.DefaultTop)
	newest, err := s.Query(ctx, tenant, audit.Query{Filter: f, Limit: 1})
	if err == nil && len(newest.Records) > 0 {
		trail.IdentityType = newest.Records[0].IdentityType
	}
	return trail, err
}

// trail counts the events of the last thirty days that the filter selects, and
// tallies those on the other side: a secret's identities, an identity's
// secrets.
func (s *Store) trail(ctx context.Context, tenant audit.TenantID, f audit.Filter, partners *tally,
	sum *audit.TrailSummary) error {
	to := audit.TimeOf(s.opts.Clock())
	from := max(0, to-audit.TrailPeriod)
	f.From, f.To = &from, &to
	v, err := s.reader(tenant).read(&f, everything)
	if err != nil {
		return err
	}
	var all count
	actions := newTally(colAction)
	err = v.each(ctx, func(p *plan, b block, rows []uint16) {
		for _, i := range rows {
			all.add(b.time(int(i)), b.success(int(i)))
		}
		actions.add(p, b, rows)
		partners.add(p, b, rows)
	})
	*sum = audit.TrailSummary{
		PeriodDays:       int(audit.TrailPeriod / audit.Day),
		From:             from,
		To:               to,
		TotalEvents:      all.total,
		SuccessfulEvents: all.total - all.failed,
		FailedEvents:     all.failed,
	}
	sum.FirstAccessedAt, sum.LastAccessedAt = all.times()
	err = cmp.Or(err, actions.done(), partners.done())
	sum.ActionsBreakdown = actions.breakdown()
	return err
}
