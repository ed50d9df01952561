package main

import (
	"bytes"
	"errors"
	"io"
)

// line is a line of an input.
type line struct {
	number     int   // counted from 1
	start, end int64 // in bytes of the input, its end included
	text       []byte
	cut        bool // it was longer than it may be; text is not all of it
}

const (
	// blockBytes are read at once, if there are as many.
	blockBytes = 256 << 10
	// blockRoom is the least room that is worth a read.
	blockRoom = 16 << 10
)

// readLines calls each with the lines of r, as many as a read has completed, the
// last with or without a line end, until it returns false. Of a line longer than
// longest the rest is skipped. The texts are part of what was read and never
// change.
func readLines(r io.Reader, longest int, each func([]line) bool) error {
	var block []byte // what was read
	begin := 0       // where the next line begins in it
	next := line{number: 1}
	for {
		if cap(block)-len(block) < blockRoom {
			rest := block[begin:]
			block = append(make([]byte, 0, max(blockBytes, 2*len(rest))), rest...)
			begin = 0
		}
		n, err := r.Read(block[len(block):cap(block)])
		at := len(block)
		block = block[:at+n]
		var lines []line
		for {
			i := bytes.IndexByte(block[at:], '\n')
			if i < 0 {
				break
			}
			next.end += int64(i + 1)
			lines = append(lines, next.of(block[begin:at+i], longest))
			at += i + 1
			begin = at
			next = line{number: next.number + 1, start: next.end, end: next.end}
		}
		next.end += int64(len(block) - at)
		if errors.Is(err, io.EOF) && next.end > next.start {
			lines = append(lines, next.of(block[begin:], longest))
		}
		if len(block)-begin > longest {
			next.cut = true
			block = block[:begin+longest]
		}
		if len(lines) > 0 && !each(lines) {
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err // what was read of the line is not a line
		}
	}
}

// of returns the line with its text, as much of it as may be.
func (l line) of(text []byte, longest int) line {
	if len(text) > longest {
		text, l.cut = text[:longest], true
	}
	l.text = text[:len(text):len(text)]
	return l
}
