package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// recentSize bounds the bytes of recent lines of all logs.
const recentSize = 32 << 20

// recent is the lines of the latest batches of a log as they were encoded for
// the write-ahead log, until somebody has read them in their order: whoever
// follows a log need not have them made again of its columns. What does not fit
// is left out.
type recent struct {
	held    *atomic.Int64 // bytes of all logs
	batches []recentBatch
}

// recentBatch is lines of consecutive indexes, each after its length, a uvarint.
type recentBatch struct {
	first, end uint64
	text       []byte // never changes
}

// add keeps the lines of a batch, whose first index is first. Those of the same
// log that nobody reads make room.
func (r *recent) add(first uint64, lines int, text []byte) {
	n := int64(len(text))
	for len(r.batches) > 0 && r.held.Load()+n > recentSize {
		r.drop(r.batches[0].end)
	}
	if lines > 0 && r.held.Load()+n <= recentSize {
		r.held.Add(n)
		r.batches = append(r.batches, recentBatch{first, first + uint64(lines), bytes.Clone(text)})
	}
}

// from returns the batches with lines from the index on.
func (r *recent) from(index uint64) []recentBatch {
	i := slices.IndexFunc(r.batches, func(b recentBatch) bool { return b.end > index })
	if i < 0 {
		return nil
	}
	return slices.Clone(r.batches[i:])
}

// drop forgets the batches that end at the index or before.
func (r *recent) drop(end uint64) {
	n := 0
	for n < len(r.batches) && r.batches[n].end <= end {
		r.held.Add(-int64(len(r.batches[n].text)))
		n++
	}
	r.batches = slices.Delete(r.batches, 0, n)
}

// nextLine returns the first line of text, and what follows it.
func nextLine(text []byte) (line, rest []byte) {
	n, size := binary.Uvarint(text)
	text = text[size:]
	return text[:n:n], text[n:]
}

// recentFrom returns the recent batches of the log from the index on.
func (l *tenantLog) recentFrom(index uint64) []recentBatch {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.recent.from(index)
}

// wasRead says that somebody has read the lines up to the index end.
func (l *tenantLog) wasRead(end uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent.drop(end)
}
