//go:build unix

package main

import (
	"os"
	"syscall"
)

// inode returns the device and the inode of a file.
func inode(info os.FileInfo) (dev, ino uint64) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(s.Dev), s.Ino
}
