package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
)

const (
	// besideTime is how long the work beside an export is measured, unless the
	// export is done before, and how long without one, half before and half after.
	besideTime = 20 * time.Second
	// besideTenant is the tenant of what is appended meanwhile.
	besideTenant = "tnt_beside"
)

// measureBeside measures one client that appends a batch and asks for the newest
// events of the busiest identity in turn: alone, beside an export as lines, and
// alone again, so that what changes meanwhile changes both. It appends to another
// tenant's log.
func (b *bench) measureBeside(about *subjects, x *benchExports) (*besideRow, error) {
	w := b.besideWork(about, x)
	var alone, beside turns
	for _, part := range []struct {
		turns *turns
		until func(ctx context.Context) error
	}{
		{&alone, wait(besideTime / 2)},
		{&beside, func(ctx context.Context) error { return x.runFor(ctx, besideTime) }},
		{&alone, wait(besideTime / 2)},
	} {
		if err := w.during(b.p.ctx, part.turns, part.until); err != nil {
			return nil, fmt.Errorf("work beside an export: %w", err)
		}
	}
	return &besideRow{Alone: alone.rate(), Beside: beside.rate(), Ratio: beside.rate() / alone.rate()}, nil
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
	n    int
	took time.Duration
}

// rate returns how many turns there were in a second.
func (t *turns) rate() float64 { return float64(t.n) / t.took.Seconds() }

// besideWork is what a client does again and again.
type besideWork struct {
	log    *store.Store // that is appended to
	events []audit.Event
	ask    func(context.Context) error
}

func (b *bench) besideWork(about *subjects, x *benchExports) *besideWork {
	o := b.options
	o.Events = b.command.Batch
	newest := about.newest(audit.Filter{IdentityID: about.heavy})
	return &besideWork{log: x.log, events: slices.Collect(sample.New(b.command.Seed, o).Events()),
		ask: func(ctx context.Context) error {
			_, err := newest(ctx, x.log)
			return err
		}}
}

// during counts the turns that are done until something else has ended.
func (w *besideWork) during(ctx context.Context, t *turns, other func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- other(ctx) }()
	begun := time.Now()
	for turn := 0; ; turn++ {
		select {
		case err := <-ended:
			if turn > 0 {
				t.took += time.Since(begun)
				return err
			}
			ended <- err // once at least
		default:
		}
		_, err := appendEvents(ctx, w.log, &parcel{tenant: besideTenant, events: slices.Clone(w.events)})
		if err = errors.Join(err, w.ask(ctx)); err != nil {
			cancel()
			<-ended
			return err
		}
		t.n++
	}
}
