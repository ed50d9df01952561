package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// TestModelOverChunks asks random questions of a log that fills several chunks,
// in and out of the order of time, before and after a restart.
func TestModelOverChunks(t *testing.T) {
	rounds(t, 20)
	m := newMachine(audit.MaxLimit, 9_000)
	m.open(t)
	defer func() { _ = m.s.Close() }()
	m.fill(t, 20_000)
	for range 2 {
		rapid.Check(t, func(t *rapid.T) {
			m.query(t)
			m.walk(t)
			m.event(t)
			m.secret(t)
			m.identity(t)
			m.accesses(t)
			m.values(t)
			m.summary(t)
		})
		check(t, m.s.Close())
		m.open(t)
	}
	m.compareLogs(t)
}

// fill appends events to two logs. A third of them happened when they arrive,
// the others at random times; some times, identities, paths and request ids
// are frequent, others are rare.
func (m *machine) fill(t *testing.T, events int) {
	rnd := rand.New(rand.NewPCG(1, 2))
	kind := 0
	for n := 0; n < events; {
		tenant := someTenants[rnd.IntN(8)/7]
		b := audit.Batch{Partial: true}
		if rnd.IntN(4) == 0 {
			kind = rnd.IntN(3)
		}
		for range rnd.IntN(200) {
			b.Events = append(b.Events, m.random(rnd, n, kind))
			n++
		}
		_, code := m.logs[tenant].append(m.clock.at(), &b)
		_, err := m.s.Append(t.Context(), tenant, b)
		wantCode(t, err, code)
		m.clock.advance(audit.Minute)
	}
}

func (m *machine) random(rnd *rand.Rand, n, kind int) audit.Event {
	e := event(n)
	switch kind {
	case 0:
		e.Timestamp = m.clock.at() + audit.Time(rnd.IntN(3))
	case 1:
		e.Timestamp = begin + audit.Time(rnd.IntN(90)-45)*audit.Day
	case 2:
		e.Timestamp = begin + audit.Time(rnd.Int64N(int64(90*audit.Day))) - 45*audit.Day
	}
	e.Action = someActions[rnd.IntN(len(someActions))]
	e.IdentityType = someTypes[rnd.IntN(len(someTypes))]
	if rnd.IntN(3) > 0 {
		e.IdentityID = someIdentities[rnd.IntN(10)%len(someIdentities)%4]
	}
	if rnd.IntN(500) == 0 {
		e.IdentityID = someIdentities[4]
	}
	e.SecretPath = somePaths[rnd.IntN(rnd.IntN(len(somePaths))+1)]
	e.SourceIP = someIPs[rnd.IntN(len(someIPs))]
	if rnd.IntN(10) == 0 {
		e.RequestID = someRequests[rnd.IntN(len(someRequests))]
	}
	e.ExtraData = someExtras[rnd.IntN(len(someExtras))]
	if rnd.IntN(5) == 0 {
		e.ID = audit.EventID(fmt.Sprintf("log_p%d", rnd.IntN(n+1)))
		e.Timestamp = begin + audit.Time(rnd.IntN(24))*audit.Hour // sameness is looked for around it
	}
	return e
}
