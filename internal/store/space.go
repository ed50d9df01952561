package store

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// The watermarks of free space: appends end while there is still room for what
// makes room. The lower of the two measures counts, so that neither a small
// disk nor a large one gives up much of itself.
const (
	warnShare  = 10 // percent of the disk
	warnBytes  = 2 << 30
	fullShare  = 5 // percent of the disk
	fullBytes  = 1 << 30
	spaceCheck = time.Second // how often the disk is asked
)

// space watches the free space of the store's disk.
type space struct {
	fs     vfs.FS
	dir    string
	logger *slog.Logger

	mu      sync.Mutex // guards all below; held while the disk is asked
	checked time.Time
	err     error // why appends are refused
	warned  bool
}

// check returns [audit.CodeStorageFull] if there is no room for appends.
func (s *space) check(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.checked).Abs() < spaceCheck {
		return s.err
	}
	s.checked = now
	free, total, err := s.fs.Free(s.dir)
	if err != nil {
		s.err = fmt.Errorf("free space of %s: %w", s.dir, err)
		return s.err
	}
	s.err = nil
	if full := min(total*fullShare/100, fullBytes); free < full {
		s.err = audit.Errorf(audit.CodeStorageFull,
			"the disk has %d bytes free; appends begin again at %d", free, full)
	}
	low := free < min(total*warnShare/100, warnBytes)
	if low && !s.warned {
		s.logger.Warn("the disk is almost full", "dir", s.dir, "free_bytes", free)
	}
	s.warned = low
	return s.err
}

// free returns the free bytes of the disk.
func (s *space) free() (uint64, error) {
	free, _, err := s.fs.Free(s.dir)
	return free, err
}
