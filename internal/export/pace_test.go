package export_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
)

// TestGivesWay lets each event take a millisecond of work while somebody waits
// for the log, or nobody: an export rests three times as long as it works, or
// not at all.
func TestGivesWay(t *testing.T) {
	const events = 10 << 10
	for _, tt := range []struct {
		callers int
		rest    time.Duration
	}{{0, 0}, {1, 3 * events * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.log.fill(t, "tnt_a", events)
			w.log.callers = tt.callers
			id := w.create(t, "tnt_a", request("a")).ID
			w.log.fail = func() error {
				w.clock.Advance(time.Millisecond)
				return nil
			}
			begun := time.Now()
			w.run(t.Context())
			for w.get(t, "tnt_a", id).Status != audit.ExportCompleted {
				time.Sleep(time.Second)
			}
			rested := time.Since(begun)
			w.stop()
			if rested < tt.rest || rested > tt.rest+2*time.Second {
				t.Errorf("%d callers: rested %v; want %v", tt.callers, rested, tt.rest)
			}
			if e := w.get(t, "tnt_a", id); e.RecordCount < events {
				t.Errorf("%d callers: %d events", tt.callers, e.RecordCount)
			}
		})
	}
}

// TestRestEnds stops a manager while its export gives way: it does not wait for
// the end of the rest.
func TestRestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.log.fill(t, "tnt_a", 10<<10)
		w.log.callers = 1
		id := w.create(t, "tnt_a", request("a")).ID
		w.log.fail = func() error {
			w.clock.Advance(time.Hour)
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		w.run(ctx)
		synctest.Wait()
		begun := time.Now()
		cancel()
		w.stop()
		if d := time.Since(begun); d > 0 {
			t.Errorf("it took %v to stop", d)
		}
		if e := w.get(t, "tnt_a", id); e.Status.Final() {
			t.Errorf("it is %s", e.Status)
		}
	})
}
