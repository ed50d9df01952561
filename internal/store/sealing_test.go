package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// feed is what the writers and readers of one tenant know of its log.
type feed struct {
	tenant audit.TenantID

	mu    sync.Mutex // guards all below
	n     int        // events that were sent, or are being sent
	acked []audit.Record
	size  uint64 // the greatest that was seen
}

// draw returns a batch of new events, some with ids and some late, of which
// some lie between events that are sealed already.
func (f *feed) draw(rnd *rand.Rand) audit.Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b audit.Batch
	for range 1 + rnd.IntN(5) {
		e := event(f.n)
		if rnd.IntN(3) == 0 {
			e = named(f.n)
		}
		if rnd.IntN(4) == 0 {
			e.Timestamp -= audit.Time(rnd.IntN(300)) * audit.Second
		}
		b.Events = append(b.Events, e)
		f.n++
	}
	return b
}

// write appends a batch and notes what was acknowledged.
func (f *feed) write(t *testing.T, s *store.Store, rnd *rand.Rand) error {
	b := f.draw(rnd)
	r, err := s.Append(t.Context(), f.tenant, b)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range b.Events {
		index := *r.FirstIndex + uint64(i)
		if e.ID == "" {
			e.ID = audit.DerivedID(0, index)
		}
		f.acked = append(f.acked, audit.Record{Event: e, Index: index, ReceivedAt: begin})
	}
	f.size = max(f.size, *r.LastIndex+1)
	return nil
}

// known returns what is acknowledged, and the size that the log has at least.
func (f *feed) known() ([]audit.Record, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clip(f.acked), f.size
}

// saw notes a size; no later one may be less.
func (f *feed) saw(size uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = max(f.size, size)
}

// read asks the store and holds the answers against what was known before.
func (f *feed) read(t *testing.T, s *store.Store, rnd *rand.Rand) error {
	acked, least := f.known()
	size := s.Size(f.tenant)
	f.saw(size)
	if size < least {
		return fmt.Errorf("%s: size %d after %d", f.tenant, size, least)
	}
	if err := f.readList(t, s, acked, 1+rnd.IntN(200)); err != nil {
		return err
	}
	from, to := audit.Time(0), audit.MaxTime
	sum, err := s.Summary(t.Context(), f.tenant,
		audit.SummaryQuery{Filter: audit.Filter{From: &from, To: &to}, Top: 3})
	if err != nil || sum.TotalEvents != sum.AsOf || sum.AsOf < least {
		return fmt.Errorf("%s: summary of %d events as of %d, after %d: %v",
			f.tenant, sum.TotalEvents, sum.AsOf, least, err)
	}
	for range min(len(acked), 5) {
		if err := f.readOne(t, s, acked[rnd.IntN(len(acked))]); err != nil {
			return err
		}
	}
	return nil
}

// readList walks the log, the newest events first: they come in order, and all
// that are acknowledged are there, as they were sent.
func (f *feed) readList(t *testing.T, s *store.Store, acked []audit.Record, limit int) error {
	list, err := pages(t, s, f.tenant, audit.Query{Limit: limit})
	if err != nil {
		return err
	}
	got := make(map[uint64]audit.Record, len(list))
	for i, r := range list {
		if i > 0 && (r.Timestamp > list[i-1].Timestamp ||
			r.Timestamp == list[i-1].Timestamp && r.Index >= list[i-1].Index) {
			return fmt.Errorf("%s: index %d follows %d", f.tenant, r.Index, list[i-1].Index)
		}
		got[r.Index] = r
	}
	for _, r := range acked {
		if g, ok := got[r.Index]; !ok || g != r {
			return fmt.Errorf("%s: index %d is not what was acknowledged:\n%s", f.tenant, r.Index, cmp.Diff(r, g))
		}
	}
	return nil
}

// readOne asks for an event by its id and by its request id, and sends it
// again.
func (f *feed) readOne(t *testing.T, s *store.Store, r audit.Record) error {
	got, err := s.Event(t.Context(), f.tenant, r.ID, nil)
	if err != nil || got != r {
		return fmt.Errorf("%s: event %s: %v\n%s", f.tenant, r.ID, err, cmp.Diff(r, got))
	}
	p, err := s.Query(t.Context(), f.tenant, audit.Query{Filter: audit.Filter{RequestID: r.RequestID}})
	if err != nil || len(p.Records) != 1 || p.Records[0] != r {
		return fmt.Errorf("%s: request %s: %v, %v", f.tenant, r.RequestID, p.Records, err)
	}
	receipt, err := s.Append(t.Context(), f.tenant, batch(r.Event))
	if err != nil || receipt.Duplicates != 1 {
		return fmt.Errorf("%s: event %s again: %+v, %v", f.tenant, r.ID, receipt, err)
	}
	return nil
}

// TestConcurrentSealing has writers and readers of three tenants work while
// their events are sealed, files of the write-ahead log removed, and segments
// put in the place of others.
func TestConcurrentSealing(t *testing.T) {
	segments := 10 // of each writer
	if testing.Short() {
		segments = 4
	}
	for _, events := range []int{8, 64} {
		m := vfs.NewMem()
		opts := options()
		opts.WALFileSize, opts.SealEvents = 5000, events
		s := open(t, m, opts)
		feeds := []*feed{{tenant: acme}, {tenant: bravo}, {tenant: "carol"}}
		workAtOnce(t, s, feeds, segments*events)
		check(t, s.Close())
		s = open(t, m, opts)
		for _, f := range feeds {
			acked, size := f.known()
			check(t, f.readList(t, s, acked, audit.MaxLimit))
			if n := s.Size(f.tenant); n != size || n != uint64(len(acked)) {
				t.Errorf("%s: size %d, %d events acknowledged", f.tenant, n, len(acked))
			}
		}
		if names, err := sealed(m); err != nil || len(names) < len(feeds) {
			t.Errorf("%d segments (%v): the test proves nothing", len(names), err)
		}
	}
}

// workAtOnce has two writers a tenant send events, and a reader read until they
// are done and all is sealed.
func workAtOnce(t *testing.T, s *store.Store, feeds []*feed, events int) {
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i, f := range feeds {
		for w := range 2 {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(w)))
			writers.Go(func() {
				for range events / 5 {
					if err := f.write(t, s, rnd); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		rnd := rand.New(rand.NewPCG(uint64(i), 2))
		readers.Go(func() {
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true // and once more
				default:
				}
				if err := f.read(t, s, rnd); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	// On a busy machine the writers may be done before anything is sealed.
	check(t, s.Seal(t.Context()))
	close(done)
	readers.Wait()
}
