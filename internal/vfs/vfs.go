// Package vfs is the one door to the disk: the few file operations that the
// product uses, as an interface, so that tests can cut the power or fail any
// of them.
//
// [OS] is the real disk. [Mem] is a disk in memory that knows what of it would
// survive a power cut ([Mem.CrashClone]). [Failing] lets one operation of
// another file system fail.
//
// Durability has three rules, the same on all of them. The bytes of a file are
// safe once [File.Sync] returned. That a name exists, means another file or is
// gone is safe once [FS.SyncDir] of its directory returned. Directories are
// safe once [FS.MkdirAll] returned. [WriteFile] and [WriteNew] follow the rules
// for whole files.
package vfs

import (
	"errors"
	"io"
	"time"
)

// FS is a file system. Names are paths as the operating system writes them;
// those of [Mem] are separated by '/' and start at its root. Errors satisfy
// errors.Is with fs.ErrNotExist and fs.ErrExist where they mean that. All
// methods may be called concurrently.
type FS interface {
	// Create makes a new file, mode 0600, for reading and appending. It is
	// fs.ErrExist if the name is taken.
	Create(name string) (File, error)
	// Append opens an existing file for reading, and for writing at its end.
	Append(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// Rename gives a file or directory another name. A file of that name is
	// replaced atomically: whoever opens it finds the old or the new one.
	Rename(from, to string) error
	// RenameNew is Rename for a file, but fs.ErrExist if to is taken.
	RenameNew(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// MkdirAll makes a directory and those above it that are missing, mode
	// 0700. What it made is durable when it returns.
	MkdirAll(dir string) error
	// List returns the base names in a directory, sorted.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (Info, error)
	// SyncDir makes creations, renames and removals in dir durable.
	SyncDir(dir string) error
	// Lock takes the exclusive lock file of that name, which it makes if
	// necessary, until the Closer is closed or the process ends. It does not
	// wait: if the lock is held, even by this process, the error is
	// [ErrLocked] and names the holder's process id. The file stays.
	Lock(name string) (io.Closer, error)
	// Free returns the bytes that are free for use and the size of the file
	// system that holds dir.
	Free(dir string) (free, total uint64, err error)
}

// File is an open file. It is only ever appended to. ReadAt may be called
// concurrently with everything; a file has one writer at a time.
type File interface {
	io.ReaderAt
	io.Writer
	io.Closer
	// Size returns the length of the file in bytes.
	Size() (int64, error)
	// Sync makes all that was written durable, by whatever handle. After an
	// error nobody knows what of it is, and another Sync that succeeds proves
	// nothing: the file must be given up.
	Sync() error
}

// Info describes a file or directory.
type Info struct {
	Size    int64 // in bytes; unspecified for a directory
	ModTime time.Time
	Dir     bool
}

// ErrLocked is the error of [FS.Lock] when somebody holds the lock.
var ErrLocked = errors.New("locked")

// Kind is the kind of an operation, for [Mem.OnOp] and [Failing].
type Kind string

// The kinds of operations.
const (
	OpCreate  Kind = "create"
	OpAppend  Kind = "append" // opening for it
	OpOpen    Kind = "open"
	OpRead    Kind = "read"
	OpWrite   Kind = "write"
	OpSync    Kind = "sync"
	OpRename  Kind = "rename" // RenameNew too
	OpRemove  Kind = "remove"
	OpMkdir   Kind = "mkdir"
	OpList    Kind = "list"
	OpStat    Kind = "stat" // File.Size too
	OpSyncDir Kind = "syncdir"
	OpLock    Kind = "lock"
)

// Op is one operation. Name is the name it was called with: the source of a
// rename, and for an open file the name by which it was opened.
type Op struct {
	Kind Kind
	Name string
}
