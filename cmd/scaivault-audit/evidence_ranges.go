package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
)

// sealedRanges is how far the ranges of a log are sealed, each by an event of the
// log that commits to all trails in it.
type sealedRanges struct {
	known  bool
	end    uint64    // the index up to which they are
	failed time.Time // when the latest try failed, zero if it did not
}

// sealRanges seals the ranges of a log that its checkpoint covers. Each event
// follows from the events of its range alone, time and id included. So whoever
// dies between computing and appending it is followed by one who does the same,
// and of one who appends it again the log knows it by its id.
func (e *evidence) sealRanges(ctx context.Context, tenant audit.TenantID, s *sealedRanges) {
	if !s.failed.IsZero() && e.clock().Sub(s.failed) < signRetry {
		return
	}
	s.failed = time.Time{}
	if err := e.sealDue(ctx, tenant, s); err != nil && ctx.Err() == nil {
		s.failed = e.clock()
		e.logger.Error("a range of a log is not sealed; trails are not proved to be complete from there on",
			"tenant", tenant, "from_index", s.end, "error", err)
	}
}

func (e *evidence) sealDue(ctx context.Context, tenant audit.TenantID, s *sealedRanges) error {
	last, _, err := e.Latest(tenant)
	if audit.ErrorCode(err) == audit.CodeNotFound {
		return nil // a log without events
	}
	if err != nil {
		return err
	}
	shape := e.Shape()
	if !s.known {
		if s.end, err = e.sealedTo(ctx, tenant, shape); err != nil {
			return err
		}
		s.known = true
	}
	for ; s.end+shape.Base <= last.Size; s.end += shape.Base {
		for _, r := range shape.Due(s.end + shape.Base) {
			if err := e.sealRange(ctx, tenant, r, s.end+shape.Base); err != nil {
				return err
			}
		}
	}
	return nil
}

// sealRange appends the event of a range that ends at an index. Its time is that
// of the receipt of the last event in it.
func (e *evidence) sealRange(ctx context.Context, tenant audit.TenantID, r proof.Range, end uint64) error {
	event, err := e.SealRange(ctx, tenant, r)
	if errors.Is(err, proof.ErrManyTrails) {
		return nil // the smaller ranges in it stand for it
	}
	if err != nil {
		return err
	}
	page, err := e.store.Query(ctx, tenant, audit.Query{Order: audit.OrderIndex, FromIndex: end - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Records) == 0 || page.Records[0].Index != end-1 {
		return fmt.Errorf("event %d is not there", end-1)
	}
	event.Timestamp = page.Records[0].ReceivedAt
	_, err = e.store.Append(ctx, tenant, audit.Batch{Events: []audit.Event{event}})
	return err
}

// sealedTo returns the index up to which an earlier process has sealed ranges but
// for the last one, which may lack the larger ranges that end with it.
func (e *evidence) sealedTo(ctx context.Context, tenant audit.TenantID, shape proof.RangeShape) (uint64, error) {
	seals, err := e.seals(ctx, tenant)
	if err != nil {
		return 0, err
	}
	end := uint64(0)
	for i := range seals {
		end = max(end, seals[i].Ends())
	}
	return max(end, shape.Base) - shape.Base, nil
}

// seals returns the events of a log that seal ranges.
func (e *evidence) seals(ctx context.Context, tenant audit.TenantID) ([]proof.Seal, error) {
	var list []proof.Seal
	q := audit.Query{Filter: audit.Filter{
		Actions: []audit.Action{audit.ActionRangeSealed}, IdentityID: proof.Sealer}}
	for r, err := range e.store.Scan(ctx, tenant, q) {
		if err != nil {
			return nil, err
		}
		// What is none was appended by somebody who calls his events as he likes.
		if s, err := proof.ParseSeal(r.Index, r.Event); err == nil {
			list = append(list, s)
		}
	}
	return list, nil
}
