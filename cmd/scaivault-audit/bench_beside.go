package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
)

// besideLimit bounds how long the work beside an export is measured without one.
const besideLimit = 10 * time.Second

// measureBeside measures one client that appends a batch and asks for the newest
// events of the busiest identity in turn: alone, beside an export as lines, and
// alone again, so that what changes meanwhile changes both. It appends to a log
// of its own.
func (b *bench) measureBeside(about *subjects, x *benchExports, export exportRow) (*besideRow, error) {
	w, err := b.besideWork(about, x)
	if err != nil {
		return nil, err
	}
	defer w.log.Close()
	half := min(besideLimit, time.Duration(export.Seconds*float64(time.Second))) / 2
	var alone, beside turns
	for _, part := range []struct {
		turns *turns
		until func(ctx context.Context) error
	}{
		{&alone, wait(half)},
		{&beside, func(ctx context.Context) error {
			_, err := x.measure(ctx, directoryRequest(audit.FormatJSONL, audit.CompressionNone))
			return err
		}},
		{&alone, wait(half)},
	} {
		if err := w.during(b.p.ctx, part.turns, part.until); err != nil {
			return nil, fmt.Errorf("work beside an export: %w", err)
		}
	}
	beside.cpu -= time.Duration(export.CPU * float64(time.Second))
	return &besideRow{Alone: alone.rate(), Beside: beside.rate(), Ratio: beside.rate() / alone.rate(),
		AloneCPU: alone.cost(), BesideCPU: beside.cost()}, nil
}

func wait(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turns is how often something was done in a while.
type turns struct {
	n         int
	took, cpu time.Duration
}

// rate returns how many turns there were in a second.
func (t *turns) rate() float64 { return float64(t.n) / t.took.Seconds() }

// cost returns the processor's milliseconds of a turn.
func (t *turns) cost() float64 { return max(0, milliseconds(t.cpu)) / float64(t.n) }

// besideWork is what a client does again and again.
type besideWork struct {
	log    *store.Store // that is appended to
	events []audit.Event
	ask    func(context.Context) error
}

func (b *bench) besideWork(about *subjects, x *benchExports) (*besideWork, error) {
	log, err := b.open(filepath.Join(x.dir, "beside"), b.p.now)
	if err != nil {
		return nil, err
	}
	o := b.options
	o.Events = b.command.Batch
	newest := about.newest(audit.Filter{IdentityID: about.heavy})
	asked := x.options.Log.(unchanged).Store
	return &besideWork{log: log, events: slices.Collect(sample.New(b.command.Seed, o).Events()),
		ask: func(ctx context.Context) error {
			_, err := newest(ctx, asked)
			return err
		}}, nil
}

// during counts the turns that are done until something else has ended.
func (w *besideWork) during(ctx context.Context, t *turns, other func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- other(ctx) }()
	begun, before := time.Now(), used()
	for turn := 0; ; turn++ {
		select {
		case err := <-ended:
			if turn > 0 {
				t.took, t.cpu = t.took+time.Since(begun), t.cpu+used().cpu-before.cpu
				return err
			}
			ended <- err // once at least
		default:
		}
		_, err := appendEvents(ctx, w.log, &parcel{tenant: benchTenant(0), events: slices.Clone(w.events)})
		if err = errors.Join(err, w.ask(ctx)); err != nil {
			cancel()
			<-ended
			return err
		}
		t.n++
	}
}
