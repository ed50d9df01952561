package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
)

// benchRange is what the questions look back on from the newest event.
const benchRange = 90 * audit.Day

// subjects are what the questions are about, found in the log itself: the same
// log has the same ones.
type subjects struct {
	tenant   audit.TenantID
	from, to audit.Time // the newest event is the last one before to
	middle   audit.Time // of the event in the middle

	heavy, rare audit.IdentityID // with the most and the fewest events
	address     string           // the median of those that have one
	secret      audit.Path       // the median
	busy        audit.Path       // with the most events
	prefix      audit.Path       // above it
	untouched   audit.Path       // from the median on, the first that heavy never touched
	request     string           // of the event in the middle, or the next that has one
}

// tally counts events by a value.
type tally map[string]*int

// note counts an event. The value may be gone by the next.
func (t tally) note(value string) {
	if n := t[value]; n != nil {
		*n++
	} else if value != "" {
		t[strings.Clone(value)] = new(1)
	}
}

// nothing is a value to ask for where the log has none.
const nothing = "none"

// ranked returns the values by falling count, ties by name; at least one.
func (t tally) ranked() []string {
	values := slices.SortedFunc(maps.Keys(t), func(a, b string) int {
		return cmp.Or(cmp.Compare(*t[b], *t[a]), cmp.Compare(a, b))
	})
	if len(values) == 0 {
		return []string{nothing}
	}
	return values
}

// subjects reads the log of the first tenant and chooses.
func (b *bench) subjects(s *store.Store) (*subjects, error) {
	tenants := s.Tenants()
	if len(tenants) == 0 || s.Size(tenants[0]) == 0 {
		return nil, audit.Errorf(audit.CodeValidationError, "--data %s: holds no events", b.command.Data)
	}
	x := &subjects{tenant: tenants[0]}
	identities, addresses, paths := make(tally), make(tally), make(tally)
	n := int(s.Size(x.tenant))
	bar := newProgress(b.p, "read", int64(n), eventsUnit())
	defer bar.end()
	i := 0
	for e, err := range s.Scan(b.p.ctx, x.tenant, audit.Query{}) {
		if err != nil {
			return nil, fmt.Errorf("choose questions: %w", err)
		}
		identities.note(string(e.IdentityID))
		addresses.note(e.SourceIP)
		paths.note(string(e.SecretPath))
		if i >= n/2 && x.request == "" {
			x.request, x.middle = strings.Clone(e.RequestID), e.Timestamp
		}
		x.to = e.Timestamp + 1
		if i++; i%every == 0 {
			bar.add(every)
		}
	}
	x.from, x.request = max(0, x.to-benchRange), cmp.Or(x.request, nothing)
	byCount := identities.ranked()
	x.heavy, x.rare = audit.IdentityID(byCount[0]), audit.IdentityID(byCount[len(byCount)-1])
	ips := addresses.ranked()
	x.address = ips[len(ips)/2]
	return x, x.choosePaths(b.p.ctx, s, paths.ranked())
}

// choosePaths chooses among the paths, the busiest of which comes first.
func (x *subjects) choosePaths(ctx context.Context, s *store.Store, paths []string) error {
	x.busy, x.secret, x.untouched = audit.Path(paths[0]), audit.Path(paths[len(paths)/2]), nothing
	segments := strings.Split(paths[0], "/")
	x.prefix = audit.Path(strings.Join(segments[:max(1, min(2, len(segments)-1))], "/"))
	for _, path := range paths[len(paths)/2:] {
		q := audit.Query{Filter: audit.Filter{IdentityID: x.heavy, SecretPath: audit.Path(path)}, Limit: 1}
		page, err := s.Query(ctx, x.tenant, q)
		if err != nil {
			return err
		}
		if len(page.Records) == 0 {
			x.untouched = audit.Path(path)
			break
		}
	}
	return nil
}
