package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/scaivault/audit"
)

// carryShare bounds what is written to be rid of files of the write-ahead log
// that hold idempotency keys only: a quarter of their bytes.
const carryShare = 4

// carry writes the keys that live on anew, at the end of the write-ahead log, if
// they are little beside the files that are kept for them alone.
func (s *sealer) carry(now audit.Time) error {
	files, size, last := s.store.wal.keptForKeys(now)
	if len(files) == 0 {
		return nil
	}
	var carried []carriedKeys
	room := int(size / carryShare)
	for _, l := range s.store.allLogs() {
		c, err := l.liveKeys(now, last, &room)
		if err != nil {
			return fmt.Errorf("carry keys of %s: %w", l.tenant, err)
		}
		if room < 0 {
			return nil // many keys are not even looked at
		}
		carried = append(carried, c)
	}
	var groups []*group
	for _, c := range carried {
		g, err := c.log.restage(s.store.wal, c.sections)
		if err != nil {
			return fmt.Errorf("carry keys of %s: %w", c.log.tenant, err)
		}
		if g != nil {
			groups = append(groups, g)
		}
	}
	if err := s.await(groups); err != nil {
		if errors.Is(err, errStopped) {
			return nil
		}
		return err
	}
	// Dying from here on leaves the keys twice, which is harmless.
	for _, f := range files {
		f.keys = 0
	}
	return nil
}

// keptForKeys returns the files at the start of the log that hold nothing but
// keys that live on, their bytes, and the receipt of the latest of the keys.
func (w *wal) keptForKeys(now audit.Time) (files []*walFile, size int64, last audit.Time) {
	w.mu.Lock()
	all := slices.Clone(w.files[:len(w.files)-1]) // which nobody writes to
	w.mu.Unlock()
	for _, f := range all {
		if f.spent(now) {
			continue
		}
		if f.damaged || !f.sealed() {
			break
		}
		files, size, last = append(files, f), size+f.size, max(last, f.keys)
	}
	return files, size, last
}

// carriedKeys are keys of a log as sections without events.
type carriedKeys struct {
	log      *tenantLog
	sections []section
}

// liveKeys returns the keys that live on and were received until last. It takes
// their bytes off room, and stops when there is none left.
func (l *tenantLog) liveKeys(now, last audit.Time, room *int) (c carriedKeys, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c.log = l
	for _, key := range l.keys.queue {
		k := l.keys.find(key, now)
		if k == nil || k.at > last {
			continue
		}
		s := section{tenant: l.tenant, received: k.at, key: key, digest: k.digest}
		if s.receipt, err = json.Marshal(k.receipt); err != nil {
			return c, err
		}
		c.sections = append(c.sections, s)
		if *room -= len(s.key) + len(s.receipt) + len(s.digest); *room < 0 {
			break
		}
	}
	return c, nil
}

// restage puts the sections into a commit group, the last of the groups if they
// are in several; nil if there are none.
func (l *tenantLog) restage(w *wal, sections []section) (g *group, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tail()
	for i := range sections {
		s := &sections[i]
		s.first = t.next()
		if g, err = w.add(mark{l, t, t.staged, true, s.received}, appendSection(nil, s)); err != nil {
			return nil, err
		}
	}
	if g != nil {
		l.pending = g
	}
	return g, nil
}
