package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
)

// recentSize bounds the bytes of recent lines of all logs.
const recentSize = 32 << 20

// recent is the lines of the latest batches of a log as they were encoded for
// the write-ahead log, until somebody has read them in their order: whoever
// follows a log need not have them made again of its columns. What does not fit
// is left out.
type recent struct {
	*recentRoom
	batches []*recentBatch
}

// recentRoom is what the recent lines of all logs share.
type recentRoom struct {
	held  atomic.Int64 // bytes
	spare sync.Pool    // of *recentBatch whose text may be written over
}

// recentBatch is lines of consecutive indexes, each after its length, a uvarint.
type recentBatch struct {
	first, end uint64
	text       []byte // does not change while it is kept or read
	kept       bool
	readers    int
}

// begin returns a batch without lines. Whoever has filled it passes it to keep.
func (r *recent) begin() *recentBatch {
	b, ok := r.spare.Get().(*recentBatch)
	if !ok {
		return new(recentBatch)
	}
	b.text = b.text[:0]
	return b
}

// keep keeps the lines of a batch, whose first index is first. Those of the same
// log that nobody reads make room.
func (r *recent) keep(b *recentBatch, first uint64, lines int) {
	b = r.fitting(b)
	b.first, b.end = first, first+uint64(lines)
	n := int64(cap(b.text))
	for len(r.batches) > 0 && r.held.Load()+n > recentSize {
		r.drop(r.batches[0].end)
	}
	b.kept = lines > 0 && r.held.Load()+n <= recentSize
	if b.kept {
		r.held.Add(n)
		r.batches = append(r.batches, b)
	}
	r.reuse(b)
}

// fitting returns a batch that has not much more memory than lines: that of a
// large batch is for large ones.
func (r *recent) fitting(b *recentBatch) *recentBatch {
	const most = 4 << 10 // bytes that a small batch may waste
	if cap(b.text) <= 2*len(b.text)+most {
		return b
	}
	small := &recentBatch{text: bytes.Clone(b.text)}
	r.reuse(b)
	return small
}

// reuse takes the memory of a batch that is neither kept nor read.
func (r *recent) reuse(b *recentBatch) {
	if !b.kept && b.readers == 0 {
		r.spare.Put(b)
	}
}

// from returns the batches with lines from the index on, to be released.
func (r *recent) from(index uint64) []*recentBatch {
	i := slices.IndexFunc(r.batches, func(b *recentBatch) bool { return b.end > index })
	if i < 0 {
		return nil
	}
	for _, b := range r.batches[i:] {
		b.readers++
	}
	return slices.Clone(r.batches[i:])
}

// release ends the reading of batches.
func (r *recent) release(batches []*recentBatch) {
	for _, b := range batches {
		b.readers--
		r.reuse(b)
	}
}

// drop forgets the batches that end at the index or before.
func (r *recent) drop(end uint64) {
	n := 0
	for n < len(r.batches) && r.batches[n].end <= end {
		b := r.batches[n]
		r.held.Add(-int64(cap(b.text)))
		b.kept = false
		r.reuse(b)
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

// recentFrom returns the recent batches of the log from the index on, to be
// passed to [tenantLog.wasRead].
func (l *tenantLog) recentFrom(index uint64) []*recentBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recent.from(index)
}

// wasRead says that somebody who had the batches has read the lines up to the
// index end, and reads no more.
func (l *tenantLog) wasRead(batches []*recentBatch, end uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent.drop(end)
	l.recent.release(batches)
}
