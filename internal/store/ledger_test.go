package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// ledger is what writers know: what they sent and what was acknowledged. It is
// one half of the oracle of all crash and fault tests; the other half is the
// rule that what was acknowledged is there, that what is there was sent, each
// event once and unchanged, and that indexes have no gap.
type ledger struct {
	mu    sync.Mutex // guards all below
	sent  map[audit.TenantID]map[string]audit.Event
	acked []ack // append-only
	batch []sentBatch
	n     int // events so far
}

// ack is an event that the store has acknowledged.
type ack struct {
	tenant  audit.TenantID
	request string // which is unique
	index   uint64
}

// sentBatch is a batch that can be sent again: its events bring ids, or it has
// a key.
type sentBatch struct {
	tenant audit.TenantID
	batch  audit.Batch
	answer *audit.Receipt // nil if there was none
}

func newLedger() *ledger { return &ledger{sent: make(map[audit.TenantID]map[string]audit.Event)} }

// draw makes a batch of new events: with ids, with a key, or with neither. One
// in four is larger than a few sectors of a disk.
func (l *ledger) draw(rnd *rand.Rand) audit.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b audit.Batch
	kind := rnd.IntN(3)
	for range 1 + rnd.IntN(3) {
		e := event(l.n)
		if kind == 0 {
			e = named(l.n)
		}
		if rnd.IntN(4) == 0 {
			e.ExtraData = fmt.Sprintf(`{"n":%d,"pad":%q}`, l.n, strings.Repeat("x", rnd.IntN(3000)))
		}
		b.Events = append(b.Events, e)
		l.n++
	}
	if kind == 1 {
		b.Key = fmt.Sprintf("key-%d", l.n)
		b.Digest = sha256.Sum256([]byte(b.Key))
	}
	return b
}

// append sends a batch.
func (l *ledger) append(ctx context.Context, s *store.Store, tenant audit.TenantID, b audit.Batch) error {
	l.mu.Lock()
	if l.sent[tenant] == nil {
		l.sent[tenant] = make(map[string]audit.Event)
	}
	for _, e := range b.Events {
		l.sent[tenant][e.RequestID] = e
	}
	l.mu.Unlock()
	r, err := s.Append(ctx, tenant, b)
	l.mu.Lock()
	defer l.mu.Unlock()
	again := sentBatch{tenant: tenant, batch: b}
	if err == nil {
		again.answer = &r
		for i, e := range b.Events {
			l.acked = append(l.acked, ack{tenant, e.RequestID, *r.FirstIndex + uint64(i)})
		}
	}
	if b.Key != "" || b.Events[0].ID != "" {
		l.batch = append(l.batch, again)
	}
	return err
}

// acks returns what is acknowledged so far.
func (l *ledger) acks() []ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.acked)
}

// verify returns how what the store holds breaks the rule.
func (l *ledger) verify(ctx context.Context, s *store.Store, acked []ack) []string {
	var bad []string
	stored := make(map[ack]bool)
	for tenant, sent := range l.sent {
		records, err := readAll(ctx, s, tenant)
		if err != nil {
			return append(bad, fmt.Sprintf("%s: %v", tenant, err))
		}
		seen := make(map[string]bool)
		for i, r := range records {
			e, ok := sent[r.RequestID]
			if e.ID == "" {
				e.ID = audit.DerivedID(0, r.Index)
			}
			switch {
			case !ok || e != r.Event: // equal fields are equal lines
				bad = append(bad, fmt.Sprintf("%s: was never sent: %s", tenant, line(&r.Event)))
			case seen[r.RequestID]:
				bad = append(bad, fmt.Sprintf("%s: %s is there twice", tenant, r.RequestID))
			case r.Index != uint64(i):
				bad = append(bad, fmt.Sprintf("%s: index %d follows %d records", tenant, r.Index, i))
			case i > 0 && r.ReceivedAt < records[i-1].ReceivedAt:
				bad = append(bad, fmt.Sprintf("%s: received_at goes back at index %d", tenant, i))
			}
			seen[r.RequestID] = true
			stored[ack{tenant, r.RequestID, r.Index}] = true
		}
	}
	for _, a := range acked {
		if !stored[a] {
			bad = append(bad, fmt.Sprintf("%s: %s at index %d was acknowledged and is lost",
				a.tenant, a.request, a.index))
		}
	}
	return bad
}

// readAll returns a tenant's whole log, in the order of appending, and checks
// that the order of time finds as many events.
func readAll(ctx context.Context, s *store.Store, tenant audit.TenantID) ([]audit.Record, error) {
	var all []audit.Record
	for _, order := range []audit.Order{audit.OrderDesc, audit.OrderIndex} {
		q := audit.Query{Order: order, Limit: audit.MaxLimit}
		p, err := s.Query(ctx, tenant, q)
		if err != nil {
			return nil, err
		}
		if p.Next != nil || all != nil && len(all) != len(p.Records) {
			return nil, fmt.Errorf("%d and %d records", len(all), len(p.Records))
		}
		all = p.Records
	}
	return all, nil
}

// retry sends again what can be sent again, as writers do after a crash, and
// returns how the answers are wrong.
func (l *ledger) retry(ctx context.Context, s *store.Store, acked []ack) (retried []ack, bad []string) {
	known := make(map[string]bool)
	for _, a := range acked {
		known[a.request] = true
	}
	for _, again := range l.batch {
		r, err := s.Append(ctx, again.tenant, again.batch)
		n := len(again.batch.Events)
		switch {
		case err != nil:
			bad = append(bad, fmt.Sprintf("%s: repeated batch: %v", again.tenant, err))
		case r.Accepted+r.Duplicates != n:
			bad = append(bad, fmt.Sprintf("%s: %d events, answer %+v", again.tenant, n, r))
		case !known[again.batch.Events[0].RequestID]:
		case again.batch.Key == "" && r.Duplicates != n:
			bad = append(bad, fmt.Sprintf("%s: acknowledged events are no duplicates: %+v", again.tenant, r))
		case again.batch.Key != "" && again.answer == nil:
			if !r.Replayed {
				bad = append(bad, fmt.Sprintf("%s: a stored batch with a key is stored again", again.tenant))
			}
		case again.batch.Key != "":
			want := *again.answer
			want.Replayed = true
			if diff := cmp.Diff(want, r); diff != "" {
				bad = append(bad, fmt.Sprintf("%s: answer to a repeated key (-want +got): %s", again.tenant, diff))
			}
		}
		if r.Accepted > 0 {
			for i, e := range again.batch.Events {
				retried = append(retried, ack{again.tenant, e.RequestID, *r.FirstIndex + uint64(i)})
			}
		}
	}
	return slices.Concat(acked, retried), bad
}

// small are options under which the log has many small files.
func small(c *clock) store.Options {
	opts := optionsAt(c)
	opts.WALFileSize = 1500
	return opts
}

// drive has three tenants append, one after the other and at the same time,
// over two lives of a store. It returns the first error.
func (l *ledger) drive(ctx context.Context, fsys vfs.FS, rnd *rand.Rand) error {
	c := newClock()
	for range 2 {
		s, err := store.Open(fsys, dir, small(c))
		if err != nil {
			return err
		}
		err = l.driveOne(ctx, s, c, rnd)
		if e := s.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) driveOne(ctx context.Context, s *store.Store, c *clock, rnd *rand.Rand) error {
	tenants := []audit.TenantID{acme, bravo, "carol"}
	for range 3 {
		for _, tenant := range tenants {
			if err := l.append(ctx, s, tenant, l.draw(rnd)); err != nil {
				return err
			}
			c.advance(audit.Second)
		}
		errs := make([]error, len(tenants))
		var wg sync.WaitGroup
		for i, tenant := range tenants {
			b := l.draw(rnd)
			wg.Go(func() { errs[i] = l.append(ctx, s, tenant, b) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
	}
	return s.Seal(ctx)
}
