package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/scaivault/audit"
)

// tenantLog is the log of one tenant: segments, then tails, in the order of
// their indexes, and what is known of its past.
type tenantLog struct {
	tenant audit.TenantID
	origin uint16
	limit  int           // rows at which a tail is followed by the next,
	burst  audit.Time    // but for one that is not yet that old
	full   chan struct{} // told when a tail is full and durable

	unsealed *atomic.Int64 // rows in the tails of all logs
	callers  *atomic.Int64 // see [Store.Callers]

	mu       sync.RWMutex // guards all below; held while a batch is staged, never during I/O
	segments []*segment
	tails    []*tail // at least one
	damaged  []audit.IndexRange
	barred   error      // why it takes no appends, set when it is made; nil if it does
	last     audit.Time // of the latest receipt
	pending  *group     // of the latest staged batch; nil after recovery
	keys     keyring
	recent   recent
	grown    chan struct{} // closed when more is visible; nil if nobody waits
}

// maxUnsealed bounds the events in memory in terms of [Options.TailEvents]: more
// are refused if the disk takes the write-ahead log but no segments.
const maxUnsealed = 4

// newLog returns an empty log. The first lost indexes may have been given to
// events that are lost.
func (s *Store) newLog(tenant audit.TenantID, lost uint64) *tenantLog {
	l := &tenantLog{
		tenant: tenant, origin: s.opts.Origin, limit: s.opts.SealEvents,
		burst: audit.Time(s.opts.Burst.Microseconds()), full: s.full, unsealed: &s.unsealed,
		callers: &s.callers,
		tails:   []*tail{newTail(s.opts.Origin, lost)}, keys: newKeyring(),
		recent: recent{recentRoom: &s.recent},
	}
	if lost > 0 {
		l.damaged = []audit.IndexRange{{From: 0, To: lost}}
		l.barred = s.endUnknown()
	}
	return l
}

// tail returns the tail that takes new rows. The caller holds mu, as for all
// below that does not take it.
func (l *tenantLog) tail() *tail { return l.tails[len(l.tails)-1] }

// size returns the first index that no durable event has.
func (l *tenantLog) size() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.end()
}

// end is size for whoever holds mu.
func (l *tenantLog) end() uint64 {
	var end uint64
	for _, t := range l.tails {
		end = t.first + uint64(t.visible)
		if t.visible < t.staged {
			break
		}
	}
	return end
}

// sealedTo returns the first index that is in no segment, sound or damaged.
func (l *tenantLog) sealedTo() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.tails[0].first
}

func (l *tenantLog) damage() []audit.IndexRange {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.damaged)
}

// publish makes the rows of a tail below end visible: they are durable.
func (l *tenantLog) publish(t *tail, end int) {
	l.mu.Lock()
	t.visible = max(t.visible, end)
	l.wakeWaiting()
	full := t != l.tail() && t.visible == t.staged
	l.mu.Unlock()
	if full {
		l.wakeSealer()
	}
}

func (l *tenantLog) wakeSealer() {
	select {
	case l.full <- struct{}{}:
	default: // told already
	}
}

// stage gives a batch its indexes and puts it into a commit group. The answer
// holds once the group is durable; a nil group says that it holds already.
func (l *tenantLog) stage(w *wal, now audit.Time, b *audit.Batch) (audit.Receipt, *group, error) {
	looked := l.look(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	now = max(now, l.last)
	l.keys.forget(now)
	if k := l.keys.find(b.Key, now); k != nil {
		receipt, err := k.replay(b)
		return receipt, k.group, err
	}
	v, err := l.check(b, looked)
	if err != nil {
		return audit.Receipt{}, nil, err
	}
	t := l.tail()
	receipt := v.receipt(b, t.next())
	if len(v.fresh) == 0 && b.Key == "" {
		// Duplicates may be staged only; they hold once their group does.
		return receipt, l.pending, nil
	}
	s := section{tenant: l.tenant, first: t.next(), received: now, key: b.Key, digest: b.Digest, count: len(v.fresh)}
	if s.key != "" {
		if s.receipt, err = json.Marshal(receipt); err != nil {
			return audit.Receipt{}, nil, fmt.Errorf("write receipt: %w", err)
		}
	}
	lines := l.encode(b, v.fresh, now)
	g, err := w.add(mark{l, t, t.staged + len(v.fresh), s.key != "", now}, appendSection(nil, &s), lines.text)
	if err != nil {
		l.recent.reuse(lines)
		return audit.Receipt{}, nil, err
	}
	l.pending, l.last = g, now
	l.recent.keep(lines, t.next(), len(v.fresh))
	for _, i := range v.fresh {
		e := complete(&b.Events[i], now)
		t.insert(&e, now)
	}
	l.unsealed.Add(int64(len(v.fresh)))
	if b.Key != "" {
		l.keys.add(b.Key, &keyed{digest: b.Digest, receipt: receipt, at: now, group: g})
	}
	if l.due(now) {
		l.roll(0)
	}
	return receipt, g, nil
}

// encode returns the canonical lines of events that are to be appended, as they
// stand in a section.
func (l *tenantLog) encode(b *audit.Batch, fresh []int, now audit.Time) *recentBatch {
	lines := l.recent.begin()
	lines.text = slices.Grow(lines.text, len(fresh)*usualLine)
	next := l.tail().next()
	for n, i := range fresh {
		e := complete(&b.Events[i], now)
		if e.ID == "" {
			e.ID = audit.DerivedID(l.origin, next+uint64(n))
		}
		lines.text = appendLine(lines.text, &e)
	}
	return lines
}

// usualLine is what the canonical line of most events takes with its length, in
// bytes, and some more.
const usualLine = 400

// complete returns an event with what the log fills in, but for its id, which
// its place gives.
func complete(e *audit.Event, now audit.Time) audit.Event {
	c := *e
	if c.Timestamp == audit.NoTime {
		c.Timestamp = now
	}
	if c.ExtraData == "" {
		c.ExtraData = "{}"
	}
	return c
}

// appendLine appends the canonical line of an event after its length.
func appendLine(dst []byte, e *audit.Event) []byte {
	const usual = 2 // bytes of a length
	at := len(dst)
	dst = e.AppendLine(append(dst, make([]byte, usual)...))
	n := len(dst) - at - usual
	var length [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(length[:], uint64(n))
	if size != usual {
		dst = append(dst[:at+size], dst[at+usual:]...)
	}
	copy(dst[at:], length[:size])
	return dst
}

// skip leaves out the indexes below next: their events are lost.
func (l *tenantLog) skip(next uint64) {
	l.damaged = append(l.damaged, audit.IndexRange{From: l.tail().next(), To: next})
	if t := l.tail(); t.staged == 0 {
		t.first = next
	} else {
		l.tails = append(l.tails, newTail(l.origin, next))
	}
}
