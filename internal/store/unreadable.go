package store

import (
	"errors"
	"runtime/debug"
)

// errUnreadable is in the chain of the error of a segment whose file cannot be
// read any more.
var errUnreadable = errors.New("its file cannot be read: the disk has failed, or the file was cut")

// panicOnFault begins what [faulted] or [view.end] ends in the same goroutine.
//
// The files of segments are mapped, and a piece that was compared with its
// checksum may have to be read again later, from a disk that fails then. That is
// an error of the segment, and ends neither the process nor questions that need
// other segments.
func panicOnFault() (before bool) { return debug.SetPanicOnFault(true) }

// faulted is deferred by whoever looks at segments.
func faulted(before bool, segments []*segment, err *error) {
	value := recover()
	debug.SetPanicOnFault(before)
	if value != nil {
		*err = faultOf(value, segments)
	}
}

// faultOf returns the error of the segment whose file could not be read. Any
// other panic goes on.
func faultOf(value any, segments []*segment) error {
	for _, s := range segments {
		if s.file != nil && s.file.Fault(value) {
			return s.damage(errUnreadable)
		}
	}
	panic(value)
}
