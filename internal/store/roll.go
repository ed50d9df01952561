package store

import (
	"cmp"
	"slices"

	"github.com/scaivault/audit"
)

// The tail that takes new rows ends, and is sealed, when it has enough of them
// ([tenantLog.stage]), when it is old, or when all tails together are too much.

// roll begins a new tail if the present one has n rows, and any.
func (l *tenantLog) roll(n int) {
	if t := l.tail(); t.staged > 0 && t.staged >= n {
		l.tails = append(l.tails, newTail(l.origin, t.next()))
	}
}

// due reports whether the present tail has enough rows. One that got them in no
// time may have as many as a merged segment.
func (l *tenantLog) due(now audit.Time) bool {
	t := l.tail()
	return t.staged >= mergeFactor*l.limit || t.staged >= l.limit && now-t.since >= l.burst
}

// rollOld ends the tails that began too long before now, or have enough rows
// since their burst is over.
func (s *Store) rollOld(now audit.Time) {
	before := now - audit.Time(s.opts.SealAfter.Microseconds())
	for _, l := range s.allLogs() {
		l.mu.Lock()
		if t := l.tail(); t.since <= before || l.due(now) {
			l.roll(0)
		}
		l.mu.Unlock()
	}
}

// rollAll ends all tails and returns the groups that make their rows durable.
func (s *Store) rollAll() (pending []*group) {
	for _, l := range s.allLogs() {
		l.mu.Lock()
		l.roll(0)
		if l.pending != nil {
			pending = append(pending, l.pending)
		}
		l.mu.Unlock()
	}
	return pending
}

// rollLargest ends the largest tails until the others have at most TailEvents
// rows together: hundreds of tenants share the memory of a few.
func (s *Store) rollLargest() {
	logs := s.allLogs()
	rows, total := make(map[*tenantLog]int), 0
	for _, l := range logs {
		l.mu.RLock()
		rows[l] = l.tail().staged
		l.mu.RUnlock()
		total += rows[l]
	}
	slices.SortStableFunc(logs, func(a, b *tenantLog) int { return cmp.Compare(rows[b], rows[a]) })
	for _, l := range logs {
		if total <= s.opts.TailEvents {
			return
		}
		l.mu.Lock()
		l.roll(0)
		l.mu.Unlock()
		total -= rows[l]
	}
}
