package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/store"
)

// lineSize is a little more than most lines have bytes.
const lineSize = 400

// encode turns the events of a parcel into lines.
func (p *parcel) encode() {
	p.lines = make([]byte, 0, lineSize*len(p.events))
	for i := range p.events {
		p.lines = append(client.AppendEvent(p.lines, &p.events[i]), '\n')
	}
}

// load measures an import of lines in large batches, reading them included,
// and then how what is still in memory is sealed.
func (b *bench) load() (err error) {
	s, err := b.open(b.logDir(), b.p.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	row := loadRow{Name: "load", Events: int(b.command.Events)}
	bar := newProgress(b.p, row.Name, int64(row.Events), eventsUnit())
	defer bar.end()
	watch := newStopwatch()
	defer watch.release()
	for chunk := range b.chunks(row.Events, audit.MaxBatch) {
		for i := range chunk {
			chunk[i].encode()
			row.Bytes += int64(len(chunk[i].lines))
			chunk[i].events = nil
		}
		watch.start()
		refused, err := loadChunk(b.p.ctx, s, chunk, bar)
		watch.stop()
		row.Refused += refused
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	b.report.loaded(row, watch.wall, watch.cpu)
	if err := b.seal("seal", s, watch); err != nil {
		return err
	}
	b.report.loaded(loadRow{Name: "import", Events: row.Events}, watch.wall, watch.cpu)
	b.report.PeakRSS = peakRSS()
	return nil
}

// loadChunk reads a batch while the one before it is appended.
func loadChunk(ctx context.Context, s *store.Store, chunk []parcel, bar *progress) (refused int, err error) {
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan parcel, 1)
	group.Go(func() error {
		defer close(batches)
		for _, p := range chunk {
			batch, err := audit.DecodeBatch(audit.FormNDJSON, string(p.lines), audit.MaxTime, false)
			if err != nil {
				return err
			}
			select {
			case batches <- parcel{tenant: p.tenant, events: batch.Events}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		for p := range batches {
			n, err := appendEvents(ctx, s, &p)
			if refused += n; err != nil {
				return err
			}
			bar.add(len(p.events))
		}
		return nil
	})
	err = group.Wait()
	return refused, err
}

// seal measures how what is still in memory is sealed, and adds it to the watch.
func (b *bench) seal(name string, s *store.Store, watch *stopwatch) error {
	before := *watch
	watch.start()
	err := s.Seal(b.p.ctx)
	watch.stop()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.report.loaded(loadRow{Name: name}, watch.wall-before.wall, watch.cpu-before.cpu)
	return nil
}
