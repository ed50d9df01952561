package main

import (
	"bufio"
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

// readLines calls each with every line of r, the last with or without a line
// end, until it returns false. Of a line longer than longest the rest is
// skipped.
func readLines(r io.Reader, longest int, each func(line) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	l := line{number: 1}
	for {
		part, err := in.ReadSlice('\n')
		l.end += int64(len(part))
		part = bytes.TrimSuffix(part, []byte{'\n'})
		if room := longest - len(l.text); len(part) > room {
			part, l.cut = part[:room], true
		}
		l.text = append(l.text, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err // what was read of the line is not a line
		}
		if l.end > l.start && !each(l) {
			return nil
		}
		if err != nil {
			return nil
		}
		l = line{number: l.number + 1, start: l.end, end: l.end}
	}
}
