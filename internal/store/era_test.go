package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// TestSummaryOfEras compares summaries of logs of many segments with those of a
// slice, again and again while the logs grow: what is kept of segments must stay
// what these hold. Some logs have few values, others more than are kept, some of
// them equally frequent; in some the segments overlap in time.
func TestSummaryOfEras(t *testing.T) {
	const perSegment = 40
	for seed, c := range []struct {
		values, late int
	}{{5, 0}, {90, 0}, {400, 0}, {400, 3000}} {
		t.Run(fmt.Sprintf("%d values, %d late", c.values, c.late), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			opts := options()
			opts.SealEvents = perSegment / 4
			s := open(t, vfs.NewMem(), opts)
			l, n := newSliceLog(), 0
			for range 5 {
				for range 7 {
					var events []audit.Event
					for range perSegment {
						e := event(n)
						n++
						e.Timestamp += audit.Time(n-r.IntN(c.late+1)) * 20 * audit.Second
						// Half of the values are busier than the others.
						of := 1 + r.IntN(1+r.IntN(c.values))
						e.IdentityID = audit.IdentityID(fmt.Sprintf("user:%d", of))
						if e.SecretPath = audit.Path(fmt.Sprintf("p/%d", r.IntN(of))); r.IntN(9) == 0 {
							e.SecretPath = ""
						}
						events = append(events, e)
					}
					put(t, s, acme, events...)
					l.append(begin, &audit.Batch{Events: events})
					check(t, s.Seal(t.Context()))
				}
				end := begin + audit.Time(n)*21*audit.Second
				for range 12 {
					askSummary(t, s, l, r, end)
				}
			}
		})
	}
}

// TestTrailsOfEras compares trails of logs of many segments with those of a slice,
// again and again while the logs grow and the thirty days go on.
func TestTrailsOfEras(t *testing.T) {
	const perSegment = 40
	for seed, values := range []int{3, 40, 400} {
		t.Run(fmt.Sprintf("%d values", values), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 2))
			c := newClock()
			opts := optionsAt(c)
			opts.SealEvents = perSegment / 4
			s := open(t, vfs.NewMem(), opts)
			l, n := newSliceLog(), 0
			for range 60 {
				var events []audit.Event
				for range perSegment {
					e := event(n)
					n++
					c.advance(audit.Time(r.Int64N(int64(50 * audit.Minute))))
					e.Timestamp = c.at()
					e.IdentityID = audit.IdentityID(fmt.Sprintf("user:%d", r.IntN(1+r.IntN(values))))
					e.SecretPath = audit.Path(fmt.Sprintf("p/%d", r.IntN(1+r.IntN(values))))
					events = append(events, e)
				}
				put(t, s, acme, events...)
				l.append(begin, &audit.Batch{Events: events})
				check(t, s.Seal(t.Context()))
				for range 8 {
					askTrails(t, s, l, c.at(), r.IntN(1+r.IntN(values)))
				}
			}
		})
	}
}

// askTrails asks for the trails of a secret and of an identity.
func askTrails(t *testing.T, s *store.Store, l *sliceLog, now audit.Time, n int) {
	t.Helper()
	secret := audit.Filter{SecretPath: audit.Path(fmt.Sprintf("p/%d", n))}
	got, err := s.Secret(t.Context(), acme, audit.Query{Filter: secret, Limit: 1})
	check(t, err)
	var want audit.SecretTrail
	var list []audit.Record
	want.Summary.TrailSummary, list = l.trail(secret, now)
	identities := countBy(list, identityOf)
	want.Summary.UniqueIdentities, want.Summary.TopIdentities = len(identities), identities.identities(audit.DefaultTop)
	if diff := cmp.Diff(want.Summary, got.Summary); diff != "" {
		t.Fatalf("trail of %s (-want +got):\n%s", secret.SecretPath, diff)
	}
	identity := audit.Filter{IdentityID: audit.IdentityID(fmt.Sprintf("user:%d", n))}
	who, err := s.Identity(t.Context(), acme, audit.Query{Filter: identity, Limit: 1})
	check(t, err)
	sum, list := l.trail(identity, now)
	if diff := cmp.Diff(sum, who.Summary.TrailSummary); diff != "" {
		t.Fatalf("trail of %s (-want +got):\n%s", identity.IdentityID, diff)
	}
	if paths := countBy(list, pathOf); who.Summary.UniqueResources != len(paths) {
		t.Fatalf("%s: %d secrets, want %d", identity.IdentityID, who.Summary.UniqueResources, len(paths))
	}
}

// askSummary asks for a summary of a range before end, often of nearly all.
func askSummary(t *testing.T, s *store.Store, l *sliceLog, r *rand.Rand, end audit.Time) {
	t.Helper()
	from := begin - audit.Hour + audit.Time(r.Int64N(int64(end-begin)/(1+7*r.Int64N(2))))
	to := from + audit.Time(r.Int64N(int64(end-begin)))
	if r.IntN(3) == 0 {
		from, to = begin-audit.Hour, end
	}
	q := audit.SummaryQuery{Filter: audit.Filter{From: &from, To: &to}, Top: 1 + r.IntN(100)}
	if to-from < 900*audit.Hour && r.IntN(2) == 0 {
		q.Interval = audit.Hour
	}
	got, err := s.Summary(t.Context(), acme, q)
	check(t, err)
	if diff := cmp.Diff(l.summary(&q), got); diff != "" {
		t.Fatalf("summary of %v (-want +got):\n%s", q, diff)
	}
}
