package vfs

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// Sync implements [File] with fdatasync(2): the data and the length, not the
// times, which saves a journal commit.
func (f osFile) Sync() error {
	if err := control(f.File, unix.Fdatasync); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
