package store

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// sealInterval is how often the sealer looks for tails that are old; full ones
// wake it at once.
const sealInterval = 10 * time.Second

// sealer turns full and old tails into segments. One goroutine runs it.
type sealer struct {
	store    *Store
	manifest *manifest
	once     sync.Once     // of close
	stop     chan struct{} // closed by close
	stopped  chan struct{} // run has returned
}

// run seals until close.
func (s *sealer) run() {
	defer close(s.stopped)
	tick := time.NewTicker(sealInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.store.full:
		case <-tick.C:
		}
		if err := s.pass(audit.TimeOf(s.store.opts.Clock())); err != nil {
			s.store.opts.Logger.Error("events cannot be sealed; they stay in memory and in the write-ahead log",
				"error", err)
		}
	}
}

// pass seals what is full or old, and removes the files of the write-ahead log
// that hold nothing else.
func (s *sealer) pass(now audit.Time) error {
	for _, tenant := range s.store.Tenants() {
		l := s.store.find(tenant)
		l.age(now - audit.Time(s.store.opts.SealAfter.Microseconds()))
		for t := l.sealable(); t != nil; t = l.sealable() {
			if err := s.seal(l, t); err != nil {
				return fmt.Errorf("seal %s: %w", tenant, err)
			}
		}
	}
	return s.drop(now)
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
	// Dying from here on leaves files that recovery removes.
	return s.store.wal.remove(files)
}

// age ends the present tail if it began before a time.
func (l *tenantLog) age(before audit.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tail(); t.staged > 0 && t.since <= before {
		l.roll(0)
	}
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

// seal writes the segment of a full tail and puts it in the tail's place.
func (s *sealer) seal(l *tenantLog, t *tail) error {
	// The tail is full: nobody writes to it, and it is read without the lock.
	b, err := appendSegment(nil, l.tenant, t.staging())
	if err != nil {
		return err
	}
	written, err := openSegment(b)
	if err != nil {
		return err
	}
	info := written.info()
	// Dying before the manifest is replaced leaves a file that it does not
	// name, whole or not. Recovery removes it: its events are in the
	// write-ahead log.
	if err := s.write(info.file(), b); err != nil {
		return err
	}
	segment, err := s.store.load(&info)
	if err != nil {
		return err
	}
	next := *s.manifest
	next.Segments = append(slices.Clone(next.Segments), info)
	next.sort()
	if err := s.publish(&next); err != nil {
		return err
	}
	// Dying from here on leaves the events in the segment and in the
	// write-ahead log. Recovery knows by their indexes that they are the same.
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments[:len(l.segments):len(l.segments)], segment)
	l.tails = slices.Clone(l.tails[1:])
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

// write writes a segment's file, durably.
func (s *sealer) write(file string, b []byte) error {
	name := s.store.dir + "/" + file
	if err := s.store.fs.MkdirAll(path.Dir(name)); err != nil {
		return err
	}
	return vfs.WriteFile(s.store.fs, name, b)
}

// close ends sealing; a pass under way is finished.
func (s *sealer) close() {
	s.once.Do(func() { close(s.stop) })
	<-s.stopped
}
