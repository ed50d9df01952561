package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/scaivault/audit"
)

// apply adds the sections of a frame to the logs of their tenants. It reports
// false if the frame, whose CRC is right, makes no sense.
func (r *recovery) apply(payload []byte) bool {
	sections := reader{b: payload}
	for len(sections.b) > 0 {
		s := sections.section()
		if sections.bad {
			return false
		}
		l := r.store.logs[s.tenant]
		if l == nil {
			l = r.store.newLog(s.tenant, 0)
			r.store.logs[s.tenant] = l
		}
		if err := l.replay(&s); err != nil {
			r.logger.Error("a batch of the write-ahead log cannot be read",
				"tenant", s.tenant, "first_index", s.first, "error", err)
			return false
		}
		delete(r.doubt, s.tenant)
		r.file.note(l, s.first+uint64(s.count), s.key != "", s.received)
	}
	return true
}

// replay adds a section to the log, unless it is sealed already.
func (l *tenantLog) replay(s *section) error {
	if s.first+uint64(s.count) > l.sealedTo() {
		if err := l.replayLines(s); err != nil {
			return err
		}
	}
	l.last = max(l.last, s.received)
	if s.key == "" {
		return nil
	}
	k := &keyed{digest: s.digest, at: s.received}
	if err := json.Unmarshal(s.receipt, &k.receipt); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	l.keys.forget(s.received) // as when the batch was staged
	l.keys.add(s.key, k)
	return nil
}

func (l *tenantLog) replayLines(s *section) error {
	switch next := l.tail().next(); {
	case s.first < next:
		return fmt.Errorf("index %d was given already", s.first)
	case s.first > next:
		l.skip(s.first)
	}
	t := l.tail()
	text, at := string(s.lines), 0
	for range s.count {
		n, size := binary.Uvarint(s.lines[at:]) // that it is one, reader.section has seen
		line := text[at+size:][:n]
		at += size + len(line)
		e, err := audit.DecodeEvent(line)
		if err != nil {
			return fmt.Errorf("index %d: %w", t.next(), err)
		}
		t.insert(&e, s.received)
		t.visible = t.staged
	}
	l.unsealed.Add(int64(s.count))
	l.roll(l.limit)
	return nil
}
