package source

import (
	"context"
	"log/slog"
	"time"
)

// repeat works once an interval until ctx ends. Of errors that follow each other
// the first is logged, with what it keeps from happening: the next turn tries again.
func repeat(ctx context.Context, interval time.Duration, logger *slog.Logger, kept string, work func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := work(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			logger.Error(kept, "error", err)
		}
		failing = err != nil
	}
}
