package main

import (
	"context"
	"errors"
	"fmt"
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

// nothing is a value to ask for where the log has none.
const nothing = "none"

// subjects chooses from what the log of the first tenant holds.
func (b *bench) subjects(s *store.Store) (*subjects, error) {
	tenants := s.Tenants()
	if len(tenants) == 0 || s.Size(tenants[0]) == 0 {
		return nil, audit.Errorf(audit.CodeValidationError, "--data %s: holds no events", b.command.Data)
	}
	x := &subjects{tenant: tenants[0]}
	if err := errors.Join(x.chooseTimes(b.p.ctx, s), x.chooseValues(b.p.ctx, s)); err != nil {
		return nil, fmt.Errorf("choose questions: %w", err)
	}
	return x, nil
}

// chooseTimes chooses the range, and what happened in the middle of the log.
func (x *subjects) chooseTimes(ctx context.Context, s *store.Store) error {
	newest, err := s.Query(ctx, x.tenant, audit.Query{Limit: 1})
	if err != nil {
		return err
	}
	x.to = newest.Records[0].Timestamp + 1
	x.from = max(0, x.to-benchRange)
	half, err := s.Query(ctx, x.tenant, audit.Query{
		Order: audit.OrderIndex, FromIndex: s.Size(x.tenant) / 2, Limit: audit.MaxLimit})
	if err != nil {
		return err
	}
	x.request, x.middle = nothing, half.Records[0].Timestamp
	for _, r := range half.Records {
		if r.RequestID != "" {
			x.request, x.middle = r.RequestID, r.Timestamp
			break
		}
	}
	return nil
}

// chooseValues chooses among the identities, the addresses and the paths.
func (x *subjects) chooseValues(ctx context.Context, s *store.Store) error {
	identities, err := x.ranked(ctx, s, audit.FieldIdentityID)
	if err != nil {
		return err
	}
	x.heavy, x.rare = audit.IdentityID(identities[0]), audit.IdentityID(identities[len(identities)-1])
	addresses, err := x.ranked(ctx, s, audit.FieldSourceIP)
	if err != nil {
		return err
	}
	x.address = addresses[len(addresses)/2]
	paths, err := x.ranked(ctx, s, audit.FieldSecretPath)
	if err != nil {
		return err
	}
	return x.choosePaths(ctx, s, paths)
}

// ranked returns the values of a field by falling count, ties by name; at least
// one.
func (x *subjects) ranked(ctx context.Context, s *store.Store, field audit.ValuesField) ([]string, error) {
	end := audit.MaxTime
	found, err := s.Values(ctx, x.tenant, audit.ValuesQuery{
		Field: field, From: new(audit.Time), To: &end, Limit: 1 << 30})
	if err != nil || len(found.Values) == 0 {
		return []string{nothing}, err
	}
	values := make([]string, len(found.Values))
	for i := range values {
		values[i] = found.Values[i].Value
	}
	return values, nil
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
