package store

import (
	"cmp"
	"context"

	"github.com/scaivault/audit"
)

// Summary counts the events that the query selects; its range and its limits
// are set ([audit.SummaryQuery.Default]).
func (s *Store) Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (_ audit.Summary, err error) {
	v := s.reader(tenant).read(&q.Filter, everything)
	defer v.end(&err)
	c := counter{timeline: newTimeline(&q),
		actions: newTally(colAction), identities: newTally(colIdentity), paths: newTally(colPath)}
	if err := c.count(ctx, v); err != nil {
		return audit.Summary{}, err
	}
	return audit.Summary{
		TotalEvents:      c.total,
		SuccessfulEvents: c.total - c.failed,
		FailedEvents:     c.failed,
		ActionsBreakdown: c.actions.breakdown(),
		TopIdentities:    identityCounts(c.identities.top(q.Top)),
		TopResources:     pathCounts(c.paths.top(q.Top)),
		From:             *q.From,
		To:               *q.To,
		AsOf:             v.size,
		Timeline:         c.timeline.buckets,
	}, nil
}

// counter counts what a summary tells of a view's selected rows.
type counter struct {
	total, failed              uint64
	timeline                   timeline
	actions, identities, paths *tally
	times                      []audit.Time // scratch
}

func (c *counter) tallies() [3]*tally { return [3]*tally{c.actions, c.identities, c.paths} }

// count reads the selected rows, but of a part that counted its rows only those
// at the edges of the view's times.
func (c *counter) count(ctx context.Context, v *view) error {
	if err := v.intact(); err != nil {
		return err
	}
	for _, p := range v.parts {
		if err := p.prepare(); err != nil {
			return err
		}
		if err := c.part(ctx, p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// part counts the rows of a part.
func (c *counter) part(ctx context.Context, p *plan) error {
	if c.timeline.byHours() {
		s, ok, err := p.spanOf()
		if err != nil {
			return err
		}
		if ok {
			return c.addSpan(&s, p)
		}
	}
	return p.each(ctx, c.add)
}

// add counts rows of a block.
func (c *counter) add(p *plan, b block, rows []uint16) error {
	time := func(i uint16) audit.Time { return b.time(int(i)) }
	if c.timeline.interval > 0 && len(rows) > b.len()/64 {
		c.times = b.times(c.times)
		time = func(i uint16) audit.Time { return c.times[i] }
	}
	for _, i := range rows {
		var failed uint64
		if !b.success(int(i)) {
			failed = 1
		}
		c.total++
		c.failed += failed
		if c.timeline.interval > 0 {
			c.timeline.add(time(i), 1, failed)
		}
	}
	for _, t := range c.tallies() {
		if err := t.add(p, b, rows); err != nil {
			return err
		}
	}
	return nil
}

// addSpan counts the rows of a span.
func (c *counter) addSpan(s *span, p *plan) error {
	for _, t := range c.tallies() {
		if err := t.begin(s); err != nil {
			return err
		}
	}
	step := uint32(1)
	if s.most() {
		step = ^uint32(0) // one less
	}
	failed, err := s.count(func(b block, from, to int) {
		for _, t := range c.tallies() {
			t.read(b, from, to, step)
		}
	})
	if err != nil {
		return err
	}
	c.total += uint64(s.to - s.from)
	c.failed += failed
	return c.timeline.addSpan(s, p.from, p.to)
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

// add counts rows of a time, of which so many failed. A time outside the
// buckets is that of a row that is not where its segment's order has it.
func (t *timeline) add(at audit.Time, total, failed uint64) {
	n := (at - t.buckets[0].Start) / t.interval
	if n < 0 || n >= audit.Time(len(t.buckets)) {
		return
	}
	b := &t.buckets[n]
	b.TotalEvents += total
	b.FailedEvents += failed
}

// byHours reports whether the timeline can be made of the counts of hours.
func (t *timeline) byHours() bool { return t.interval%audit.Hour == 0 }

// addSpan counts the rows of a span, which are those from ≤ time < to.
func (t *timeline) addSpan(s *span, from, to audit.Time) error {
	if t.interval == 0 || s.from == s.to {
		return nil
	}
	hours, err := s.hours()
	if err != nil {
		return err
	}
	for _, h := range hours {
		start := audit.Time(h.hour) * audit.Hour
		end := start + audit.Hour
		if end <= from || start >= to {
			continue
		}
		if start < from || end > to {
			if h, err = s.within(max(start, from), min(end, to)); err != nil {
				return err
			}
		}
		t.add(max(start, from), uint64(h.total), uint64(h.failed))
	}
	return nil
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
	partners, err := s.trail(ctx, tenant, f, colIdentity, &trail.Summary.TrailSummary)
	trail.Summary.UniqueIdentities = len(partners)
	trail.Summary.TopIdentities = identityCounts(rank(partners, audit.DefaultTop))
	return trail, err
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
	partners, err := s.trail(ctx, tenant, f, colPath, &trail.Summary.TrailSummary)
	if err != nil {
		return audit.IdentityTrail{}, err
	}
	trail.Summary.UniqueResources = len(partners)
	trail.Summary.TopResources = pathCounts(rank(partners, audit.DefaultTop))
	newest, err := s.Query(ctx, tenant, audit.Query{Filter: f, Limit: 1})
	if err == nil && len(newest.Records) > 0 {
		trail.IdentityType = newest.Records[0].IdentityType
	}
	return trail, err
}

// trail counts the events of the last thirty days that the filter selects, and
// returns the counts of those on the other side: a secret's identities, an
// identity's secrets.
func (s *Store) trail(ctx context.Context, tenant audit.TenantID, f audit.Filter, partners int,
	sum *audit.TrailSummary) (_ map[string]uint64, err error) {
	to := audit.TimeOf(s.opts.Clock())
	from := max(0, to-audit.TrailPeriod)
	f.From, f.To = &from, &to
	var all count
	actions, others := newTally(colAction), newTally(partners)
	v := s.reader(tenant).read(&f, everything)
	defer v.end(&err)
	err = v.each(ctx, func(p *plan, b block, rows []uint16) error {
		all.rows(b, rows)
		return cmp.Or(actions.add(p, b, rows), others.add(p, b, rows))
	})
	*sum = audit.TrailSummary{
		PeriodDays:       int(audit.TrailPeriod / audit.Day),
		From:             from,
		To:               to,
		TotalEvents:      all.total,
		SuccessfulEvents: all.total - all.failed,
		FailedEvents:     all.failed,
		ActionsBreakdown: actions.breakdown(),
	}
	sum.FirstAccessedAt, sum.LastAccessedAt = all.times()
	return others.fold(), err
}
