package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what figures were taken on.
type machine struct {
	Version  string `json:"version"` // of this program
	Go       string `json:"go"`
	Platform string `json:"platform"`
	CPUs     int    `json:"cpus"` // that the program may use at once
}

func thisMachine() machine {
	return machine{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, runtime.GOMAXPROCS(0)}
}

// usage is what the process has used since it began.
type usage struct {
	cpu       time.Duration // of the user and the system, on all processors
	faults    int64         // for which the disk was read
	diskBytes int64         // read from the disk; 0 but on Linux
}

func used() usage {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return usage{} // cannot be: both arguments are good
	}
	return usage{
		cpu:       time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		faults:    int64(r.Majflt),
		diskBytes: procFigure("/proc/self/io", "read_bytes"),
	}
}

// memory is what the process holds, in bytes.
type memory struct {
	Heap int64 `json:"heap_bytes"` // of the Go heap, after a collection
	// RSS is the resident set, Anonymous its part that is not of files, which
	// the kernel cannot take back. 0 but on Linux.
	RSS       int64 `json:"rss_bytes"`
	Anonymous int64 `json:"rss_anonymous_bytes"`
}

// held collects garbage, returns it to the system and tells what is left.
func held() memory {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{
		Heap:      int64(m.HeapAlloc) - int64(len(ballast)),
		RSS:       procFigure("/proc/self/status", "VmRSS") << 10,
		Anonymous: procFigure("/proc/self/status", "RssAnon") << 10,
	}
}

// peakRSS returns the largest resident set so far in bytes; 0 but on Linux.
func peakRSS() int64 { return procFigure("/proc/self/status", "VmHWM") << 10 }

// procFigure returns a number of a file of Linux's /proc, 0 where there is none.
func procFigure(file, name string) int64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n
		}
	}
	return 0
}
