package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scaivault/audit"
)

const (
	// passIndexes is how many indexes one pass reads at most, so that the view of
	// the log that it reads from is given up in time.
	passIndexes = 1 << 16
	// batchBytes is the size in bytes from which on a batch is full: below what
	// receivers take (Datadog 5 MB, decompressed).
	batchBytes = 2 << 20
	// skipIndexes is how many events that the filters leave out are gone past
	// before the cursor on disk follows.
	skipIndexes = 1 << 14
	// maxRefused is how many events in a row may be refused, none taken in
	// between, before that is taken for a fault of the set-up.
	maxRefused = 16
)

// pass reads the log from the cursor on and delivers what the filters select.
// More says that there may be more to read at once.
func (s *sink) pass(ctx context.Context) (more bool, err error) {
	next, err := s.next(ctx)
	if err != nil {
		return false, err
	}
	size := s.m.Log.Size(s.doc.Tenant)
	if next > size {
		return false, errShorter
	}
	end := min(size, next+passIndexes)
	b := batch{sink: s, next: next}
	for line, err := range s.m.Log.Lines(ctx, s.doc.Tenant, next, end) {
		if err == nil {
			err = b.add(ctx, line)
		} else {
			err = b.damaged(ctx, err)
		}
		if err != nil {
			return false, err
		}
	}
	if err := b.deliver(ctx); err != nil {
		return false, err
	}
	if err := s.skip(b.next); err != nil {
		return false, err
	}
	return b.next > next && b.next < size || b.gap, nil
}

// batch gathers events of a pass.
type batch struct {
	sink    *sink
	next    uint64 // index of the line that is due
	records []record
	text    []byte // of the records, one after the other
	ends    []int  // in text
	gap     bool   // the pass met a damaged range and has gone past it
}

// add takes the next line, and delivers the batch when it is full.
func (b *batch) add(ctx context.Context, line []byte) error {
	e, err := audit.DecodeEvent(string(line))
	if err != nil {
		return fmt.Errorf("event %d: %w", b.next, err)
	}
	r := record{Event: e, index: b.next}
	b.next++
	if !b.sink.filter.Match(&e) {
		return nil
	}
	b.text = b.sink.form.append(b.text, &r)
	b.ends = append(b.ends, len(b.text))
	b.records = append(b.records, r)
	if len(b.records) < b.sink.doc.Sink.BatchEvents && len(b.text) < batchBytes {
		return nil
	}
	return b.deliver(ctx)
}

// deliver sends the batch and empties it.
func (b *batch) deliver(ctx context.Context) error {
	start := 0
	for i, end := range b.ends {
		b.records[i].text = b.text[start:end:end]
		start = end
	}
	err := b.sink.deliver(ctx, b.records)
	b.records, b.text, b.ends = b.records[:0], b.text[:0], b.ends[:0]
	return err
}

// damaged sets aside what of the log cannot be read, and lets the next pass go
// on behind it. Any other error is returned.
func (b *batch) damaged(ctx context.Context, err error) error {
	var e *audit.Error
	if !errors.As(err, &e) || e.Code != audit.CodeDataDamaged {
		return err
	}
	here := func(r audit.IndexRange) bool { return r.From <= b.next && b.next < r.To }
	i := slices.IndexFunc(e.Damaged, here)
	if i < 0 {
		return err
	}
	if err := b.deliver(ctx); err != nil {
		return err
	}
	to := e.Damaged[i].To
	if r, err := b.sink.m.received(ctx, b.sink.doc.Tenant, to); err == nil && r != nil {
		to = max(to, r.Index) // what follows may be gone, too
	}
	if err := b.sink.setAside(audit.SetAside{Index: b.next, To: to, Reason: "this part of the log cannot be read"}, to); err != nil {
		return err
	}
	b.next, b.gap = to, true
	return nil
}

// deliver sends records in order. A batch that is refused is halved until what
// is refused is one event, which is set aside.
func (s *sink) deliver(ctx context.Context, records []record) error {
	if len(records) == 0 {
		return nil
	}
	_, err := s.send(ctx, records)
	var no *refusal
	switch last := &records[len(records)-1]; {
	case err == nil:
		return s.acknowledged(last.index+1, len(records))
	case !errors.As(err, &no):
		return err
	case len(records) > 1:
		half := len(records) / 2
		if err := s.deliver(ctx, records[:half]); err != nil {
			return err
		}
		return s.deliver(ctx, records[half:])
	case s.refusals() >= maxRefused:
		return fmt.Errorf("%d events in a row were refused, so it is not for the events: %w", maxRefused, no.failure())
	default:
		return s.setAside(audit.SetAside{Index: last.index, ID: last.ID, Reason: no.Error()}, last.index+1)
	}
}

func (s *sink) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.Refused
}

// acknowledged moves the cursor behind what the receiver has taken.
func (s *sink) acknowledged(next uint64, events int) error {
	// A crash here: the batch is sent again.
	now := audit.TimeOf(s.m.Clock())
	err := s.change(func(c *cursor) {
		c.Next, c.Refused, c.SuccessAt = next, 0, &now
		c.Delivered += uint64(events)
	})
	if err == nil {
		s.noteSuccess(events)
	}
	return err
}

// setAside puts an entry on the list and moves the cursor past it.
func (s *sink) setAside(e audit.SetAside, next uint64) error {
	e.At = audit.TimeOf(s.m.Clock())
	s.mu.Lock()
	known := s.aside.has(e.Index)
	s.mu.Unlock()
	if !known {
		if err := s.keepAside(e); err != nil {
			return err
		}
	}
	s.m.Logger.Error("a sink has set an event aside", "sink", s.doc.Sink.Name, "tenant", s.doc.Tenant,
		"event", e.ID, "index", e.Index, "reason", e.Reason)
	return s.change(func(c *cursor) {
		c.Next = next
		if e.ID != "" {
			c.Refused++
		}
	})
}

// skip moves the cursor past events that the filters left out, on disk only
// now and then: to read them again costs nothing but time.
func (s *sink) skip(next uint64) error {
	s.mu.Lock()
	c, durable := s.cursor, s.durable
	if next > c.Next {
		s.cursor.Next = next
	}
	s.mu.Unlock()
	if next < durable+skipIndexes {
		return nil
	}
	return s.change(func(*cursor) {})
}
