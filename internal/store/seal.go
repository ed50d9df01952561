package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// sealInterval is how often the sealer looks for tails that are old; full ones
// wake it at once.
const sealInterval = 10 * time.Second

// sealer turns full and old tails into segments, and small segments into larger
// ones. One goroutine runs it.
type sealer struct {
	store    *Store
	manifest *manifest
	all      chan chan<- error // requests to seal all there is
	once     sync.Once         // of close
	stop     chan struct{}     // closed by close
	stopped  chan struct{}     // run has returned
}

func newSealer(s *Store, m *manifest) *sealer {
	return &sealer{store: s, manifest: m,
		all: make(chan chan<- error), stop: make(chan struct{}), stopped: make(chan struct{})}
}

// run seals until close.
func (s *sealer) run() {
	defer close(s.stopped)
	tick := time.NewTicker(sealInterval)
	defer tick.Stop()
	// Not more than this is merged in the time of a tick: merging takes from a burst
	// of appends, and is made up for afterwards.
	perTick := mergeFactor * s.store.opts.SealEvents
	owed := 0 // rows that were merged beyond that
	for {
		var answer chan<- error
		rows := 0 // to merge
		select {
		case <-s.stop:
			return
		case answer = <-s.all:
			_ = s.await(s.store.rollAll()) // what failed was not acknowledged
			s.store.wal.turn()
			rows = math.MaxInt
		case <-s.store.full:
		case <-tick.C:
			rows = max(0, perTick-owed)
			owed = max(0, owed-perTick)
		}
		merged, err := s.pass(rows)
		if answer == nil {
			owed += max(0, merged-rows)
		}
		if err != nil {
			s.store.opts.Logger.Error("events cannot be sealed or merged; they stay where they are",
				"error", err)
		}
		if answer != nil {
			answer <- err
		}
	}
}

// pass seals what is full or old or too much, merges what is small, so many
// rows or more, which it returns, and removes the files of the write-ahead log that hold
// nothing else. A log whose sealing fails does not keep the others from it; the
// next pass tries again.
func (s *sealer) pass(rows int) (merged int, err error) {
	now := audit.TimeOf(s.store.opts.Clock())
	s.store.rollOld(now)
	s.store.rollLargest()
	errs := []error{s.sealFull()}
	all := rows == math.MaxInt
	for merged < rows && errs[0] == nil && !s.closing() {
		some, err := s.mergeSome(min(rows-merged, s.rowsAtOnce()), all)
		errs = append(errs, err)
		if some == 0 {
			break
		}
		merged += some
		// Sealing comes first: what waits for it is in memory.
		errs = append(errs, s.sealFull())
	}
	return merged, errors.Join(append(errs, s.carry(now), s.drop(now))...)
}

// await waits until groups are durable. The error is that of those that failed,
// or errStopped.
func (s *sealer) await(groups []*group) error {
	var errs []error
	for _, g := range groups {
		select {
		case <-g.done:
			errs = append(errs, g.err)
		case <-s.stop:
			return errStopped
		}
	}
	return errors.Join(errs...)
}

func (s *sealer) closing() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// sealFull seals the tails that are full and durable.
func (s *sealer) sealFull() error {
	var errs []error
	failed := make(map[*tenantLog]bool)
	for {
		var changes []change
		rows := 0
		for _, l := range s.store.allLogs() {
			t := l.sealable()
			if t == nil || failed[l] {
				continue
			}
			c, err := s.seal(l, t)
			if err != nil {
				failed[l] = true
				errs = append(errs, fmt.Errorf("seal %s: %w", l.tenant, err))
				continue
			}
			changes = append(changes, c)
			if rows += c.segment.rows(); rows >= s.rowsAtOnce() {
				break
			}
		}
		if len(changes) == 0 {
			return errors.Join(errs...)
		}
		if err := s.apply(changes); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
}

// drop removes the files of the write-ahead log that hold nothing that is not
// sealed. The manifest says so first: a file that is missing then was removed,
// not lost.
func (s *sealer) drop(now audit.Time) error {
	files, first := s.store.wal.spent(now)
	if len(files) == 0 {
		return nil
	}
	next := *s.manifest
	next.FirstWAL = first
	if err := s.publish(&next); err != nil {
		return err
	}
	// Dying from here on leaves files that recovery removes, and a mark that says
	// of them that they are needed.
	if err := s.store.wal.mark(func(m *walMark) { m.first = first }); err != nil {
		return err
	}
	return s.store.wal.remove(files)
}

// sealable returns the first tail if it is full and durable, or nil.
func (l *tenantLog) sealable() *tail {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if t := l.tails[0]; len(l.tails) > 1 && t.visible == t.staged {
		return t
	}
	return nil
}

// publish replaces the manifest. After an error the disk may have the old one
// or the new one; the next pass writes the same again.
func (s *sealer) publish(next *manifest) error {
	if err := writeManifest(s.store.fs, s.store.dir, next); err != nil {
		return err
	}
	s.manifest = next
	return nil
}

// close ends sealing; a segment that is being written is finished.
func (s *sealer) close() {
	s.once.Do(func() { close(s.stop) })
	<-s.stopped
}

// Seal puts all events that were acknowledged before the call into segments,
// merges the small ones of them, and removes what the write-ahead log need not
// keep any more. It returns when that is done: the log is at its smallest then,
// and opened in the least time.
func (s *Store) Seal(ctx context.Context) error {
	if len(s.unread) > 0 {
		return audit.Errorf(audit.CodeUnavailable, "nothing is sealed while the disk does not give %s whole", s.unread[0])
	}
	done := make(chan error, 1)
	select {
	case s.sealer.all <- done:
	case <-s.sealer.stopped:
		return audit.Errorf(audit.CodeUnavailable, "the store is closed")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
