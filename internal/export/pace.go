package export

import (
	"context"
	"time"
)

const (
	// paceRecords is after how many events an export looks whether it is in
	// somebody's way: a millisecond's work or two.
	paceRecords = 1 << 10
	// paceRest is how long an export rests then, in terms of what it worked:
	// beside a busy log it takes a quarter of the time.
	paceRest = 3
)

// giveWay lets an export rest if others wait for the log, who need the same
// processors and the same disk. They are looked for now and then, so that what the
// export leaves them is in proportion to how often there are any. The error is
// ctx's.
func (w *writing) giveWay(ctx context.Context) error {
	now := w.manager.Clock()
	worked := now.Sub(w.resumed)
	w.resumed = now
	if worked <= 0 || w.manager.Log.Callers() == 0 {
		return nil
	}
	rest := time.NewTimer(paceRest * worked)
	defer rest.Stop()
	select {
	case <-rest.C:
		w.resumed = w.manager.Clock()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
