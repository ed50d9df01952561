package vfs

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Map returns the content of a file that does not change any more, and how to
// give it up once nobody looks at it. Of a real file the kernel reads what is
// looked at, and no more; the file may be closed. Others are read as a whole.
func Map(f File) (content []byte, unmap func() error, err error) {
	size, err := f.Size()
	if err != nil {
		return nil, nil, err
	}
	file, ok := f.(interface{ Fd() uintptr })
	if !ok || size == 0 {
		content := make([]byte, size)
		n, err := f.ReadAt(content, 0)
		if err == io.EOF && int64(n) == size {
			err = nil
		}
		return content, func() error {
			clear(content) // whoever looks at it all the same shall notice
			return nil
		}, err
	}
	content, err = unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map file: %w", err)
	}
	return content, func() error { return unix.Munmap(content) }, nil
}
