// Package store is the embedded engine: it appends events to the logs of many
// tenants, durably, and answers every question about them.
//
// One write-ahead log serves all tenants, so that one fdatasync makes the
// batches of all of them durable ([Store.Append]). What is not yet sealed is
// held in memory as columns of interned values with postings, and can be
// queried as soon as it is acknowledged.
//
// What a reader sees of a tenant is a view: the rows that were durable when
// the query began. Rows are never changed, so a view needs no lock.
//
// After a crash [Open] reads the write-ahead log back. A tail that was torn by
// the crash is cut and kept beside the log; any other damage is named, and
// every query that it may touch answers with [audit.CodeDataDamaged] rather
// than with fewer events.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// Options are the settings of a store. The zero value of each is its default.
type Options struct {
	Clock  func() time.Time // required: the only source of time
	Logger *slog.Logger     // required
	// Origin is the first part of derived ids: the node that writes.
	Origin uint16
	// WALFileSize is the size in bytes after which a file of the write-ahead
	// log is followed by the next; default 64 MiB.
	WALFileSize int64
	// QueueSize bounds the bytes that wait for the disk; default 64 MiB, at
	// most 256 MiB. More is refused with [audit.CodeUnavailable].
	QueueSize int
	// CommitTimeout is how long an append waits for the disk; default 5 s.
	CommitTimeout time.Duration
	// SealEvents is the number of a tenant's events in memory that are sealed
	// into a segment; default 262,144, at most [MaxSealEvents]. Segments are merged
	// up to four times as many.
	SealEvents int
	// Burst is how long a tail takes events from its first one on although it has
	// SealEvents of them, up to four times as many: what comes that fast is
	// written into a segment once, and not merged again. Default 10 s.
	Burst time.Duration
	// SealAfter is how long events stay in memory that are fewer; default 24 h.
	SealAfter time.Duration
	// TailEvents is the number of all tenants' events in memory from which on
	// the largest of them are sealed; default 1,048,576, some 350 MB. Four times
	// as many are refused with [audit.CodeUnavailable].
	TailEvents int

	readOnly bool // nothing is sealed or merged
}

// MaxSealEvents is the most that [Options.SealEvents] can be: a few segments that
// are a little larger than that are merged into one.
const MaxSealEvents = maxSegmentRows / mergeFactor / overlapFactor

func (o *Options) setDefaults() {
	if o.WALFileSize == 0 {
		o.WALFileSize = 64 << 20
	}
	if o.QueueSize == 0 {
		o.QueueSize = 64 << 20
	}
	o.QueueSize = min(o.QueueSize, frame.MaxPayload/4) // a frame is what waits, and one batch more
	if o.CommitTimeout == 0 {
		o.CommitTimeout = 5 * time.Second
	}
	if o.SealEvents == 0 {
		o.SealEvents = 1 << 18
	}
	o.SealEvents = min(o.SealEvents, MaxSealEvents)
	if o.Burst == 0 {
		o.Burst = 10 * time.Second
	}
	if o.TailEvents == 0 {
		o.TailEvents = 1 << 20
	}
	if o.SealAfter == 0 {
		o.SealAfter = 24 * time.Hour
	}
}

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	fs     vfs.FS
	dir    string
	opts   Options
	lock   io.Closer
	wal    *wal
	sealer *sealer
	space  *space
	full   chan struct{} // a tail is full and durable, or the tails are too much
	ends   sync.Pool     // of *segmentEnds, for reading them

	// unread are the files of the write-ahead log that the disk did not give whole
	// at the start. What is sealed is passed over by the next start: while there
	// are any, nothing is, so that a start that can read them has their events.
	unread    []string
	unreadErr error // of the first of them; nil if there are none

	unsealed atomic.Int64 // rows in the tails of all logs
	callers  atomic.Int64 // that wait for an append or an answer
	recent   recentRoom

	mu   sync.RWMutex // guards logs; never held during I/O
	logs map[audit.TenantID]*tenantLog
	// lost is how many events at most a damaged part of the write-ahead log
	// held: a tenant of whom nothing else is known may have lost as many.
	lost uint64
}

// Open opens the store in dir, which is created if it does not exist, and
// recovers what an earlier process left. Only one process may have it open:
// the error wraps [vfs.ErrLocked] otherwise.
func Open(fsys vfs.FS, dir string, opts Options) (*Store, error) {
	opts.setDefaults()
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	lock, err := fsys.Lock(dir + "/LOCK")
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s := &Store{
		fs:    fsys,
		dir:   dir,
		opts:  opts,
		lock:  lock,
		space: &space{fs: fsys, dir: dir, logger: opts.Logger},
		full:  make(chan struct{}, 1),
		logs:  make(map[audit.TenantID]*tenantLog),
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", dir, err), lock.Close())
	}
	go s.wal.run()
	if opts.readOnly || len(s.unread) > 0 {
		close(s.sealer.stopped)
	} else {
		go s.sealer.run()
	}
	return s, nil
}

// open reads what is on disk.
func (s *Store) open() error {
	mark, err := s.readMark()
	if err != nil {
		return err
	}
	m, err := s.openSegments(mark.first)
	if err != nil {
		return err
	}
	s.sealer = newSealer(s, m)
	s.wal, err = s.recover(m, mark)
	return err
}

// Close makes what was appended durable, marks the end of the log as clean and
// releases the directory. Appends that come later are refused.
func (s *Store) Close() error {
	s.sealer.close()
	return errors.Join(s.wal.close(), s.lock.Close())
}

// Append appends a batch to the tenant's log and returns when every accepted
// event is on stable storage.
//
// A batch that is not partial is refused whole, with [audit.CodeIDConflict] or
// [audit.CodeValidationError], if an event has the id of another one. The
// error has [audit.CodeUnavailable] or [audit.CodeStorageFull] if the disk does
// not take the batch; the batch may be stored all the same if the disk was
// asked already, and repeating it is safe for events that bring their ids and
// for batches with a key.
func (s *Store) Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	if len(b.Events) > audit.MaxBatch {
		return audit.Receipt{}, audit.Errorf(audit.CodePayloadTooLarge,
			"%d events in a batch; want at most %d", len(b.Events), audit.MaxBatch)
	}
	s.callers.Add(1)
	defer s.callers.Add(-1)
	now := s.opts.Clock()
	if err := s.space.check(now); err != nil {
		return audit.Receipt{}, err
	}
	l := s.log(tenant)
	if l.barred != nil {
		return audit.Receipt{}, l.barred
	}
	if n := s.unsealed.Load(); n > int64(s.opts.TailEvents) {
		l.wakeSealer()
		if n > maxUnsealed*int64(s.opts.TailEvents) {
			return audit.Receipt{}, audit.Errorf(audit.CodeUnavailable, "%d events wait to be sealed already", n)
		}
	}
	// A clock beyond the last time that can be written is as wrong as one
	// that goes back.
	receipt, group, err := l.stage(s.wal, min(audit.TimeOf(now), audit.MaxTime), &b)
	if err != nil || group == nil {
		return receipt, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CommitTimeout)
	defer cancel()
	if err := group.wait(ctx); err != nil {
		return audit.Receipt{}, err
	}
	return receipt, nil
}

// Callers returns how many callers wait for an append or for an answer at the
// moment, [Store.Scan], [Store.ScanLines] and [Store.Lines] not counted: long
// work can give way to them.
func (s *Store) Callers() int { return int(s.callers.Load()) }

// Size returns the number of indexes that the tenant's log has given to
// durable events.
func (s *Store) Size(tenant audit.TenantID) uint64 {
	l := s.find(tenant)
	if l == nil {
		return 0
	}
	return l.size()
}

// Tenants returns the tenants that have a log, in order.
func (s *Store) Tenants() []audit.TenantID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]audit.TenantID, 0, len(s.logs))
	for id := range s.logs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Health returns figures of the store, and an error if it takes no appends.
// Damage is a figure: appends go on, and so do answers that do not need what
// is lost. The figures are of the tenant's log, since they tell how much it
// holds; those of "" are of all logs together.
func (s *Store) Health(_ context.Context, tenant audit.TenantID) (map[string]any, error) {
	free, err := s.space.free()
	figures := map[string]any{"free_bytes": free}
	tenants := []audit.TenantID{tenant}
	if tenant == "" {
		tenants = s.Tenants()
		figures["tenants"], figures["wal_bytes"] = len(tenants), s.wal.bytes()
		if len(s.unread) > 0 {
			figures["unreadable_files"] = s.unread
		}
	}
	var sum logFigures
	damaged := []audit.IndexRange{}
	for _, id := range tenants {
		l := s.reader(id)
		sum.add(l)
		damaged = append(damaged, l.damage()...)
	}
	figures["events"], figures["unsealed_events"] = sum.events, sum.unsealed
	figures["segments"], figures["segment_bytes"] = sum.segments, sum.bytes
	figures["damaged_indexes"] = damaged
	switch {
	case s.wal.failure() != nil:
		err = s.wal.failure()
	case err == nil:
		err = s.space.check(s.opts.Clock())
	}
	return figures, err
}

// allLogs returns the logs in the order of their tenants.
func (s *Store) allLogs() []*tenantLog {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.logs), func(a, b *tenantLog) int {
		return cmp.Compare(a.tenant, b.tenant)
	})
}

// log returns the tenant's log and begins it if there is none.
func (s *Store) log(tenant audit.TenantID) *tenantLog {
	if l := s.find(tenant); l != nil {
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[tenant]
	if l == nil {
		l = s.newLog(tenant, s.lost)
		s.logs[tenant] = l
	}
	return l
}

// find returns the tenant's log, or nil.
func (s *Store) find(tenant audit.TenantID) *tenantLog {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.logs[tenant]
}
