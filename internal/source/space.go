package source

import (
	"sync/atomic"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// The watermark of free space: below it no more requests are taken. It is above
// the one at which the log takes no more events, so that a disk fills up without
// a write that fails, which would end the journal for good. The lower of the two
// counts.
const (
	fullShare = 6 // percent of the disk
	fullBytes = 1200 << 20
)

// space watches the free space of the journal's disk.
type space struct {
	fs   vfs.FS
	dir  string
	full atomic.Pointer[audit.Error] // nil while there is room
}

// look asks the disk. An answer that it does not give changes nothing.
func (s *space) look() {
	free, total, err := s.fs.Free(s.dir)
	if err != nil {
		return
	}
	var full *audit.Error
	if least := min(total*fullShare/100, fullBytes); free < least {
		full = audit.Errorf(audit.CodeStorageFull,
			"the disk has %d bytes free; vault lines are taken again at %d", free, least)
	}
	s.full.Store(full)
}

// err returns why nothing is taken, or nil.
func (s *space) err() error {
	if full := s.full.Load(); full != nil {
		return full
	}
	return nil
}
