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

// pace lets an export give way to those who wait for the log, who need the same
// processors and the same disk. They are looked for now and then, so that what
// the export leaves them is in proportion to how often there are any.
type pace struct {
	callers func() int
	clock   func() time.Time
	resumed time.Time // when the work went on
}

func newPace(m *Manager) pace {
	return pace{callers: m.Log.Callers, clock: m.Clock, resumed: m.Clock()}
}

// giveWay rests if somebody waits. The error is ctx's.
func (p *pace) giveWay(ctx context.Context) error {
	now := p.clock()
	worked := now.Sub(p.resumed)
	p.resumed = now
	if worked <= 0 || p.callers() == 0 {
		return nil
	}
	rest := time.NewTimer(paceRest * worked)
	defer rest.Stop()
	select {
	case <-rest.C:
		p.resumed = p.clock()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
