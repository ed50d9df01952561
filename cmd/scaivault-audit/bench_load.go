package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
)

const (
	// chunkEvents is how many events are made before the clock goes on.
	chunkEvents = 200_000
	// appendedEvents bounds what small batches are measured with: enough to be
	// sealed and merged while they come.
	appendedEvents = 10_000_000
	// comeAgain is how long a writer waits whom the log refused because too
	// much is waiting to be sealed.
	comeAgain = 10 * time.Millisecond
	// patience is after how long the writer gives up.
	patience = time.Minute
)

// parcel is a batch and whose it is.
type parcel struct {
	tenant audit.TenantID
	events []audit.Event
	lines  []byte // the events, where they travel as text
}

func benchTenant(n int) audit.TenantID { return audit.TenantID(fmt.Sprintf("tnt_bench_%04d", n+1)) }

// chunks yields the first n events in batches of a size, some batches at a
// time. With many tenants the batches are smaller, so that a chunk has some of
// each.
func (b *bench) chunks(n, size int) iter.Seq[[]parcel] {
	tenants := b.command.Tenants
	size = min(size, max(1, chunkEvents/tenants))
	return func(yield func([]parcel) bool) {
		o := b.options
		o.Events = n
		open := make([][]audit.Event, tenants)
		var chunk []parcel
		i, held := 0, 0
		for e := range sample.New(b.command.Seed, o).Events() {
			t := i % tenants
			open[t] = append(open[t], e)
			i++
			if len(open[t]) < size && i <= n-tenants {
				continue
			}
			chunk, open[t] = append(chunk, parcel{tenant: benchTenant(t), events: open[t]}), nil
			if held += len(chunk[len(chunk)-1].events); held >= chunkEvents || i == n {
				if !yield(chunk) {
					return
				}
				chunk, held = nil, 0
			}
		}
	}
}

// append measures durable appends of several writers.
func (b *bench) append() (err error) {
	dir := filepath.Join(b.dir, "append")
	s, err := b.open(dir, b.p.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(dir)) }()
	row := loadRow{Name: "append", Events: min(int(b.command.Events), appendedEvents)}
	err = b.write(row, func(*parcel) {}, func(ctx context.Context, p *parcel) (refused int, err error) {
		return appendEvents(ctx, s, p)
	})
	if err != nil {
		return err
	}
	watch := newStopwatch()
	defer watch.release()
	return b.seal("append_seal", s, watch)
}

// appendEvents appends a batch, again and again while the log has no room for
// it, which it says at once. A log that needs time to refuse is ill.
func appendEvents(ctx context.Context, s *store.Store, p *parcel) (refused int, err error) {
	for begun := time.Now(); ; refused++ {
		asked := time.Now()
		_, err := s.Append(ctx, p.tenant, audit.Batch{Events: p.events})
		if audit.ErrorCode(err) != audit.CodeUnavailable || time.Since(asked) > time.Second ||
			time.Since(begun) > patience {
			return refused, err
		}
		select {
		case <-time.After(comeAgain):
		case <-ctx.Done():
			return refused, ctx.Err()
		}
	}
}

// write measures what several writers do with the events of a row.
func (b *bench) write(row loadRow, prepare func(*parcel),
	send func(context.Context, *parcel) (refused int, err error)) error {
	bar := newProgress(b.p, row.Name, int64(row.Events), eventsUnit())
	defer bar.end()
	watch := newStopwatch()
	defer watch.release()
	var mu sync.Mutex // guards row and acks
	var acks []time.Duration
	for chunk := range b.chunks(row.Events, b.command.Batch) {
		for i := range chunk {
			prepare(&chunk[i])
		}
		watch.start()
		writers, ctx := errgroup.WithContext(b.p.ctx)
		writers.SetLimit(b.command.Writers)
		for i := range chunk {
			writers.Go(func() error {
				begun := time.Now()
				refused, err := send(ctx, &chunk[i])
				mu.Lock()
				defer mu.Unlock()
				acks, row.Refused = append(acks, time.Since(begun)), row.Refused+refused
				bar.add(len(chunk[i].events))
				return err
			})
		}
		err := writers.Wait()
		watch.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", row.Name, err)
		}
	}
	row.AckP50, row.AckP99 = quantiles(acks)
	b.report.loaded(row, watch.wall, watch.cpu)
	return nil
}
