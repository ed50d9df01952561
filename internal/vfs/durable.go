package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// TempSuffix ends the names of files that are being written. One that is found
// at start was left by a crash; the owner of its directory may remove it.
const TempSuffix = ".tmp"

// ReadFile returns the content of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return data[:n], nil
}

// WriteFile writes a whole file, durably when it returns. A file of that name
// is replaced atomically: readers, and a crash, find the old or the new one.
// After an error it may be either.
func WriteFile(fsys FS, name string, data []byte) error {
	return writeWith(fsys, name, whole(data), fsys.Rename)
}

// WriteStream is [WriteFile] for content that is not in memory as a whole: write
// gets the file. If it fails, nothing is changed, and that is the error.
func WriteStream(fsys FS, name string, write func(io.Writer) error) error {
	return writeWith(fsys, name, write, fsys.Rename)
}

// WriteNew is [WriteFile] for a name that must be free: otherwise the error is
// fs.ErrExist, and of several writers, in whatever processes, one succeeds.
// Nobody ever sees the file unfinished.
func WriteNew(fsys FS, name string, data []byte) error {
	if _, err := fsys.Stat(name); err == nil { // cheaper than finding out at the end
		return pathError(OpCreate, name, fs.ErrExist)
	}
	return writeWith(fsys, name, whole(data), fsys.RenameNew)
}

// whole returns the content of a file that is in memory.
func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func writeWith(fsys FS, name string, write func(io.Writer) error, rename func(from, to string) error) error {
	f, temp, err := createTemp(fsys, name)
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	// A crash up to here leaves a temporary file that nobody reads.
	err = errors.Join(err, f.Close())
	if err == nil {
		err = rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, removeTemp(fsys, temp))
	}
	// A crash here keeps or loses the name, but it never means half a file.
	return fsys.SyncDir(filepath.Dir(name))
}

// createTemp creates a temporary file beside name that nobody else writes.
func createTemp(fsys FS, name string) (f File, temp string, err error) {
	const tries = 1000
	for i := range tries {
		temp = fmt.Sprintf("%s.%d%s", name, i, TempSuffix)
		if f, err = fsys.Create(temp); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, temp, err
}

// removeTemp removes what a failed write left; it may be gone already.
func removeTemp(fsys FS, temp string) error {
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
