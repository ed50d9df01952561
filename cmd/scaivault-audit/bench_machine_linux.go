package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU returns the processor's time of the calling thread.
func threadCPU() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &r); err != nil {
		return 0 // cannot be: both arguments are good
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// evict drops the files below a directory from the page cache, so that what is
// read next comes from the disk. The kernel keeps pages that a process has
// mapped: those of earlier stores of this process are let go first.
func evict(dir string) error {
	if err := letGo(dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return fmt.Errorf("drop %s from the page cache: %w", name, err)
		}
		return nil
	})
}

// letGo takes the pages of mapped files below a directory out of the process.
// They are mapped shared and read-only, so nothing is lost: who looks at one
// again has it read again.
func letGo(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.Contains(line, " "+dir+string(filepath.Separator)) {
			continue
		}
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x ", &from, &to); err != nil {
			return fmt.Errorf("read mappings: %w", err)
		}
		if _, _, code := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); code != 0 {
			return fmt.Errorf("let go of mapped pages: %w", code)
		}
	}
	return nil
}
