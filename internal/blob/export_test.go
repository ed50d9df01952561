package blob

import (
	"os"
	"syscall"
	"time"
)

// WithAttempts returns the configuration with that many attempts and pauses
// of a millisecond.
func WithAttempts(c Config, n int) Config {
	c.retry = retry{attempts: n, min: time.Millisecond, max: 2 * time.Millisecond}
	return c
}

// OnFileSystem returns a bucket of type "file" as it would be on a file system
// without hard links, or also without renames that replace nothing.
func OnFileSystem(b Bucket, renames bool) Bucket {
	lacking := func(*os.Root, string, string) error { return syscall.EPERM } // what FAT says
	bucket := b.(*fileBucket)
	bucket.ways = append([]func(*os.Root, string, string) error{lacking}, fileWays[1:]...)
	if !renames {
		bucket.ways[1] = lacking
	}
	return bucket
}

// CheckAddress asks the guard about the resolved address of a connection to an
// endpoint that the operator named, or did not.
func (g *Guard) CheckAddress(addr string, named bool) error { return g.check(addr, named) }
