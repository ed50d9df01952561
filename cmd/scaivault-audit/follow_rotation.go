package main

import (
	"cmp"
	"os"
	"slices"
	"time"
)

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

// current returns the file that has the name now, nil if none does.
func (f *follower) current(files []*os.File) *os.File {
	if n := len(files); n > 0 && files[n-1].Name() == f.path {
		return files[n-1]
	}
	return nil
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
