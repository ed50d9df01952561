package api_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// reference is a log kept as a slice per tenant, in which every question is a
// walk over all events: slow, and short enough to be believed.
type reference struct {
	clock func() time.Time

	mu       sync.Mutex
	records  map[audit.TenantID][]audit.Record
	receipts map[string]kept // by tenant and idempotency key
	grown    chan struct{}   // closed by the next append
}

type kept struct {
	digest  [32]byte
	receipt audit.Receipt
}

func newReference(clock func() time.Time) *reference {
	return &reference{
		clock:    clock,
		records:  make(map[audit.TenantID][]audit.Record),
		receipts: make(map[string]kept),
		grown:    make(chan struct{}),
	}
}

func (l *reference) Append(_ context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(tenant) + "/" + b.Key
	if k, ok := l.receipts[key]; ok && b.Key != "" {
		if k.digest != b.Digest {
			return audit.Receipt{}, audit.Errorf(audit.CodeIDConflict, "the key was used with another body")
		}
		k.receipt.Replayed = true
		return k.receipt, nil
	}
	log := slices.Clone(l.records[tenant])
	first := uint64(len(log))
	r := audit.Receipt{Rejected: slices.Clone(b.Rejected)}
	for i, e := range b.Events {
		e = own(e)
		index := uint64(len(log))
		err := admit(log, &e, index, l.clock())
		switch {
		case err == errDuplicate:
			r.Duplicates++
		case err == nil:
			log = append(log, audit.Record{Event: e, Index: index, ReceivedAt: audit.TimeOf(l.clock())})
		case b.Partial:
			r.Rejected = append(r.Rejected, audit.Rejection{
				Line: b.Line(i), Code: audit.ErrorCode(err), Message: err.Error(),
				Fields: []audit.FieldError{{Field: "id", Message: err.Error()}}})
		default:
			return audit.Receipt{}, err
		}
	}
	if r.Accepted = len(log) - int(first); r.Accepted > 0 {
		last := uint64(len(log) - 1)
		r.FirstIndex, r.LastIndex = &first, &last
	}
	slices.SortStableFunc(r.Rejected, func(a, b audit.Rejection) int { return cmp.Compare(a.Line, b.Line) })
	l.records[tenant], l.receipts[key] = log, kept{b.Digest, r}
	close(l.grown)
	l.grown = make(chan struct{})
	return r, nil
}

// own returns an event with texts of its own: those of a batch are written over.
func own(e audit.Event) audit.Event {
	e.ID, e.Action = audit.EventID(strings.Clone(string(e.ID))), audit.Action(strings.Clone(string(e.Action)))
	e.IdentityType = audit.IdentityType(strings.Clone(string(e.IdentityType)))
	e.IdentityID = audit.IdentityID(strings.Clone(string(e.IdentityID)))
	e.SecretPath, e.SourceIP = audit.Path(strings.Clone(string(e.SecretPath))), strings.Clone(e.SourceIP)
	e.UserAgent, e.RequestID = strings.Clone(e.UserAgent), strings.Clone(e.RequestID)
	e.ExtraData = strings.Clone(e.ExtraData)
	return e
}

func (l *reference) Wait(ctx context.Context, tenant audit.TenantID, size uint64) (uint64, error) {
	for {
		now, grown := l.growth(tenant)
		if now > size {
			return now, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

func (l *reference) growth(tenant audit.TenantID) (uint64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.records[tenant])), l.grown
}

var errDuplicate = fmt.Errorf("the log has this event")

// admit completes an event that is to get the index, or says why it cannot.
func admit(log []audit.Record, e *audit.Event, index uint64, now time.Time) error {
	if e.Timestamp == audit.NoTime {
		e.Timestamp = audit.TimeOf(now)
	}
	if e.ID == "" {
		e.ID = audit.DerivedID(0, index)
		return nil
	}
	for i := range log {
		if log[i].ID != e.ID {
			continue
		}
		if string(log[i].AppendLine(nil)) == string(e.AppendLine(nil)) {
			return errDuplicate
		}
		return audit.Errorf(audit.CodeIDConflict, "id %s belongs to an event with other content", e.ID)
	}
	if _, _, ok := e.ID.Derived(); ok && e.ID != audit.DerivedID(0, index) {
		return audit.Invalid([]audit.FieldError{{Field: "id", Message: "the log gives ids of this shape"}})
	}
	return nil
}

// selected returns the records below size that the filter selects, in the
// order of their indexes.
func (l *reference) selected(tenant audit.TenantID, f *audit.Filter, size uint64) []audit.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []audit.Record
	for _, r := range l.records[tenant] {
		if r.Index < size && f.Match(&r.Event) {
			list = append(list, r)
		}
	}
	return list
}

func (l *reference) size(tenant audit.TenantID, after *audit.Cursor) uint64 {
	if after != nil {
		return after.Size
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.records[tenant]))
}

func (l *reference) Query(_ context.Context, tenant audit.TenantID, q audit.Query) (audit.Page, error) {
	size := l.size(tenant, q.After)
	list := l.selected(tenant, &q.Filter, size)
	byTime := func(a, b audit.Record) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Index, b.Index))
	}
	order := byTime
	switch q.Order {
	case audit.OrderIndex:
		order = func(a, b audit.Record) int { return cmp.Compare(a.Index, b.Index) }
	case audit.OrderDesc, "":
		order = func(a, b audit.Record) int { return byTime(b, a) }
	}
	slices.SortFunc(list, order)
	list = slices.DeleteFunc(list, func(r audit.Record) bool {
		if q.After == nil {
			return r.Index < q.FromIndex
		}
		last := audit.Record{Event: audit.Event{Timestamp: q.After.Time}, Index: q.After.Index}
		return order(r, last) <= 0
	})
	limit := cmp.Or(q.Limit, audit.DefaultLimit)
	if len(list) <= limit {
		return audit.Page{Records: list}, nil
	}
	last := list[limit-1]
	return audit.Page{
		Records: list[:limit],
		Next:    &audit.Cursor{Size: size, Time: last.Timestamp, Index: last.Index},
	}, nil
}

func (l *reference) Event(_ context.Context, tenant audit.TenantID, id audit.EventID,
	within []audit.Path) (audit.Record, error) {
	for _, r := range l.selected(tenant, &audit.Filter{Within: within}, audit.MaxIndex) {
		if r.ID == id {
			return r, nil
		}
	}
	return audit.Record{}, audit.Errorf(audit.CodeEventNotFound, "no event %q", id)
}

func (l *reference) Secret(ctx context.Context, tenant audit.TenantID,
	q audit.Query) (audit.SecretTrail, error) {
	page, err := l.Query(ctx, tenant, q)
	sum := l.trail(tenant, audit.Filter{SecretPath: q.SecretPath, Within: q.Within})
	return audit.SecretTrail{Page: page, Path: q.SecretPath, Summary: audit.SecretSummary{
		TrailSummary:     sum.trailSummary(),
		UniqueIdentities: len(sum.identities),
		TopIdentities:    sum.topIdentities(audit.DefaultTop),
	}}, err
}

func (l *reference) Identity(ctx context.Context, tenant audit.TenantID,
	q audit.Query) (audit.IdentityTrail, error) {
	page, err := l.Query(ctx, tenant, q)
	f := audit.Filter{IdentityID: q.IdentityID, Within: q.Within}
	sum := l.trail(tenant, f)
	trail := audit.IdentityTrail{Page: page, IdentityID: q.IdentityID, Summary: audit.IdentitySummary{
		TrailSummary:    sum.trailSummary(),
		UniqueResources: len(sum.paths),
		TopResources:    sum.topResources(audit.DefaultTop),
	}}
	if newest, _ := l.Query(ctx, tenant, audit.Query{Filter: f, Limit: 1}); len(newest.Records) > 0 {
		trail.IdentityType = newest.Records[0].IdentityType
	}
	return trail, err
}

func (l *reference) trail(tenant audit.TenantID, f audit.Filter) tally {
	to := audit.TimeOf(l.clock())
	from := max(0, to-audit.TrailPeriod)
	f.From, f.To = &from, &to
	return newTally(from, to, l.selected(tenant, &f, audit.MaxIndex))
}

func (l *reference) Accesses(_ context.Context, tenant audit.TenantID,
	q audit.AccessQuery) (audit.AccessPage, error) {
	size := l.size(tenant, q.After)
	type pair struct {
		identity audit.IdentityID
		path     audit.Path
	}
	pairs := make(map[pair][]audit.Record)
	for _, r := range l.selected(tenant, &q.Filter, size) {
		if r.SecretPath != "" {
			p := pair{r.IdentityID, r.SecretPath}
			pairs[p] = append(pairs[p], r)
		}
	}
	var rows []audit.Access
	for p, records := range pairs {
		t := newTally(0, 0, records)
		rows = append(rows, audit.Access{IdentityID: p.identity, IdentityType: t.newest.IdentityType, Path: p.path,
			Count: t.total, Failed: t.failed, ActionsBreakdown: t.actions, FirstAt: *t.first, LastAt: *t.last,
			PathRotatedAt: l.rotated(tenant, p.path, size)})
	}
	slices.SortFunc(rows, func(a, b audit.Access) int {
		return cmp.Or(cmp.Compare(b.LastAt, a.LastAt), cmp.Compare(a.IdentityID, b.IdentityID),
			cmp.Compare(a.Path, b.Path))
	})
	skip := uint64(0)
	if q.After != nil {
		skip = q.After.Skip
	}
	rows = rows[min(skip, uint64(len(rows))):]
	limit := cmp.Or(q.Limit, audit.DefaultLimit)
	if len(rows) <= limit {
		return audit.AccessPage{Accesses: rows}, nil
	}
	return audit.AccessPage{
		Accesses: rows[:limit],
		Next:     &audit.Cursor{Size: size, Skip: skip + uint64(limit)},
	}, nil
}

func (l *reference) rotated(tenant audit.TenantID, path audit.Path, size uint64) *audit.Time {
	success := true
	f := audit.Filter{SecretPath: path, Success: &success,
		Actions: []audit.Action{audit.ActionRotate, audit.ActionWrite}}
	return newTally(0, 0, l.selected(tenant, &f, size)).last
}

func (l *reference) Values(_ context.Context, tenant audit.TenantID,
	q audit.ValuesQuery) (audit.Values, error) {
	byValue := make(map[string]audit.Value)
	f := audit.Filter{From: q.From, To: q.To, Within: q.Within}
	for _, r := range l.selected(tenant, &f, audit.MaxIndex) {
		value := map[audit.ValuesField]string{
			audit.FieldIdentityID: string(r.IdentityID),
			audit.FieldSecretPath: string(r.SecretPath),
			audit.FieldSourceIP:   r.SourceIP,
			audit.FieldAction:     string(r.Action),
			audit.FieldUserAgent:  r.UserAgent,
		}[q.Field]
		if value == "" || !strings.Contains(value, q.Contains) {
			continue
		}
		v, ok := byValue[value]
		if !ok {
			v = audit.Value{Value: value, FirstAt: r.Timestamp, LastAt: r.Timestamp}
		}
		v.Count++
		v.FirstAt, v.LastAt = min(v.FirstAt, r.Timestamp), max(v.LastAt, r.Timestamp)
		byValue[value] = v
	}
	var list []audit.Value
	for _, v := range byValue {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b audit.Value) int {
		if x, y := strings.HasPrefix(a.Value, q.Contains), strings.HasPrefix(b.Value, q.Contains); x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return audit.Values{Values: list[:min(q.Limit, len(list))]}, nil
}

func (l *reference) Summary(_ context.Context, tenant audit.TenantID,
	q audit.SummaryQuery) (audit.Summary, error) {
	size := l.size(tenant, nil)
	t := newTally(*q.From, *q.To, l.selected(tenant, &q.Filter, size))
	return audit.Summary{
		TotalEvents:      t.total,
		SuccessfulEvents: t.total - t.failed,
		FailedEvents:     t.failed,
		ActionsBreakdown: t.actions,
		TopIdentities:    t.topIdentities(q.Top),
		TopResources:     t.topResources(q.Top),
		From:             t.from,
		To:               t.to,
		AsOf:             size,
		Timeline:         t.timeline(q.Interval),
	}, nil
}
