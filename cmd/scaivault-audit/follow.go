package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

const (
	stateSuffix = ".follow"
	lockSuffix  = ".lock"
	// A step ends with whichever comes first; a crash repeats one at most.
	stepLines = 500
	stepBytes = 1 << 20
)

// follower appends the lines of a file as they come, through rotations and
// restarts, none twice and none never.
//
// It works in steps. Each reads lines, sends the events that they complete and
// notes, durably, up to where everything is in the log. Events of Vault have ids
// of their own, so repeating lines does no harm: the note is where the oldest
// line begins of which something is still to come. Other events may have none,
// so a step first notes where its batch will end.
type follower struct {
	path, stateName string
	format          format
	exact           bool // lines must be sent in the same batches again
	send            func(body []byte, key string) (audit.Receipt, error)
	now             func() time.Time
	tell            func(text string) // what people want to know

	state  followState
	files  []*place   // those from the position on; the last is being read
	queue  []*os.File // files to read next, before any other
	number int        // lines that were given to the format
	lines  []linePlace
	batch  stepBatch

	unreadable map[packedFile]bool // of which the log was told
}

// step sends what is there, at most a batch of it. It reports whether there was
// nothing to do.
func (f *follower) step() (idle bool, err error) {
	if f.reading() == nil {
		file, err := openRegular(f.path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		if err := f.read(file, 0); err != nil || file == nil {
			return true, err
		}
	}
	p := f.reading()
	f.batch.start = p.start
	done, err := f.collect(f.state.Sending > 0) // which may end with half a line
	if errors.Is(err, errTruncated) {
		return false, f.truncated()
	}
	if err != nil {
		return false, err
	}
	f.add(f.format.idle(), line{})
	worked := len(f.batch.body) > 0 || len(f.batch.gaps) > 0 || p.start > f.batch.start
	if err := f.store(); err != nil || !done || worked {
		return false, err
	}
	return f.turn()
}

// collect reads lines until the batch is full or there are no more, done.
func (f *follower) collect(final bool) (done bool, err error) {
	p := f.reading()
	for n := 0; n < stepLines && len(f.batch.body) < stepBytes; n++ {
		if f.state.Sending > 0 && p.start >= f.state.Sending {
			return false, nil
		}
		l, ok, err := p.line(f.format.longest(), final)
		if err != nil || !ok {
			return err == nil, err
		}
		f.take(p, l)
	}
	return false, nil
}

// take turns one line into events of the batch.
func (f *follower) take(p *place, l line) {
	if l.cut {
		f.gap("long_line", p.id, l.start, hex.EncodeToString(l.text), source.Fact{Name: "size", Value: l.end - l.start})
		return
	}
	f.number++
	f.lines = append(f.lines, linePlace{f.number, p, l.start})
	events, err := f.format.events(l.text)
	if err != nil {
		f.bad(p, l, err.Error())
	}
	f.add(events, l)
}

// bad keeps that a line is none, or that the log refuses its event.
func (f *follower) bad(p *place, l line, why string) {
	f.tell(fmt.Sprintf("byte %d: %s", l.start, why))
	f.gap("unreadable_line", p.id, l.start, hashText(l.text), source.Fact{Name: "size", Value: l.end - l.start})
}
