package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
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

// place is a file that is followed.
type place struct {
	followedFile
	id fileID
}

// linePlace says where a line began that was given to the format.
type linePlace struct {
	number int
	file   *place
	start  int64
}

// stepBatch is what a step sends.
type stepBatch struct {
	start int64
	body  []byte
	lines []line // of each event
	gaps  []audit.Event
}

// open finds the place where the last run has ended.
func (f *follower) open() error {
	state, err := readState(f.stateName)
	if err != nil {
		return err
	}
	files, err := siblings(f.path)
	if err != nil {
		return err
	}
	if state == nil {
		return f.begin(files)
	}
	f.state = *state
	if state.File.HeadSize == 0 { // there was none yet, or nothing in it
		next, err := f.unread(files, time.Time{})
		if err != nil {
			return err
		}
		return f.read(next, 0)
	}
	var found *os.File
	for _, same := range []bool{true, false} { // the file itself, else a copy of it
		for _, file := range files {
			info, err := file.Stat()
			if err != nil {
				return err
			}
			dev, ino := inode(info)
			mark, err := markOf(file, state.Offset)
			if err != nil {
				return err
			}
			own := dev == state.File.Dev && ino == state.File.Ino
			switch {
			case mark == state.Mark && own == same && (state.Offset > 0 || state.File.is(file)) && found == nil:
				found = file
			case own && same:
				f.gap("truncated", state.File, state.Offset, "")
			}
		}
	}
	if found != nil {
		return f.read(pick(files, found), state.Offset)
	}
	if found, err = f.packedPlace(); err != nil {
		return err
	}
	if found == nil {
		return f.lost(files)
	}
	pick(files, nil)
	f.batch.gaps = nil // another file has got the inode
	if err := f.read(found, state.Offset); err != nil {
		return err
	}
	f.reading().id.Dev, f.reading().id.Ino = state.File.Dev, state.File.Ino // batches are known by them
	return nil
}

// begin follows a file for the first time, from its start.
func (f *follower) begin(files []*os.File) error {
	f.state.Version = followVersion
	if err := f.finishPacked(); err != nil {
		return err
	}
	for _, file := range files {
		id, err := identify(file)
		if err != nil {
			return err
		}
		if file.Name() != f.path {
			f.state.finish(id)
		}
	}
	// Noted at once: what is rotated away from now on is to be read.
	if err := f.read(pick(files, f.current(files)), 0); err != nil {
		return err
	}
	if p := f.reading(); p != nil {
		return f.note(p, 0, 0)
	}
	return f.state.write(f.stateName)
}

// current returns the file that has the name now, nil if none does.
func (f *follower) current(files []*os.File) *os.File {
	if n := len(files); n > 0 && files[n-1].Name() == f.path {
		return files[n-1]
	}
	return nil
}

// lost begins anew with the file: the place where the last run has ended is in
// none that is left.
func (f *follower) lost(files []*os.File) error {
	f.tell("the place where the last run ended is gone; an audit_gap event says so")
	if len(f.batch.gaps) == 0 {
		f.gap("position_lost", f.state.File, f.state.Offset, "")
	}
	f.state.Sending = 0
	return f.read(pick(files, f.current(files)), 0)
}

// gap lets the next step send that something is missing.
func (f *follower) gap(reason string, id fileID, offset int64, sum string, more ...source.Fact) {
	facts := []source.Fact{{Name: "file", Value: f.path}, {Name: "file_head", Value: id.Head},
		{Name: "offset", Value: offset}}
	if sum != "" {
		facts = append(facts, source.Fact{Name: "sha256", Value: sum})
	}
	f.batch.gaps = append(f.batch.gaps, source.GapEvent(f.now(), reason, append(facts, more...)...))
}

// read goes on with a file, nil for one that is yet to come.
func (f *follower) read(file *os.File, offset int64) error {
	if file == nil {
		return nil
	}
	id, err := identify(file)
	if err != nil {
		return err
	}
	p := &place{id: id, followedFile: followedFile{File: file, start: offset}}
	p.before = make([]byte, min(tailBytes, offset))
	if _, err := file.ReadAt(p.before, offset-int64(len(p.before))); err != nil {
		return err
	}
	f.files = append(f.files, p)
	return nil
}

// reading returns the file that is being read, nil before it exists.
func (f *follower) reading() *place {
	if len(f.files) == 0 {
		return nil
	}
	return f.files[len(f.files)-1]
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

func (f *follower) add(events [][]byte, l line) {
	for _, e := range events {
		f.batch.body = append(append(f.batch.body, e...), '\n')
		f.batch.lines = append(f.batch.lines, l)
	}
}

// store sends the batch and notes how far everything is in the log.
func (f *follower) store() error {
	b, p := &f.batch, f.reading()
	if f.exact && len(b.body) > 0 && f.state.Sending == 0 {
		if err := f.note(p, b.start, p.start); err != nil {
			return err
		}
	}
	if len(b.body) > 0 {
		receipt, err := f.send(b.body, f.key(p))
		if err != nil {
			return err
		}
		f.refused(p, &receipt)
	}
	if len(b.gaps) > 0 {
		if _, err := f.send(joinLines(encode(b.gaps)), ""); err != nil {
			return err
		}
	}
	file, start := f.position()
	changed := f.state.Sending > 0 || file.id.Ino != f.state.File.Ino || start != f.state.Offset
	*b = stepBatch{body: b.body[:0], lines: b.lines[:0]}
	if !changed {
		return nil
	}
	return f.note(file, start, 0)
}

func joinLines(lines [][]byte) (body []byte) {
	for _, l := range lines {
		body = append(append(body, l...), '\n')
	}
	return body
}

// refused keeps, as gaps, the events that the log refuses.
func (f *follower) refused(p *place, r *audit.Receipt) {
	for _, bad := range r.Rejected {
		if bad.Code == audit.CodeIDConflict && f.format.firstWins() || bad.Line < 1 || bad.Line > len(f.batch.lines) {
			continue
		}
		f.bad(p, f.batch.lines[bad.Line-1], bad.Message)
	}
}

// key names a batch by its file, its place and what it holds.
func (f *follower) key(p *place) string {
	if !f.exact {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d %d ", f.path, p.id.Dev, p.id.Ino, f.batch.start)
	h.Write(f.batch.body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// position returns up to where everything is in the log, and forgets the files
// before it.
func (f *follower) position() (*place, int64) {
	file, start := f.reading(), f.reading().start
	if v, ok := f.format.(vaultFormat); ok {
		oldest := v.pairer.OldestLine()
		if oldest == 0 {
			oldest = f.number + 1
		}
		i, _ := slices.BinarySearchFunc(f.lines, oldest, func(l linePlace, n int) int { return l.number - n })
		if f.lines = f.lines[i:]; len(f.lines) > 0 {
			file, start = f.lines[0].file, f.lines[0].start
		}
	} else {
		f.lines = nil
	}
	for f.files[0] != file {
		id := f.files[0].id
		if now, err := identify(f.files[0].File); err == nil {
			id.HeadSize, id.Head = now.HeadSize, now.Head // it has grown
		}
		f.state.finish(id)
		f.files[0].Close()
		f.files = f.files[1:]
	}
	return file, start
}

// note writes the state.
func (f *follower) note(p *place, offset, sending int64) error {
	mark, err := markOf(p.File, offset)
	if err != nil {
		return err
	}
	if p.id.HeadSize < headBytes {
		id, err := identify(p.File)
		if err != nil {
			return err
		}
		p.id.HeadSize, p.id.Head = id.HeadSize, id.Head
	}
	f.state.File, f.state.Offset, f.state.Mark, f.state.Sending = p.id, offset, mark, sending
	return f.state.write(f.stateName)
}

// turn goes on with the next file, once the present one is complete: another has
// its name and holds something, so whoever writes has let go of it.
func (f *follower) turn() (idle bool, err error) {
	next, err := f.next()
	if err != nil || next == nil {
		return true, err
	}
	// What came between the last read and the change of names.
	for done := false; !done; {
		f.batch.start = f.reading().start
		if done, err = f.collect(true); err == nil {
			err = f.store()
		}
		if err != nil {
			next.Close()
			return false, err
		}
	}
	f.tell("the file was rotated; going on with " + next.Name())
	if err := f.read(next, 0); err != nil {
		return false, err
	}
	file, start := f.position()
	return false, f.note(file, start, 0)
}

// next returns the file after the present one, opened; nil if that is not
// complete. Several rotations may have left several files: the oldest comes
// first.
func (f *follower) next() (*os.File, error) {
	if len(f.queue) > 0 {
		file := f.queue[0]
		f.queue = f.queue[1:]
		return file, nil
	}
	p := f.reading()
	files, err := siblings(f.path)
	if err != nil {
		return nil, err
	}
	info, err := p.Stat()
	if err != nil {
		return nil, err
	}
	named := f.current(files)
	if named == nil || sameFile(named, info) {
		return pick(files, nil), nil
	}
	return f.unread(files, info.ModTime())
}

// unread returns the file that was written first of those that were not read yet and
// not last written before a time, be it compressed or one of files; nil if there is none.
// It closes the others.
func (f *follower) unread(files []*os.File, after time.Time) (*os.File, error) {
	next, err := f.oldest(files, after)
	until := maxWritten
	if file := cmp.Or(next, f.current(files)); file != nil && err == nil {
		var info os.FileInfo
		if info, err = file.Stat(); err == nil {
			until = info.ModTime()
		}
	}
	var packed *os.File
	if err == nil {
		packed, err = f.nextPacked(after, until)
	}
	if err != nil || packed != nil {
		pick(files, nil)
		return packed, err
	}
	return pick(files, next), nil
}

// oldest returns the file that was written first of those that are not read yet,
// hold something, and were not last written before a time; nil if there is none.
func (f *follower) oldest(files []*os.File, after time.Time) (*os.File, error) {
	var first *os.File
	var written time.Time
	for _, file := range files {
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(f.files, func(p *place) bool { return sameFile(p.File, info) })
		if known || info.Size() == 0 || info.ModTime().Before(after) || f.state.finished(file) {
			continue
		}
		if first == nil || info.ModTime().Before(written) {
			first, written = file, info.ModTime()
		}
	}
	return first, nil
}

func sameFile(f *os.File, info os.FileInfo) bool {
	own, err := f.Stat()
	return err == nil && os.SameFile(own, info)
}

// truncated goes on after somebody has cut the file, as copytruncate does: with
// what the copy has more, if there is one, then with the file from its start.
// What was written between the copy and the cut is lost, and an event says so.
func (f *follower) truncated() error {
	p := f.reading()
	f.tell("the file was truncated; what was written meanwhile may be lost, and an audit_gap event says so")
	f.gap("truncated", p.id, p.start, "")
	files, err := siblings(f.path)
	if err != nil {
		return err
	}
	var twin *os.File
	for _, file := range files {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if !sameFile(p.File, info) && !f.state.finished(file) && p.continues(file) {
			twin = file
		}
	}
	pick(files, twin)
	again, err := os.Open(p.Name())
	if err != nil {
		return err
	}
	f.state.Sending = 0
	if twin == nil {
		return f.read(again, 0)
	}
	f.queue = append(f.queue, again)
	return f.read(twin, p.start)
}
