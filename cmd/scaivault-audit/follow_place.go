package main

import (
	"os"
	"slices"
	"time"
)

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
	found, err := f.find(files)
	if err != nil {
		return err
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

// find returns the file that has the place where the last run has ended, the same
// file or else a copy of it; nil if none has.
func (f *follower) find(files []*os.File) (found *os.File, err error) {
	for _, same := range []bool{true, false} {
		for _, file := range files {
			info, err := file.Stat()
			if err != nil {
				return nil, err
			}
			dev, ino := inode(info)
			mark, err := markOf(file, f.state.Offset)
			if err != nil {
				return nil, err
			}
			own := dev == f.state.File.Dev && ino == f.state.File.Ino
			switch {
			case mark == f.state.Mark && own == same && (f.state.Offset > 0 || f.state.File.is(file)) && found == nil:
				found = file
			case own && same:
				f.gap("truncated", f.state.File, f.state.Offset, "")
			}
		}
	}
	return found, nil
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

// position returns up to where everything is in the log, and forgets the files
// before it.
func (f *follower) position() (*place, int64) {
	file, start := f.reading(), f.reading().start
	if v, ok := f.format.(*vaultFormat); ok {
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
