package store

import (
	"cmp"
	"context"

	"github.com/scaivault/audit"
)

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
	v := s.reader(tenant).read(&f, everything)
	defer v.end(&err)
	counters := make([]trailCounter, len(v.parts))
	if err := v.beside(ctx, func(ctx context.Context, p *plan) error {
		c := &counters[p.number]
		*c = trailCounter{plan: p, actions: newTally(colAction), others: newTally(partners)}
		return p.each(ctx, c.add)
	}); err != nil {
		return nil, err
	}
	all, actions, others := count{}, newTally(colAction), newTally(partners)
	for i := range counters {
		c := &counters[i]
		all.total, all.failed = all.total+c.total, all.failed+c.failed
		actions.parts = append(actions.parts, c.actions.parts...)
		others.parts = append(others.parts, c.others.parts...)
	}
	if err := all.ends(counters); err != nil {
		return nil, err
	}
	breakdown, err := actions.breakdown()
	if err != nil {
		return nil, err
	}
	*sum = audit.TrailSummary{
		PeriodDays:       int(audit.TrailPeriod / audit.Day),
		From:             from,
		To:               to,
		TotalEvents:      all.total,
		SuccessfulEvents: all.total - all.failed,
		FailedEvents:     all.failed,
		ActionsBreakdown: breakdown,
	}
	sum.FirstAccessedAt, sum.LastAccessedAt = all.times()
	return others.fold()
}

// trailCounter counts the rows of a part that a trail is of. The times of a
// segment's first and last row are looked up only if they may be those of all.
type trailCounter struct {
	plan            *plan
	count               // its times are those of a tail
	from, to        int // of a segment: the first row and the last
	actions, others *tally
}

func (c *trailCounter) add(p *plan, b block, rows []uint16) error {
	if b.order() == nil {
		c.addOrdered(b, rows)
	} else {
		for _, i := range rows {
			c.count.add(b.time(int(i)), b.success(int(i)))
		}
	}
	return cmp.Or(c.actions.add(p, b, rows), c.others.add(p, b, rows))
}

// addOrdered counts rows of a block of a segment, all of whose rows ascend by time.
func (c *trailCounter) addOrdered(b block, rows []uint16) {
	base := b.base()
	if c.total == 0 {
		c.from = base + int(rows[0])
	}
	c.to = base + int(rows[len(rows)-1])
	c.total += uint64(len(rows))
	for _, i := range rows {
		if !b.success(int(i)) {
			c.failed++
		}
	}
}

// end returns the time of the first row, or of the last.
func (c *trailCounter) end(last bool) (audit.Time, error) {
	if _, ok := c.plan.part.(*segment); !ok {
		if last {
			return c.last, nil
		}
		return c.first, nil
	}
	row := c.from
	if last {
		row = c.to
	}
	b, err := c.plan.block(row >> chunkBits)
	if err != nil {
		return 0, err
	}
	return b.time(row % chunkRows), nil
}

// ends sets the times to the first and the last of the rows of parts, if there
// are any.
func (n *count) ends(parts []trailCounter) error {
	found := false
	for i := range parts {
		if c := &parts[i]; c.total > 0 && (!found || c.plan.least < n.first) {
			t, err := c.end(false)
			if err != nil {
				return err
			}
			if !found || t < n.first {
				n.first, found = t, true
			}
		}
	}
	found = false
	for i := range parts {
		if c := &parts[len(parts)-1-i]; c.total > 0 && (!found || c.plan.most > n.last) {
			t, err := c.end(true)
			if err != nil {
				return err
			}
			if !found || t > n.last {
				n.last, found = t, true
			}
		}
	}
	return nil
}
