package sample

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/scaivault/audit"
)

// company is the world that events come from.
type company struct {
	rand       *rand.Rand
	start, end audit.Time
	hours      int  // the last one may be short
	uuids      bool // for requests

	users, services, systems *crowd
	paths                    []audit.Path
	incidents                []incident
	buffer                   []audit.Time
}

// identity is someone or something that acts.
type identity struct {
	id        audit.IdentityID
	kind      audit.IdentityType
	agent     string
	addresses []string
	// home is where its secrets begin among the company's, and reach how many
	// of them it touches, the first ones most.
	home  int
	reach *rand.Zipf
}

// crowd is identities of which a few are busy.
type crowd struct {
	members []identity
	busy    *rand.Zipf
}

func (c *crowd) pick() *identity { return &c.members[c.busy.Uint64()] }

func newCompany(r *rand.Rand, o *Options) *company {
	end := audit.TimeOf(o.End)
	c := &company{rand: r, end: end, start: end - audit.TimeOf(time.UnixMicro(o.Period.Microseconds())), uuids: o.UUIDs}
	c.hours = int((end - c.start + audit.Hour - 1) / audit.Hour)
	c.paths = makePaths(o.Paths)
	pool := makeAddresses(o.Addresses)
	people, services := o.Identities*2/5, o.Identities*3/5
	c.users = c.crowd(people, func(i int) identity {
		return identity{
			id:   audit.IdentityID("user:" + firstNames[i%len(firstNames)] + numbered(i/len(firstNames)) + "@example.com"),
			kind: audit.TypeUser, agent: userAgents[i%len(userAgents)],
		}
	}, pool, 2)
	c.services = c.crowd(services, func(i int) identity {
		return identity{
			id:   audit.IdentityID("sa:" + jobNames[i%len(jobNames)] + numbered(i/len(jobNames))),
			kind: audit.TypeServiceAccount, agent: serviceAgents[i%len(serviceAgents)],
		}
	}, pool, 4)
	c.systems = c.crowd(len(schedulers), func(i int) identity {
		return identity{id: audit.IdentityID("system:" + schedulers[i]), kind: audit.TypeSystem, agent: "scaivault/2.4"}
	}, []string{"10.0.0.10", "10.0.0.11"}, 2)
	c.incidents = c.makeIncidents()
	return c
}

// crowd makes n identities with addresses from the pool.
func (c *company) crowd(n int, make func(i int) identity, pool []string, addresses int) *crowd {
	all := &crowd{busy: rand.NewZipf(c.rand, 1.15, 4, uint64(n-1))}
	for i := range n {
		who := make(i)
		for range 1 + c.rand.IntN(addresses) {
			who.addresses = append(who.addresses, pool[c.rand.IntN(len(pool))])
		}
		who.home = c.rand.IntN(len(c.paths))
		who.reach = rand.NewZipf(c.rand, 1.3, 3, uint64(min(len(c.paths)-1, 3+c.rand.IntN(200))))
		all.members = append(all.members, who)
	}
	return all
}

// numbered returns what tells the n-th bearer of a name from the others.
func numbered(n int) string {
	if n == 0 {
		return ""
	}
	return "-" + strconv.Itoa(n+1)
}

// path returns what an identity touches.
func (c *company) path(who *identity, p place) audit.Path {
	switch p {
	case nowhere:
		return ""
	case authority:
		return authorities[c.rand.IntN(len(authorities))]
	case database:
		return databases[c.rand.IntN(len(databases))]
	}
	return c.paths[(who.home+int(who.reach.Uint64()))%len(c.paths)]
}

// makePaths returns n paths, those of production first.
func makePaths(n int) []audit.Path {
	paths := make([]audit.Path, 0, n)
	for i := range n {
		rest := i
		next := func(list []string) string {
			s := list[rest%len(list)]
			rest /= len(list)
			return s
		}
		system, leaf, team, stage := next(systemNames), next(leaves), next(teams), next(stages)
		path := stage + "/" + team + "/" + system + numbered(rest) + "/" + leaf
		paths = append(paths, audit.Path(path))
	}
	return paths
}

// makeAddresses returns n addresses: most of a cluster, some of offices (ranges
// that RFC 5737 and RFC 3849 set aside for examples).
func makeAddresses(n int) []string {
	list := make([]string, n)
	for i := range list {
		switch i % 8 {
		case 6:
			list[i] = "203.0.113." + strconv.Itoa(1+i%250)
		case 7:
			list[i] = "2001:db8::" + strconv.FormatInt(int64(1+i), 16)
		default:
			list[i] = "10." + strconv.Itoa(i/62_500%250) + "." + strconv.Itoa(i/250%250) + "." + strconv.Itoa(1+i%250)
		}
	}
	return list
}

// length returns how long hour h is: the last one may be cut off.
func (c *company) length(h int) audit.Time {
	return min(audit.Hour, c.end-c.start-audit.Time(h)*audit.Hour)
}

// The weights of an hour: what people, the nightly jobs and services do in it.

func (c *company) people(h int) float64 {
	t := (c.start + audit.Time(h)*audit.Hour).Std()
	weight := 0.05
	if hour := t.Hour(); hour >= 7 && hour < 19 {
		weight = 2 - math.Abs(float64(hour)-13)/4
	}
	if day := t.Weekday(); day == time.Saturday || day == time.Sunday {
		weight *= 0.12
	}
	return weight
}

func (c *company) night(h int) float64 {
	if (c.start + audit.Time(h)*audit.Hour).Std().Hour() == 2 {
		return 1.2
	}
	return 0.05
}

func (c *company) load(h int) float64 { return c.people(h) + c.night(h) + 1 }

// perHour spreads n events over the hours by their load.
func (c *company) perHour(n int) []int {
	total := 0.0
	for h := range c.hours {
		total += c.load(h) * float64(c.length(h))
	}
	counts := make([]int, c.hours)
	sum, given := 0.0, 0
	for h := range counts {
		sum += c.load(h) * float64(c.length(h))
		counts[h] = int(math.Round(float64(n)*sum/total)) - given
		given += counts[h]
	}
	return counts
}
