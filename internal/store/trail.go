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
	partners, err := s.trail(ctx, tenant, f, trailOf{colPath, string(q.SecretPath)}, &trail.Summary.TrailSummary)
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
	partners, err := s.trail(ctx, tenant, f, trailOf{colIdentity, string(q.IdentityID)}, &trail.Summary.TrailSummary)
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

// trailOf says of whom a trail is: of an identity or of a secret.
type trailOf struct {
	col   int
	value string
}

// partners returns the column of the other side.
func (t trailOf) partners() int {
	if t.col == colPath {
		return colIdentity
	}
	return colPath
}

// trail counts the events of the last thirty days that the filter selects, and
// returns the counts of those on the other side: a secret's identities, an
// identity's secrets.
func (s *Store) trail(ctx context.Context, tenant audit.TenantID, f audit.Filter, of trailOf,
	sum *audit.TrailSummary) (_ map[string]uint64, err error) {
	to := audit.TimeOf(s.opts.Clock())
	from := max(0, to-audit.TrailPeriod)
	f.From, f.To = &from, &to
	v := s.reader(tenant).read(&f, everything)
	defer v.end(&err)
	all, err := v.trail(ctx, of, len(f.Within) == 0)
	if err != nil {
		return nil, err
	}
	breakdown := make(map[audit.Action]uint64, len(all.actions))
	for action, n := range all.actions {
		breakdown[audit.Action(action)] = n
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
	return all.others, nil
}

// trailSum is what the rows of a trail add up to, by value.
type trailSum struct {
	count
	actions, others map[string]uint64
}

// join adds the sum of other rows.
func (s *trailSum) join(other *trailSum) {
	if other.total == 0 {
		return
	}
	s.at(other.first)
	s.total, s.failed = s.total+other.total, s.failed+other.failed
	s.at(other.last)
	for action, n := range other.actions {
		s.actions[action] += n
	}
	for value, n := range other.others {
		s.others[value] += n
	}
}

// trailGroup is parts of a view that follow each other: those of an era, or others.
type trailGroup struct {
	era   *era
	parts []*plan
}

// trailGroups adds what eras know of a trail up, and returns the parts that are to
// be read.
func (v *view) trailGroups(of trailOf, sum *trailSum) (groups []trailGroup) {
	single := 0 // parts before i that are of no era
	for i := 0; i < len(v.parts); {
		e, _ := v.eraAt(i, func(p *plan) (bool, error) { return p.spans(), nil }) // reads nothing
		if e == nil {
			i, single = i+1, single+1
			continue
		}
		if single > 0 {
			groups, single = append(groups, trailGroup{nil, v.parts[i-single : i]}), 0
		}
		if known := e.trail(of); known != nil {
			sum.join(known)
		} else {
			groups = append(groups, trailGroup{e, v.parts[i : i+eraLength]})
		}
		i += eraLength
	}
	if single > 0 {
		groups = append(groups, trailGroup{nil, v.parts[len(v.parts)-single:]})
	}
	return groups
}

// trail adds up the selected rows. If they are all that a trail has in the view's
// times, what eras have of it is kept for the next time.
func (v *view) trail(ctx context.Context, of trailOf, all bool) (*trailSum, error) {
	sum := &trailSum{actions: make(map[string]uint64), others: make(map[string]uint64)}
	groups := []trailGroup{{nil, v.parts}}
	if all {
		groups = v.trailGroups(of, sum)
	}
	var parts []*plan
	for _, g := range groups {
		parts = append(parts, g.parts...)
	}
	counters := make([]trailCounter, len(v.parts))
	if err := v.beside(ctx, parts, func(ctx context.Context, p *plan) error {
		c := &counters[p.number]
		*c = trailCounter{plan: p, actions: newTally(colAction), others: newTally(of.partners())}
		return p.each(ctx, c.add)
	}); err != nil {
		return nil, err
	}
	for _, g := range groups {
		if len(g.parts) == 0 {
			continue
		}
		some, err := sumOf(counters[g.parts[0].number:][:len(g.parts)], of)
		if err != nil {
			return nil, err
		}
		if g.era != nil {
			g.era.keep(of, some)
		}
		sum.join(some)
	}
	return sum, nil
}

// sumOf adds up what was counted of parts.
func sumOf(counters []trailCounter, of trailOf) (*trailSum, error) {
	sum := new(trailSum)
	actions, others := newTally(colAction), newTally(of.partners())
	for i := range counters {
		c := &counters[i]
		sum.total, sum.failed = sum.total+c.total, sum.failed+c.failed
		actions.parts = append(actions.parts, c.actions.parts...)
		others.parts = append(others.parts, c.others.parts...)
	}
	err := sum.ends(counters)
	if err == nil {
		sum.actions, err = actions.fold()
	}
	if err == nil {
		sum.others, err = others.fold()
	}
	return sum, err
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
