package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// wal is the write-ahead log: the one place where events become durable.
//
// Batches join the open group; one goroutine ([wal.run]) writes and syncs
// group after group. While the disk is busy with one, the next fills, so that
// the more batches wait, the more of them one sync serves. The goroutine, not
// a waiting writer, does the I/O: whoever waits can give up when the disk
// hangs.
type wal struct {
	fs       vfs.FS
	dir      string
	logger   *slog.Logger
	fileSize int64
	queue    int

	wake    chan struct{} // a group waits; closed by close
	stopped chan struct{} // run has returned
	total   atomic.Int64  // bytes in all files

	mu     sync.Mutex // guards the members below; never held during I/O
	open   *group     // nil if nothing waits
	turned bool       // the next file is due
	spare  []byte     // a buffer for the next group
	err    error      // why the writer ended; set once
	closed bool
	files  []*walFile // in order; the last one is written

	log uint64 // id of the log

	marking sync.Mutex // guards marked; held during I/O
	marked  walMark    // as it is on disk

	// The file that is written, owned by run.
	file vfs.File
	id   uint64
	size int64
}

// group is the batches that one sync makes durable.
type group struct {
	frame []byte // room for the frame's header, then sections
	marks []mark
	done  chan struct{} // closed when the group is durable or has failed
	err   error         // set before done is closed
}

// mark says how far a tenant's log is durable once its group is.
type mark struct {
	log      *tenantLog
	tail     *tail
	rows     int        // of the tail
	key      bool       // the batch has an idempotency key
	received audit.Time // by the log
}

// walFile is what a file of the log holds, as far as one needs to know that to
// remove it.
type walFile struct {
	id      uint64
	size    int64
	ends    map[*tenantLog]uint64 // the first index that is not in it or an earlier one
	keys    audit.Time            // latest receipt of a batch with an idempotency key
	damaged bool
}

func (f *walFile) note(l *tenantLog, end uint64, key bool, received audit.Time) {
	f.ends[l] = max(f.ends[l], end)
	if key {
		f.keys = max(f.keys, received)
	}
}

// spent reports whether all that the file holds is sealed, over or carried.
func (f *walFile) spent(now audit.Time) bool {
	return !f.damaged && (f.keys == 0 || now >= f.keys+keyLifetime) && f.sealed()
}

// sealed reports whether all events that the file holds are.
func (f *walFile) sealed() bool {
	for l, end := range f.ends {
		if l.sealedTo() < end {
			return false
		}
	}
	return true
}

// wait returns nil once the group is durable.
func (g *group) wait(ctx context.Context) error {
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return audit.Errorf(audit.CodeUnavailable,
			"the disk did not answer in time; the batch may or may not be stored: repeat it")
	}
}

// add puts a section, which is its parts one after the other, into the open
// group. The caller holds the lock of the log, so that sections of a tenant
// follow each other in the order of their indexes.
func (w *wal) add(m mark, parts ...[]byte) (*group, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return nil, w.err
	case w.closed:
		return nil, audit.Errorf(audit.CodeUnavailable, "the store is closed")
	case w.open != nil && len(w.open.frame) > w.queue:
		return nil, audit.Errorf(audit.CodeUnavailable, "%d bytes wait for the disk already", len(w.open.frame))
	}
	if w.open == nil {
		w.open = &group{frame: append(w.spare[:0], make([]byte, frame.Header)...), done: make(chan struct{})}
		w.spare = nil
		select {
		case w.wake <- struct{}{}:
		default: // run has not yet taken the last wake-up and will find this group
		}
	}
	g := w.open
	for _, p := range parts {
		g.frame = append(g.frame, p...)
	}
	g.marks = append(g.marks, m)
	return g, nil
}

// run makes groups durable until close.
func (w *wal) run() {
	defer close(w.stopped)
	for range w.wake {
		// Writers that are about to add a batch do so first. The one that woke this
		// goroutine handed it its processor, and while the disk works nobody else
		// has that: with one processor, each batch would have a sync of its own,
		// and connections that nobody looks at would wait for many of them.
		runtime.Gosched()
		w.flush()
	}
	w.flush()
}

// flush makes the open group durable and tells those who wait for it.
func (w *wal) flush() {
	w.mu.Lock()
	g, err := w.open, w.err
	w.open = nil
	turn := w.turned && err == nil && w.size > int64(walHeader)
	w.turned = false
	w.mu.Unlock()
	if turn {
		err = w.fail(w.rotate())
	}
	if g == nil {
		return
	}
	if err == nil {
		err = w.fail(w.write(g.frame))
	}
	if g.err = err; err == nil {
		for _, m := range g.marks {
			m.log.publish(m.tail, m.rows)
		}
	}
	w.mu.Lock()
	file := w.files[len(w.files)-1]
	for _, m := range g.marks {
		file.note(m.log, m.tail.first+uint64(m.rows), m.key, m.received)
	}
	file.size = w.size
	w.spare, g.frame, g.marks = g.frame, nil, nil // whoever remembers the group needs its error only
	w.mu.Unlock()
	close(g.done)
}

// turn begins the next file soon, so that the present one can be removed once
// all it holds is sealed.
func (w *wal) turn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.err != nil {
		return
	}
	w.turned = true
	select {
	case w.wake <- struct{}{}:
	default: // run has not yet taken the last wake-up
	}
}

// fail ends the writer for the life of the process if err is one: after a failed
// write or sync nobody knows what the disk holds, and a second sync may report
// success over pages that were dropped.
func (w *wal) fail(err error) error {
	if err == nil {
		return nil
	}
	w.logger.Error("the write-ahead log failed: no more events are taken; restart to recover", "error", err)
	coded := &audit.Error{Code: audit.CodeUnavailable, Err: err,
		Message: "the log's disk failed; no more events are taken until the server is restarted"}
	w.mu.Lock()
	w.err = coded
	w.mu.Unlock()
	return coded
}

// write appends one frame and syncs it.
func (w *wal) write(text []byte) error {
	if w.size >= w.fileSize {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	walFrames.Seal(text, w.id, w.size)
	// Dying here: nothing of the frame is on disk, and nobody was told.
	n, err := w.file.Write(text)
	w.size += int64(n)
	w.total.Add(int64(n))
	if err != nil {
		return fmt.Errorf("write %s: %w", walName(w.id), err)
	}
	// Dying here: any part of the frame may be on disk. It fails its CRC and
	// recovery cuts it, or it is whole and recovery serves it: its events were
	// sent, though nobody was told that they were stored.
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", walName(w.id), err)
	}
	// From here on the frame is durable.
	return nil
}

// rotate begins the next file. It is durable, entry in the directory included,
// before a frame is written to it.
func (w *wal) rotate() error {
	old := w.file
	if err := w.create(); err != nil {
		return err
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("close %s: %w", walName(w.id-1), err)
	}
	return nil
}

// create begins the file after w.id, the first if that is 0.
func (w *wal) create() error {
	file, err := createWAL(w.fs, w.dir, head{log: w.log, file: w.id + 1, prior: uint64(w.size)})
	if err != nil {
		return err
	}
	// Dying here leaves a file that the mark does not know, and nothing in it.
	if err := w.mark(func(m *walMark) { m.last = w.id + 1 }); err != nil {
		return errors.Join(err, file.Close())
	}
	w.file, w.id, w.size = file, w.id+1, int64(walHeader)
	w.total.Add(int64(walHeader))
	w.mu.Lock()
	w.files = append(w.files, newWALFile(w.id))
	w.mu.Unlock()
	return nil
}

func newWALFile(id uint64) *walFile { return &walFile{id: id, ends: make(map[*tenantLog]uint64)} }

// spent returns the files at the start of the log that hold nothing any more,
// and the id of the first file that is needed.
func (w *wal) spent(now audit.Time) (files []*walFile, first uint64) {
	w.mu.Lock()
	all := slices.Clone(w.files)
	w.mu.Unlock()
	n := 0
	for n < len(all)-1 && all[n].spent(now) {
		n++
	}
	return all[:n], all[n].id
}

// remove removes files that [wal.spent] returned.
func (w *wal) remove(files []*walFile) error {
	for _, f := range files {
		if err := w.fs.Remove(w.dir + "/" + walName(f.id)); err != nil {
			return err
		}
		w.total.Add(-f.size)
		w.mu.Lock()
		w.files = w.files[1:]
		w.mu.Unlock()
	}
	return w.fs.SyncDir(w.dir)
}

// createWAL creates a file of the write-ahead log that holds its header.
func createWAL(fsys vfs.FS, dir string, h head) (vfs.File, error) {
	name := dir + "/" + walName(h.file)
	file, err := fsys.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	// Dying before the directory is synced leaves no file, an empty one or one
	// with a part of its header; recovery removes it.
	if _, err = file.Write(h.append(nil)); err == nil {
		if err = file.Sync(); err == nil {
			err = fsys.SyncDir(dir)
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return file, nil
}

// close makes the open group durable, marks a clean end and closes the file.
func (w *wal) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	w.mu.Unlock()
	close(w.wake)
	<-w.stopped
	err := w.failure()
	if err == nil {
		err = w.write(make([]byte, frame.Header))
	}
	if e := w.file.Close(); err == nil {
		err = e
	}
	return err
}

// failure returns why the writer ended, or nil.
func (w *wal) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// bytes returns the size of all files of the write-ahead log.
func (w *wal) bytes() int64 { return w.total.Load() }

const (
	walPrefix = "wal-"
	walSuffix = ".log"
)

// walName returns the name of the file with the id.
func walName(id uint64) string { return fmt.Sprintf("%s%012d%s", walPrefix, id, walSuffix) }

// walID is the inverse of walName.
func walID(name string) (id uint64, ok bool) {
	s, ok1 := strings.CutPrefix(name, walPrefix)
	s, ok2 := strings.CutSuffix(s, walSuffix)
	id, err := strconv.ParseUint(s, 10, 64)
	return id, ok1 && ok2 && err == nil && walName(id) == name
}
