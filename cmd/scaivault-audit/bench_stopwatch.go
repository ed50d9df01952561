package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// stopwatch measures what is done between start and stop, again and again. The
// goroutine that uses it prepares the next events in the pauses.
type stopwatch struct {
	wall, cpu time.Duration // so far

	at           time.Time // of the latest start or stop
	used, thread time.Duration
	collect      int // GOGC
}

// newStopwatch returns a stopwatch that stands, and ties the goroutine to its
// thread until release.
func newStopwatch() *stopwatch {
	runtime.LockOSThread()
	w := new(stopwatch)
	w.pause()
	return w
}

func (w *stopwatch) release() {
	debug.SetGCPercent(w.collect)
	runtime.UnlockOSThread()
}

// start goes on measuring. What the log did in the pause (it seals in the
// background) is charged: the processor's time of all threads but the own one
// counts, as time that would have passed. The garbage of the preparation is
// collected first, at nobody's cost.
func (w *stopwatch) start() {
	others := used().cpu - w.used - (threadCPU() - w.thread)
	w.wall, w.cpu = w.wall+others, w.cpu+others
	runtime.GC()
	debug.SetGCPercent(w.collect)
	w.mark()
}

// stop begins a pause.
func (w *stopwatch) stop() {
	w.wall, w.cpu = w.wall+time.Since(w.at), w.cpu+used().cpu-w.used
	w.pause()
}

// pause ends the collection of garbage, whose threads would be charged.
func (w *stopwatch) pause() {
	w.collect = debug.SetGCPercent(-1)
	w.mark()
}

func (w *stopwatch) mark() { w.at, w.used, w.thread = time.Now(), used().cpu, threadCPU() }
