package store

import (
	"fmt"
	"io"
	"strings"

	"github.com/scaivault/audit"
)

// readPiece is how much of a file is given up where the disk does not give it,
// in bytes: what disks and file systems keep as one.
const readPiece = 4096

// read returns the content of a file of the log. Where the disk does not give a
// piece of it there are zeros, which are no frame: what the frames around them
// lack is damage as any other ([recovery.readFrames]). unread is how many bytes those pieces have.
func (r *recovery) read(name string) (b []byte, unread int, err error) {
	file, err := r.fs.Open(r.dir + "/" + name)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, 0, err
	}
	b = make([]byte, size)
	n, cause := file.ReadAt(b, 0)
	if cause == nil || cause == io.EOF {
		return b[:n], 0, nil
	}
	r.logger.Warn("a file of the write-ahead log cannot be read at once; its pieces are tried", "file", name, "error", cause)
	for at := 0; at < len(b); at += readPiece {
		piece := b[at:min(at+readPiece, len(b))]
		if n, err := file.ReadAt(piece, int64(at)); n < len(piece) {
			clear(piece)
			unread += len(piece)
			r.logger.Error("a piece of the write-ahead log cannot be read", "file", name, "offset", at,
				"bytes", len(piece), "error", err)
		}
	}
	if unread > 0 {
		r.file.damaged = true // it is kept
		if r.store.unreadErr == nil {
			r.store.unreadErr = cause
		}
		r.store.unread = append(r.store.unread, name)
	}
	return b, unread, nil
}

// nameless returns the error of a log of which no header tells the id, because
// the disk does not give one. A new file with another id would be taken for one of
// another log by the start that can read it.
func (r *recovery) nameless() error {
	if r.log != 0 || r.headless == "" {
		return nil
	}
	return fmt.Errorf("%s: the disk does not give the header at offset 0, and no other file tells which log it is; nothing was changed: "+
		"copy the directory to another disk, or move the file out of it and its events are reported as lost", r.headless)
}

// endUnknown returns why a log takes no appends that may end in what the disk does
// not give, nil if there is nothing of that kind.
func (s *Store) endUnknown() error {
	if len(s.unread) == 0 {
		return nil
	}
	return &audit.Error{Code: audit.CodeUnavailable, Err: s.unreadErr, Message: "the disk does not give " +
		strings.Join(s.unread, ", ") + " whole, where this log may end; it takes no events until a start can read that, or without the file"}
}
