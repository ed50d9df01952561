package vfs

import (
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mapping is the content of a file that does not change any more. Of a real file
// the kernel reads what is looked at, and some around it; others were read as a
// whole.
type Mapping struct {
	Bytes  []byte
	mapped bool
}

// Map returns the content of a file, which may be closed then.
func Map(f File) (*Mapping, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	file, ok := f.(interface{ Fd() uintptr })
	if !ok || size == 0 {
		m := &Mapping{Bytes: make([]byte, size)}
		n, err := f.ReadAt(m.Bytes, 0)
		if err == io.EOF && int64(n) == size {
			err = nil
		}
		return m, err
	}
	b, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map file: %w", err)
	}
	return &Mapping{b, true}, nil
}

// Ahead begins to read the bytes from ≤ offset < to, within the content, that are
// not in memory yet, and does not wait for them. Who looks at them next waits for
// one read of them all, not for one after the other, nor for what the kernel
// would read around each.
func (m *Mapping) Ahead(from, to uint64) {
	if from -= from % uint64(os.Getpagesize()); m.mapped && from < to {
		_ = unix.Madvise(m.Bytes[from:to], unix.MADV_WILLNEED) // only advice
	}
}

// Fault reports whether a panic is that of a goroutine which has looked at the
// content where the file cannot be read any more: the disk has failed, or somebody
// has cut the file. The kernel says so by a signal, which ends the process
// unless the goroutine has called [runtime/debug.SetPanicOnFault].
func (m *Mapping) Fault(value any) bool {
	fault, ok := value.(interface{ Addr() uintptr })
	if !ok || !m.mapped {
		return false
	}
	first := uintptr(unsafe.Pointer(unsafe.SliceData(m.Bytes)))
	return fault.Addr()-first < uintptr(len(m.Bytes))
}

// Close gives the content up; nobody may look at it any more.
func (m *Mapping) Close() error {
	if !m.mapped {
		clear(m.Bytes) // whoever looks at it all the same shall notice
		return nil
	}
	return unix.Munmap(m.Bytes)
}
