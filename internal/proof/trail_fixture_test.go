package proof_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// smallRanges are of 8, 32 and 128 indexes.
var smallRanges = proof.RangeShape{Base: 8, Fan: 4}

// Names of secrets and identities, some of which are written with escapes.
var (
	somePaths = []audit.Path{"", "a", "a/b", "db/prod", `we"ird\`, `end\\`, "ünï/cödé", "db/prod2", "x/y/z"}
	someWho   = []audit.IdentityID{"user:alice", "user:bob", `sa:"quoted"`, `user:back\slash`, "system:scaivault-audit"}
)

// trailLog is a server whose log has events of few names, and whose ranges are
// sealed as the log grows.
type trailLog struct {
	*server
	rnd    *rand.Rand
	seals  map[audit.TenantID][]proof.Seal
	sealed map[audit.TenantID]uint64 // index up to which ranges are
}

func newTrailLog(t testing.TB, seed uint64) *trailLog {
	t.Helper()
	log := &memLog{lines: make(map[audit.TenantID][][]byte)}
	l := &trailLog{rnd: rand.New(rand.NewPCG(seed, 3)), seals: make(map[audit.TenantID][]proof.Seal),
		sealed: make(map[audit.TenantID]uint64)}
	l.open(t, log, vfs.NewMem())
	return l
}

// open opens the notary anew, on a disk.
func (l *trailLog) open(t testing.TB, log *memLog, disk *vfs.Mem) {
	t.Helper()
	check(t, disk.MkdirAll(dir))
	n, err := proof.Open(disk, dir, proof.Options{Name: "log.example.com", Log: log, Clock: clock, Trails: true,
		Ranges: smallRanges})
	check(t, err)
	l.server = &server{log, n, disk}
}

// event returns an event as a log would have it next.
func (l *trailLog) event(tenant audit.TenantID) audit.Event {
	index := l.size(tenant)
	return audit.Event{ID: audit.DerivedID(0, index), Timestamp: audit.Time(index) * audit.Second, Action: "read",
		IdentityType: "user", IdentityID: someWho[l.rnd.IntN(len(someWho))], Success: true,
		SecretPath: somePaths[l.rnd.IntN(len(somePaths))], ExtraData: fmt.Sprintf(`{"n":%d}`, l.rnd.IntN(1000))}
}

// grow appends n events to a log, and seals each range some events after its end.
func (l *trailLog) grow(t testing.TB, tenant audit.TenantID, n int) {
	t.Helper()
	for range n {
		e := l.event(tenant)
		l.lines[tenant] = append(l.lines[tenant], e.AppendLine(nil))
		if l.rnd.IntN(5) == 0 {
			l.seal(t, tenant)
		}
	}
	l.seal(t, tenant)
}

// seal seals the ranges that are not yet.
func (l *trailLog) seal(t testing.TB, tenant audit.TenantID) {
	t.Helper()
	size := l.size(tenant)
	_, err := l.notary.Advance(context.Background(), tenant, size)
	check(t, err)
	for ; l.sealed[tenant]+smallRanges.Base <= size; l.sealed[tenant] += smallRanges.Base {
		for _, r := range smallRanges.Due(l.sealed[tenant] + smallRanges.Base) {
			e, err := l.notary.SealRange(context.Background(), tenant, r)
			if errors.Is(err, proof.ErrManyTrails) {
				continue
			}
			check(t, err)
			e.Timestamp = audit.Time(size) * audit.Second
			s, err := proof.ParseSeal(l.size(tenant), e)
			check(t, err)
			l.seals[tenant] = append(l.seals[tenant], s)
			l.lines[tenant] = append(l.lines[tenant], e.AppendLine(nil))
		}
	}
	_, err = l.notary.Advance(context.Background(), tenant, l.size(tenant))
	check(t, err)
}

// prove returns the proof of a trail.
func (l *trailLog) prove(t testing.TB, tenant audit.TenantID, who proof.Subject, sealedOnly bool) *proof.TrailProof {
	t.Helper()
	p, err := l.notary.ProveTrail(context.Background(), tenant, l.request(tenant, who, sealedOnly))
	check(t, err)
	return p
}

func (l *trailLog) request(tenant audit.TenantID, who proof.Subject, sealedOnly bool) *proof.TrailRequest {
	return &proof.TrailRequest{Subject: who, Seals: l.seals[tenant], Sealed: sealedOnly,
		Events: l.trail(tenant, who, 0, l.size(tenant))}
}

// trail reads the log from its beginning for the events of a trail.
func (l *trailLog) trail(tenant audit.TenantID, who proof.Subject, from, to uint64) []proof.TrailEvent {
	list := []proof.TrailEvent{}
	for i := from; i < to; i++ {
		e, err := audit.DecodeEvent(string(l.lines[tenant][i]))
		if err != nil {
			panic(err) // it was encoded
		}
		if who.SecretPath != "" && e.SecretPath == who.SecretPath ||
			who.IdentityID != "" && e.IdentityID == who.IdentityID {
			list = append(list, proof.TrailEvent{Index: i, Event: e})
		}
	}
	return list
}

// verifyTrail verifies a proof as it is when it was saved.
func verifyTrail(t testing.TB, p *proof.TrailProof, sealedOnly bool, o proof.VerifyOptions) proof.Report {
	t.Helper()
	text, err := json.MarshalIndent(p, "", " ")
	check(t, err)
	r, err := proof.VerifyTrail(t.Context(), fstest.MapFS{"trail.json": {Data: text}}, "trail.json", sealedOnly, o)
	check(t, err)
	return r
}

// everyone returns all subjects, and two that no event has.
func everyone() []proof.Subject {
	list := []proof.Subject{{SecretPath: "no/such"}, {IdentityID: "user:nobody"}}
	for _, p := range somePaths[1:] {
		list = append(list, proof.Subject{SecretPath: p})
	}
	for _, id := range someWho {
		list = append(list, proof.Subject{IdentityID: id})
	}
	return list
}
