package store

import (
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
	actions, err := c.actions.breakdown()
	if err != nil {
		return audit.Summary{}, err
	}
	identities, err := c.identities.top(q.Top)
	if err != nil {
		return audit.Summary{}, err
	}
	paths, err := c.paths.top(q.Top)
	if err != nil {
		return audit.Summary{}, err
	}
	return audit.Summary{
		TotalEvents:      c.total,
		SuccessfulEvents: c.total - c.failed,
		FailedEvents:     c.failed,
		ActionsBreakdown: actions,
		TopIdentities:    identityCounts(identities),
		TopResources:     pathCounts(paths),
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
	for i := 0; i < len(v.parts); i++ {
		r, err := v.eraAt(i, (*plan).complete)
		switch {
		case err != nil:
		case r != nil && c.timeline.byHours():
			err = c.addEra(r, v.parts[i:i+eraLength])
			i += eraLength - 1
		default:
			err = c.part(ctx, v.parts[i])
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// addEra counts the rows of an era, whose parts these are.
func (c *counter) addEra(r *era, parts []*plan) error {
	for _, t := range c.tallies() {
		t.addEra(r)
	}
	for _, p := range parts {
		c.total += uint64(p.rows())
		c.failed += p.failures()
		if err := c.timeline.addSpan(&span{part: p.part, to: p.rows()}, p.from, p.to); err != nil {
			return err
		}
	}
	return nil
}

// part counts the rows of a part.
func (c *counter) part(ctx context.Context, p *plan) error {
	if err := p.prepare(); err != nil {
		return err
	}
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
