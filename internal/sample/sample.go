// Package sample makes events that look like those of a company: a few
// identities and secrets are busy and most are not, people work in office hours
// on weekdays and services all day, rotation runs at night, and failures come
// in bursts, when a credential has expired or somebody tries doors.
//
// It is what `serve --dev` shows, and what benchmarks load.
package sample

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/scaivault/audit"
)

// Options say how much to make. The zero value of each member but End is its
// default.
type Options struct {
	Events int           // how many; default 100,000
	End    time.Time     // required: no event happens at or after it
	Period time.Duration // how far back the first event lies; default 90 days
	// Identities, Paths and Addresses are how many different ones there are;
	// by default they grow with the number of events.
	Identities, Paths, Addresses int
	// UUIDs makes request ids random UUIDs (RFC 9562, version 4); by default
	// they are "req_" and 24 random hex digits.
	UUIDs bool
	// OwnIDs lets events bring ids as their producers give them, "log_" and a
	// ULID; by default they have none and the log derives them.
	OwnIDs bool
}

func (o *Options) setDefaults() {
	if o.Events == 0 {
		o.Events = 100_000
	}
	if o.Period == 0 {
		o.Period = 90 * 24 * time.Hour
	}
	grow := func(n *int, least, most int, share float64) {
		if *n == 0 {
			*n = min(most, max(least, int(share*math.Sqrt(float64(o.Events)))))
		}
	}
	grow(&o.Identities, 40, 5_000, 1.0)
	grow(&o.Paths, 120, 20_000, 6.5)
	grow(&o.Addresses, 30, 2_000, 0.6)
}

// Generator makes events. Two generators with the same seed and the same
// options make the same ones.
type Generator struct {
	options Options
	seed    uint64
}

// New returns a generator.
func New(seed uint64, o Options) *Generator {
	o.setDefaults()
	return &Generator{options: o, seed: seed}
}

// Events yields the events in the order of their times, without ids unless
// [Options.OwnIDs] asks for them.
func (g *Generator) Events() iter.Seq[audit.Event] {
	return func(yield func(audit.Event) bool) {
		r := rand.New(rand.NewPCG(g.seed, 0x5ca1))
		c := newCompany(r, &g.options)
		for h, n := range c.perHour(g.options.Events) {
			for _, t := range c.times(h, n) {
				e := c.event(h, t)
				if g.options.OwnIDs {
					e.ID = ownID(r, t)
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}

// event makes the event at time t of hour h.
func (c *company) event(h int, t audit.Time) audit.Event {
	if i := c.incident(h); i != nil && c.rand.Float64() < i.share {
		return c.fail(i, t)
	}
	var e audit.Event
	switch x := c.rand.Float64() * c.load(h); {
	case x < c.people(h):
		e = c.act(c.users.pick(), &userWork)
	case x < c.people(h)+c.night(h):
		e = c.act(c.systems.pick(), &systemWork)
	default:
		e = c.act(c.services.pick(), &serviceWork)
	}
	e.Timestamp = t
	return e
}

// act lets an identity do something that its kind does.
func (c *company) act(who *identity, w *work) audit.Event {
	job := w.pick(c.rand)
	e := who.event(c, job)
	e.Success = c.rand.Float64() >= job.failures
	if !e.Success {
		e.ExtraData = errorData[c.rand.IntN(len(errorData))]
		return e
	}
	e.ExtraData = job.extra(c.rand)
	return e
}

// fail makes an event of an incident.
func (c *company) fail(i *incident, t audit.Time) audit.Event {
	e := i.who.event(c, &job{action: i.action, place: secret, typical: 3})
	e.Timestamp, e.ExtraData = t, i.extra
	if i.path != "" {
		e.SecretPath = i.path
	}
	if i.address != "" {
		e.SourceIP, e.UserAgent = i.address, "python-requests/2.32.3"
	}
	return e
}

// event returns an event of the identity, without its outcome.
func (who *identity) event(c *company, j *job) audit.Event {
	return audit.Event{
		Action:       j.action,
		IdentityType: who.kind,
		IdentityID:   who.id,
		SecretPath:   c.path(who, j.place),
		SourceIP:     who.addresses[c.rand.IntN(len(who.addresses))],
		UserAgent:    who.agent,
		DurationMS:   j.duration(c.rand),
		RequestID:    c.requestID(),
	}
}

// times returns n times in hour h, ascending.
func (c *company) times(h, n int) []audit.Time {
	times := c.buffer[:0]
	for range n {
		times = append(times, c.start+audit.Time(h)*audit.Hour+audit.Time(c.rand.Int64N(int64(c.length(h)))))
	}
	slices.Sort(times)
	c.buffer = times
	return times
}
