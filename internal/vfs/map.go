package vfs

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Map returns the content of a file that does not change any more. Of a real
// file the kernel reads what is looked at, and no more, until the process ends;
// the file may be closed. Others are read as a whole.
func Map(f File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	file, ok := f.(interface{ Fd() uintptr })
	if !ok || size == 0 {
		content := make([]byte, size)
		n, err := f.ReadAt(content, 0)
		if err == io.EOF && int64(n) == size {
			err = nil
		}
		return content, err
	}
	content, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map file: %w", err)
	}
	return content, nil
}
