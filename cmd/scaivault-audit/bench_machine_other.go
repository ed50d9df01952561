//go:build !linux

package main

import (
	"errors"
	"time"
)

// threadCPU returns the processor's time of the process, where a thread's own
// cannot be told: what is done in pauses is not charged.
func threadCPU() time.Duration { return used().cpu }

// evict would drop files from the page cache, which only Linux lets a program
// do.
func evict(string) error { return errors.New("--cold: needs Linux") }
