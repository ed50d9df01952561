package store

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/scaivault/audit/internal/vfs"
)

// markName is the file that says which files the write-ahead log has: a line
// of two numbers and a line with its CRC-32C, see [withSum]. It vouches for the
// last one, which no other file follows, and for the first one where the
// manifest is lost.
const markName = "wal.mark"

// walMark is the content of that file.
type walMark struct {
	first uint64 // the files before it hold nothing; no more than the manifest says
	last  uint64 // this file was begun, and possibly the next
}

func writeMark(fsys vfs.FS, dir string, m walMark) error {
	if err := vfs.WriteFile(fsys, dir+"/"+markName, withSum(fmt.Appendf(nil, "%d %d", m.first, m.last))); err != nil {
		return fmt.Errorf("write %s: %w", markName, err)
	}
	return nil
}

// readMark returns the mark. One that is damaged or not there says nothing.
func (s *Store) readMark() (m walMark, err error) {
	b, err := vfs.ReadFile(s.fs, s.dir+"/"+markName)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	line, ok := withoutSum(b)
	if _, err := fmt.Sscanf(string(line), "%d %d", &m.first, &m.last); !ok || err != nil {
		s.opts.Logger.Warn("the mark of the write-ahead log is damaged and is written anew", "file", markName)
		return walMark{}, nil
	}
	return m, nil
}

// mark changes the mark, durably.
func (w *wal) mark(change func(*walMark)) error {
	w.marking.Lock()
	defer w.marking.Unlock()
	m := w.marked
	if change(&m); m == w.marked {
		return nil
	}
	if err := writeMark(w.fs, w.dir, m); err != nil {
		return err
	}
	w.marked = m
	return nil
}
