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

// TestConcurrentUse has writers and readers of two tenants work at once. What
// a reader sees has no gaps, never changes and is durable; what a writer was
// told is there for it to read; at the end all is there, once.
func TestConcurrentUse(t *testing.T) {
	m := vfs.NewMem()
	opts := options()
	opts.WALFileSize = 1 << 20
	s := open(t, m, opts)
	const batches, size = 60, 40 // of each of two writers of a tenant: more than a chunk in all
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for _, tenant := range someTenants {
		for w := range 2 {
			writers.Go(func() {
				for i := range batches {
					if err := writeAndRead(t, s, tenant, w, i*size, size); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		readers.Go(func() {
			for seed := uint64(0); ; seed++ {
				select {
				case <-done:
					return
				default:
				}
				if err := readAndCut(t, s, m, tenant, rand.New(rand.NewPCG(seed, 0))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	for _, tenant := range someTenants {
		got := make(map[string]bool)
		for _, r := range walk(t, s, tenant, byIndex()) {
			got[r.RequestID] = true
		}
		if n := s.Size(tenant); len(got) != 2*batches*size || n != 2*batches*size {
			t.Errorf("%s: %d different events, size %d", tenant, len(got), n)
		}
	}
}

// writeAndRead appends a batch and reads its first event back.
func writeAndRead(t *testing.T, s *store.Store, tenant audit.TenantID, writer, first, n int) error {
	var b audit.Batch
	for i := range n {
		e := event(first + i)
		e.RequestID = fmt.Sprintf("%s-%d-%d", tenant, writer, first+i)
		b.Events = append(b.Events, e)
	}
	r, err := s.Append(t.Context(), tenant, b)
	if err != nil {
		return err
	}
	got, err := s.Event(t.Context(), tenant, audit.DerivedID(0, *r.FirstIndex), nil)
	if err == nil && got.RequestID != b.Events[0].RequestID {
		err = fmt.Errorf("index %d holds %s, want %s", *r.FirstIndex, got.RequestID, b.Events[0].RequestID)
	}
	return err
}

// readAndCut reads a tenant's log in two ways, cuts the power and checks that
// what was read is still there.
func readAndCut(t *testing.T, s *store.Store, m *vfs.Mem, tenant audit.TenantID, rnd *rand.Rand) error {
	seen, err := pages(t, s, tenant, audit.Query{Limit: 1 + rnd.IntN(999)})
	if err != nil {
		return err
	}
	byIndex := slices.SortedFunc(slices.Values(seen), func(a, b audit.Record) int {
		return int(a.Index) - int(b.Index)
	})
	for i, r := range byIndex {
		if r.Index != uint64(i) {
			return fmt.Errorf("%s: index %d follows %d events", tenant, r.Index, i)
		}
	}
	from, to := audit.Time(0), audit.MaxTime
	sum, err := s.Summary(t.Context(), tenant,
		audit.SummaryQuery{Filter: audit.Filter{From: &from, To: &to}, Top: 3})
	if err != nil || sum.TotalEvents != sum.AsOf || sum.AsOf < uint64(len(seen)) {
		return fmt.Errorf("%s: summary of %d events as of %d, %d were seen: %v",
			tenant, sum.TotalEvents, sum.AsOf, len(seen), err)
	}
	if _, err := s.Accesses(t.Context(), tenant, audit.AccessQuery{Limit: 10}); err != nil {
		return err
	}
	q := audit.Query{Filter: audit.Filter{SecretPath: "prod/app-1/key"}}
	if _, err := s.Secret(t.Context(), tenant, q); err != nil {
		return err
	}
	after, err := store.Open(m.CrashClone(0, 1), dir, options())
	if err != nil {
		return err
	}
	defer after.Close()
	left, err := pages(t, after, tenant, audit.Query{Order: audit.OrderIndex, Limit: audit.MaxLimit})
	if err != nil || len(left) < len(byIndex) || !cmp.Equal(proofs(byIndex), proofs(left[:len(byIndex)])) {
		return fmt.Errorf("%s: %d of %d events that were read are left after a power cut (%v)",
			tenant, len(left), len(byIndex), err)
	}
	return nil
}
