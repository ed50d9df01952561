package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// minLine is a lower bound on the length of a canonical line: damage of n
// bytes holds at most n / minLine events.
const minLine = 200

// recovery reads the write-ahead log back.
type recovery struct {
	store  *Store
	fs     vfs.FS
	dir    string
	logger *slog.Logger
	doubt  map[audit.TenantID]uint64 // indexes that damage may have cost a tenant

	file     *walFile // that is read
	log      uint64   // id of the log; 0 until a header tells
	headless string   // file before that, whose header the disk does not give
	prior    uint64   // size of the file that was read last
	gap      bool     // it is not the one before the next
	begun    uint64   // no file up to this one was left by a crash half made
	closed   bool     // nothing may be appended to it
}

// recover reads what earlier processes wrote and returns the log to go on
// with. It follows five rules.
//
//   - Only the end of the last file that was begun may be torn, and only if no
//     clean end was marked there: it is cut, and kept in a file of its own.
//   - Any other damage is reported, and stays where it is. A later frame of a
//     tenant tells which of its indexes are lost. Where none tells, as many
//     are given up as the damage can hold, so that no index is given twice.
//   - The last file is written anew and synced before anything of it is
//     served. Its pages may be in memory only, left there by a sync that
//     failed, and reading them proves nothing about the disk.
//   - What the disk does not give is damage, too. The file stays as it is, nothing
//     is appended to it, and nothing is sealed until a later start, which may read it.
//     A log that may end in it takes no appends: no index is given up for good.
//   - A file of a later format version is an error: nothing is changed.
func (s *Store) recover(m *manifest, mark walMark) (*wal, error) {
	r := &recovery{store: s, fs: s.fs, dir: s.dir, logger: s.opts.Logger, doubt: make(map[audit.TenantID]uint64), begun: mark.last}
	ids, err := r.files(m.FirstWAL)
	if err != nil {
		return nil, err
	}
	w := &wal{
		fs: s.fs, dir: s.dir, logger: s.opts.Logger,
		fileSize: s.opts.WALFileSize, queue: s.opts.QueueSize,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
		id: max(m.FirstWAL, 1) - 1, marked: mark,
	}
	first := w.id
	for n, id := range ids {
		if w.id+1 != id {
			r.missing(w.id+1, id)
		}
		r.gap = n == 0 || ids[n-1]+1 != id
		r.file = newWALFile(id)
		if err := r.readFile(id, n == len(ids)-1 && id >= mark.last); err != nil {
			return nil, err
		}
		w.id, w.size = id, int64(r.prior)
		w.total.Add(w.size)
		r.file.size = w.size
		w.files = append(w.files, r.file)
	}
	if err := r.nameless(); err != nil {
		return nil, err
	}
	if mark.last > w.id {
		r.missing(w.id+1, mark.last+1)
		w.id, w.size, r.closed = mark.last, 0, true
	}
	for tenant, n := range r.doubt {
		l := s.logs[tenant]
		l.skip(l.tail().next() + n)
		l.barred = s.endUnknown()
	}
	if err := s.removeOrphans(m); err != nil {
		return nil, err
	}
	w.log = r.logID()
	if w.id == first || r.closed {
		err = w.create()
	} else {
		w.file, err = s.fs.Append(s.dir + "/" + walName(w.id))
	}
	if err != nil {
		return nil, err
	}
	return w, w.mark(func(mark *walMark) { *mark = walMark{m.FirstWAL, w.id} })
}

// missing reports that the files from ≤ id < to are gone.
func (r *recovery) missing(from, to uint64) {
	r.damage(fmt.Sprintf("files %s to %s are missing", walName(from), walName(to-1)), (to-from)*r.mostBytes())
}

// mostBytes returns how long a file may be. It ends with the frame that fills
// it, and that frame with the batch that fills the queue.
func (r *recovery) mostBytes() uint64 {
	opts := &r.store.opts
	return uint64(opts.WALFileSize+int64(opts.QueueSize)) + audit.MaxBatch*minLine
}

// logID returns the id of the log, a new one if no file tells it.
func (r *recovery) logID() uint64 {
	if r.log == 0 {
		r.log = rand.Uint64() | 1
	}
	return r.log
}

// files returns the ids of the files of the log from first on, and removes what
// a crash left half made or half removed.
func (r *recovery) files(first uint64) ([]uint64, error) {
	names, err := r.fs.List(r.dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
		id, ok := walID(name)
		switch {
		case strings.HasSuffix(name, vfs.TempSuffix), ok && id < first:
			if err := r.fs.Remove(r.dir + "/" + name); err != nil {
				return nil, err
			}
		case ok:
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readFile applies the frames of a file. The last file is written anew.
func (r *recovery) readFile(id uint64, last bool) error {
	name := walName(id)
	b, unread, err := r.read(name)
	if err != nil {
		return err
	}
	// Nobody knows whether a frame ends in what the disk does not give: it is no
	// torn end, and the file is not written anew.
	last = last && unread == 0
	h, err := readHead(b)
	switch {
	case errors.Is(err, errFormat):
		return fmt.Errorf("%s: %w", name, err)
	case err != nil && len(b) < walHeader && (id <= r.begun || unread > 0 || !halfMade(b)):
		r.damage(fmt.Sprintf("%s is cut off at %d bytes", name, len(b)), r.mostBytes())
		r.prior, r.closed = uint64(len(b)), true
		return nil
	case err != nil && last && len(b) <= walHeader:
		// The crash came before the file was in use: no frame was ever in it.
		if err := r.nameless(); err != nil {
			return err
		}
		return r.renew(id, head{log: r.logID(), file: id, prior: r.prior}.append(nil), b)
	case err != nil:
		// The frames prove themselves; the header is not needed for them.
		if unread > 0 && r.log == 0 {
			r.headless = name
		}
		r.logger.Warn("a header of the write-ahead log is damaged", "file", name, "error", err)
	case h.file != id || r.log != 0 && h.log != r.log:
		r.damage(fmt.Sprintf("%s is file %d of log %x, not of log %x", name, h.file, h.log, r.log), uint64(len(b)))
		r.prior, r.closed = uint64(len(b)), true
		return nil
	default:
		r.log = h.log
		if !r.gap && r.prior < h.prior {
			r.damage(fmt.Sprintf("%d bytes before %s are missing", h.prior-r.prior, name), h.prior-r.prior)
		}
	}
	end, clean := r.readFrames(b, id, last, err == nil)
	r.prior, r.closed = uint64(len(b)), unread > 0
	switch {
	case last && clean:
		return r.renew(id, b[:len(b)-frame.Header], nil)
	case last:
		return r.renew(id, b[:end], b[end:])
	}
	return nil
}

// readFrames applies the frames of a file's content and returns where the last
// of them ends, and whether that marks a clean end. The end of a sound file
// that is the last may be torn.
func (r *recovery) readFrames(b []byte, id uint64, last, sound bool) (at int, clean bool) {
	at, torn := min(walHeader, len(b)), last && sound
	for at < len(b) {
		if f := walFrames.At(b, id, at); f != nil {
			if !r.apply(f[frame.Header:]) {
				r.damage(fmt.Sprintf("%s: the frame at %d is malformed", walName(id), at), uint64(len(f)))
			}
			at += len(f)
			clean = len(f) == frame.Header
			torn = last && !clean
			continue
		}
		next := walFrames.Next(b, id, at)
		if next < 0 && torn {
			return at, false
		}
		if next < 0 {
			next = len(b)
		}
		r.damage(fmt.Sprintf("%s: %d bytes at %d are damaged", walName(id), next-at, at), uint64(next-at))
		at, clean = next, false
	}
	return at, clean
}

// damage reports damage of a number of bytes, and doubts every tenant until one
// of its later frames is read.
func (r *recovery) damage(what string, bytes uint64) {
	r.logger.Error("the write-ahead log is damaged; queries that may depend on it answer data_damaged",
		"dir", r.dir, "damage", what)
	if r.file != nil {
		r.file.damaged = true
	}
	events := bytes/minLine + 1
	for tenant := range r.store.logs {
		r.doubt[tenant] += events
	}
	r.store.lost += events
}

// renew writes the last file anew and durably, and keeps what was cut off it.
// Dying at any point leaves the old file or the new one, which say the same.
func (r *recovery) renew(id uint64, content, cut []byte) error {
	name := walName(id)
	if len(cut) > 0 {
		torn := fmt.Sprintf("%s.%d-%08x.torn", name, len(content), crc32.Checksum(cut, castagnoli))
		r.logger.Warn("the end of the write-ahead log was torn by a crash and is cut off",
			"file", name, "bytes", len(cut), "kept_as", torn)
		if err := vfs.WriteFile(r.fs, r.dir+"/"+torn, cut); err != nil {
			return err
		}
	}
	r.prior = uint64(len(content))
	return vfs.WriteFile(r.fs, r.dir+"/"+name, content)
}
