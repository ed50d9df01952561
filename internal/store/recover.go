package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"strings"

	"github.com/scaivault/audit"
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
}

// recover reads what earlier processes wrote and returns the log to go on
// with. It follows four rules.
//
//   - Only the end of the last file may be torn, and only if no clean end was
//     marked there: it is cut, and kept in a file of its own.
//   - Any other damage is reported, and stays where it is. A later frame of a
//     tenant tells which of its indexes are lost. Where none tells, as many
//     are given up as the damage can hold, so that no index is given twice.
//   - The last file is written anew and synced before anything of it is
//     served. Its pages may be in memory only, left there by a sync that
//     failed, and reading them proves nothing about the disk.
//   - A file of a later format version is an error: nothing is changed.
func (s *Store) recover(fsys vfs.FS, dir string) (*wal, error) {
	r := &recovery{store: s, fs: fsys, dir: dir, logger: s.opts.Logger, doubt: make(map[audit.TenantID]uint64)}
	ids, err := r.files()
	if err != nil {
		return nil, err
	}
	w := &wal{
		fs: fsys, dir: dir, logger: s.opts.Logger,
		fileSize: s.opts.WALFileSize, queue: s.opts.QueueSize,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	for n, id := range ids {
		if n > 0 && id != ids[n-1]+1 {
			r.damage(fmt.Sprintf("files %s to %s are missing", walName(ids[n-1]+1), walName(id-1)),
				(id-ids[n-1]-1)*uint64(w.fileSize+int64(w.queue)))
		}
		size, err := r.readFile(id, n == len(ids)-1)
		if err != nil {
			return nil, err
		}
		w.total.Add(size)
		w.id, w.size = id, size
	}
	for tenant, n := range r.doubt {
		l := s.logs[tenant]
		l.skip(l.next + n)
	}
	return w, w.begin()
}

// begin opens the last file for appending, or creates the first.
func (w *wal) begin() (err error) {
	if w.id > 0 {
		w.file, err = w.fs.Append(w.dir + "/" + walName(w.id))
		return err
	}
	w.id, w.size = 1, int64(walHeader)
	w.file, err = createWAL(w.fs, w.dir, w.id)
	return err
}

// files returns the ids of the files of the log, and removes what a crash left
// half made.
func (r *recovery) files() ([]uint64, error) {
	names, err := r.fs.List(r.dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
		if strings.HasSuffix(name, vfs.TempSuffix) {
			if err := r.fs.Remove(r.dir + "/" + name); err != nil {
				return nil, err
			}
		} else if id, ok := walID(name); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readFile applies the frames of a file and returns its size. The last file is
// written anew.
func (r *recovery) readFile(id uint64, last bool) (int64, error) {
	name := walName(id)
	b, err := vfs.ReadFile(r.fs, r.dir+"/"+name)
	if err != nil {
		return 0, err
	}
	if err := checkWALHeader(b, id); errors.Is(err, errFormat) {
		return 0, fmt.Errorf("%s: %w", name, err)
	} else if err != nil && last && nextFrame(b, id, -1) < 0 {
		// The crash came before the file was in use: no frame was ever in it.
		return r.renew(id, appendWALHeader(nil, id), b)
	} else if err != nil {
		// The frames prove themselves; the header is not needed for them.
		r.logger.Warn("a header of the write-ahead log is damaged", "file", name, "error", err)
	}
	end := r.readFrames(b, id, last)
	if last {
		return r.renew(id, b[:end], b[end:])
	}
	return int64(len(b)), nil
}

// readFrames applies the frames of a file's content and returns where the last
// of them ends.
func (r *recovery) readFrames(b []byte, id uint64, last bool) int {
	at, clean := min(walHeader, len(b)), false
	for at < len(b) {
		if frame := readFrame(b, id, at); frame != nil {
			if !r.apply(frame[frameHeader:]) {
				r.damage(fmt.Sprintf("%s: the frame at %d is malformed", walName(id), at), uint64(len(frame)))
			}
			at += len(frame)
			clean = len(frame) == frameHeader
			continue
		}
		next := nextFrame(b, id, at)
		if next < 0 && last && !clean {
			return at
		}
		if next < 0 {
			next = len(b)
		}
		r.damage(fmt.Sprintf("%s: %d bytes at %d are damaged", walName(id), next-at, at), uint64(next-at))
		at, clean = next, false
	}
	return at
}

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
			l = newTenantLog(s.tenant, r.store.opts.Origin, 0)
			r.store.logs[s.tenant] = l
		}
		if err := l.replay(&s); err != nil {
			r.logger.Error("a batch of the write-ahead log cannot be read",
				"tenant", s.tenant, "first_index", s.first, "error", err)
			return false
		}
		delete(r.doubt, s.tenant)
	}
	return true
}

// replay adds a section to the log.
func (l *tenantLog) replay(s *section) error {
	if s.first < l.next {
		return fmt.Errorf("index %d was given already", s.first)
	}
	if s.first > l.next {
		l.skip(s.first)
	}
	lines := reader{b: s.lines}
	for range s.count {
		e, err := audit.DecodeEvent(string(lines.text()))
		if err != nil {
			return fmt.Errorf("index %d: %w", l.next, err)
		}
		l.insert(&e, s.received)
	}
	l.visible, l.last = l.rows, max(l.last, s.received)
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

// damage reports damage of a number of bytes, and doubts every tenant until one
// of its later frames is read.
func (r *recovery) damage(what string, bytes uint64) {
	r.logger.Error("the write-ahead log is damaged; queries that may depend on it answer data_damaged",
		"dir", r.dir, "damage", what)
	events := bytes/minLine + 1
	for tenant := range r.store.logs {
		r.doubt[tenant] += events
	}
	r.store.lost += events
}

// renew writes the last file anew and durably, and keeps what was cut off it.
// Dying at any point leaves the old file or the new one, which say the same.
func (r *recovery) renew(id uint64, content, cut []byte) (int64, error) {
	name := walName(id)
	if len(cut) > 0 {
		torn := fmt.Sprintf("%s.%d-%08x.torn", name, len(content), crc32.Checksum(cut, castagnoli))
		r.logger.Warn("the end of the write-ahead log was torn by a crash and is cut off",
			"file", name, "bytes", len(cut), "kept_as", torn)
		if err := vfs.WriteFile(r.fs, r.dir+"/"+torn, cut); err != nil {
			return 0, err
		}
	}
	return int64(len(content)), vfs.WriteFile(r.fs, r.dir+"/"+name, content)
}
