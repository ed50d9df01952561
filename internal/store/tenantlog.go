package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/scaivault/audit"
)

// tenantLog is the log of one tenant: the rows that are not sealed, what finds
// them, and what is known of its past.
type tenantLog struct {
	tenant audit.TenantID
	origin uint16

	mu      sync.RWMutex // guards all below; held while a batch is staged, never during I/O
	chunks  []*chunk     // all full but the last
	rows    int          // staged rows; those below visible are durable
	visible int
	jumps   []jump // how rows map to indexes
	next    uint64 // index of the next event
	dicts   [numCols]dict
	ids     *keyIndex // rows by producer's id
	reqs    *keyIndex // rows by request id
	damaged []audit.IndexRange
	last    audit.Time // of the latest receipt
	pending *group     // of the latest staged batch; nil after recovery
	keys    keyring
	line    []byte // for encoding one line
	batch   []byte // for encoding the lines of a batch
}

// jump says that the rows from row on have the indexes from index on. There is
// one at the start, and one after each range of indexes that was lost.
type jump struct {
	row   int
	index uint64
}

// newTenantLog returns an empty log. The first lost indexes may have been
// given to events that are lost.
func newTenantLog(tenant audit.TenantID, origin uint16, lost uint64) *tenantLog {
	l := &tenantLog{
		tenant: tenant, origin: origin, next: lost, jumps: []jump{{0, lost}},
		ids: newKeyIndex(), reqs: newKeyIndex(), keys: newKeyring(),
	}
	for i := range l.dicts {
		l.dicts[i] = newDict()
	}
	if lost > 0 {
		l.damaged = []audit.IndexRange{{From: 0, To: lost}}
	}
	return l
}

// size returns the first index that no durable event has.
func (l *tenantLog) size() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.indexOf(l.visible)
}

func (l *tenantLog) damage() []audit.IndexRange {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.damaged)
}

// indexOf returns the index of a row. The caller holds mu, as for all below.
func (l *tenantLog) indexOf(row int) uint64 { return indexOf(l.jumps, row) }

func indexOf(jumps []jump, row int) uint64 {
	j := jumps[0]
	for _, later := range jumps[1:] {
		if row < later.row {
			break
		}
		j = later
	}
	return j.index + uint64(row-j.row)
}

// rowAt returns the first of the rows whose index is not below index, rows if
// there is none.
func rowAt(jumps []jump, rows int, index uint64) int {
	for i := len(jumps) - 1; i >= 0; i-- {
		if j := jumps[i]; index >= j.index {
			end := rows
			if i+1 < len(jumps) {
				end = jumps[i+1].row
			}
			return int(min(uint64(end), uint64(j.row)+(index-j.index)))
		}
	}
	return 0
}

// publish makes the rows below end visible: they are durable.
func (l *tenantLog) publish(end int) {
	l.mu.Lock()
	l.visible = max(l.visible, end)
	l.mu.Unlock()
}

// stage gives a batch its indexes and puts it into a commit group. The answer
// holds once the group is durable; a nil group says that it holds already.
func (l *tenantLog) stage(w *wal, now audit.Time, b *audit.Batch) (audit.Receipt, *group, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = max(now, l.last)
	l.keys.forget(now)
	if k := l.keys.find(b.Key); k != nil {
		receipt, err := k.replay(b)
		return receipt, k.group, err
	}
	v := l.check(b)
	if err := v.err(b); err != nil {
		return audit.Receipt{}, nil, err
	}
	receipt := v.receipt(b, l.next)
	if len(v.fresh) == 0 && b.Key == "" {
		// Duplicates may be staged only; they hold once their group does.
		return receipt, l.pending, nil
	}
	s := section{tenant: l.tenant, first: l.next, received: now, key: b.Key, digest: b.Digest, count: len(v.fresh)}
	if s.key != "" {
		var err error
		if s.receipt, err = json.Marshal(receipt); err != nil {
			return audit.Receipt{}, nil, fmt.Errorf("write receipt: %w", err)
		}
	}
	events := l.prepare(b, v.fresh, now)
	g, err := w.add(mark{l, l.rows + len(v.fresh)}, appendSection(nil, &s), l.batch)
	if err != nil {
		return audit.Receipt{}, nil, err
	}
	l.pending, l.last = g, now
	for i := range events {
		l.insert(&events[i], now)
	}
	if b.Key != "" {
		l.keys.add(b.Key, &keyed{digest: b.Digest, receipt: receipt, at: now, group: g})
	}
	return receipt, g, nil
}

// prepare returns the events that are to be appended, with what the log fills
// in, and puts their canonical lines into l.batch, as they stand in a section.
func (l *tenantLog) prepare(b *audit.Batch, fresh []int, now audit.Time) []audit.Event {
	events := make([]audit.Event, len(fresh))
	l.batch = l.batch[:0]
	for n, i := range fresh {
		e := &events[n]
		*e = b.Events[i]
		if e.Timestamp == audit.NoTime {
			e.Timestamp = now
		}
		if e.ExtraData == "" {
			e.ExtraData = "{}"
		}
		if e.ID == "" {
			e.ID = audit.DerivedID(l.origin, l.next+uint64(n))
		}
		l.line = e.AppendLine(l.line[:0])
		l.batch = binary.AppendUvarint(l.batch, uint64(len(l.line)))
		l.batch = append(l.batch, l.line...)
	}
	return events
}

// insert appends an event to the rows. An id that the index gives anyway is
// not kept.
func (l *tenantLog) insert(e *audit.Event, received audit.Time) {
	row := uint32(l.rows)
	if l.rows%chunkRows == 0 {
		l.chunks = append(l.chunks, new(chunk))
	}
	event := *e
	if origin, index, ok := event.ID.Derived(); ok && origin == l.origin && index == l.next {
		event.ID = ""
	}
	var codes [numCols]uint32
	for col, v := range columns(&event) {
		codes[col] = l.dicts[col].add(v, row, posted[col])
	}
	l.chunks[len(l.chunks)-1].add(&event, received, codes)
	if event.ID != "" {
		l.ids.add(row, l.keyOf(textID))
	}
	if event.RequestID != "" {
		l.reqs.add(row, l.keyOf(textRequest))
	}
	l.rows++
	l.next++
}

// columns returns the values of an event's interned columns.
func columns(e *audit.Event) [numCols]string {
	return [numCols]string{
		colIdentity: string(e.IdentityID),
		colType:     string(e.IdentityType),
		colPath:     string(e.SecretPath),
		colIP:       e.SourceIP,
		colAgent:    e.UserAgent,
		colAction:   string(e.Action),
	}
}

// keyOf returns how to read a key of a row.
func (l *tenantLog) keyOf(which int) func(row uint32) []byte {
	return func(row uint32) []byte {
		return l.chunks[row>>chunkBits].textOf(int(row)%chunkRows, which)
	}
}

// skip leaves out the indexes below next: their events are lost.
func (l *tenantLog) skip(next uint64) {
	l.damaged = append(l.damaged, audit.IndexRange{From: l.next, To: next})
	l.jumps = append(l.jumps, jump{l.rows, next})
	l.next = next
}
