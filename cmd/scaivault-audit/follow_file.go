package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
)

const (
	// headBytes of a file tell it from one that has got its inode later. The
	// first hundreds of bytes of two files may be the same: an audit line can
	// begin with who asked.
	headBytes = 4 << 10
	// tailBytes that were read last tell whether the file was cut meanwhile.
	tailBytes = 256
	// markBytes before a position tell whether it is still the same text.
	markBytes = 4 << 10
	// readBytes are read at once.
	readBytes = 256 << 10
)

// fileID is what a file is known by, whatever its name.
type fileID struct {
	Dev      uint64 `json:"dev"`
	Ino      uint64 `json:"ino"`
	HeadSize int    `json:"head_size"` // at most headBytes
	Head     string `json:"head"`      // SHA-256 of as many bytes at its start
}

// identify returns the id of an open file.
func identify(f *os.File) (fileID, error) {
	info, err := f.Stat()
	if err != nil {
		return fileID{}, err
	}
	id := fileID{}
	id.Dev, id.Ino = inode(info)
	head := make([]byte, min(headBytes, info.Size()))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fileID{}, err
	}
	id.HeadSize, id.Head = n, hashText(head[:n])
	return id, nil
}

// is reports whether an open file is the one of an id that was taken earlier:
// it may have grown. An empty one was never read, so it is nobody's.
func (id fileID) is(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || id.HeadSize == 0 {
		return false
	}
	dev, ino := inode(info)
	head := make([]byte, id.HeadSize)
	_, err = f.ReadAt(head, 0)
	return dev == id.Dev && ino == id.Ino && (err == nil || errors.Is(err, io.EOF)) && hashText(head) == id.Head
}

func hashText(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// markOf returns the hash of what stands before a position of a file, of at
// most markBytes, and "" if the file is shorter.
func markOf(f *os.File, offset int64) (string, error) {
	b := make([]byte, min(offset, markBytes))
	n, err := f.ReadAt(b, offset-int64(len(b)))
	switch {
	case n == len(b):
		return hashText(b), nil
	case errors.Is(err, io.EOF):
		return "", nil
	}
	return "", err
}

// followedFile is a file that grows while it is read, line by line.
type followedFile struct {
	*os.File
	start  int64     // where buf begins: the next line
	buf    []byte    // what was read and not yet returned
	seen   int       // bytes of buf that have no line end
	skip   hash.Hash // of a line that is too long, as far as it came; else nil
	skipAt int64     // where that begins
	before []byte    // the last bytes that were read
	chunk  []byte    // room for a read
}

// line returns the next line that is complete; at the end of a file that nobody
// writes any more, final, what is left is one. ok is false if there is none yet.
func (f *followedFile) line(longest int, final bool) (l line, ok bool, err error) {
	for {
		if i := bytes.IndexByte(f.buf[f.seen:], '\n'); i >= 0 {
			return f.take(f.seen+i, f.seen+i+1), true, nil
		}
		if f.seen = len(f.buf); f.seen > longest {
			f.pass()
		}
		n, err := f.fill()
		if err != nil {
			return line{}, false, err
		}
		if n == 0 {
			if final && (len(f.buf) > 0 || f.skip != nil) {
				return f.take(len(f.buf), len(f.buf)), true, nil
			}
			return line{}, false, nil
		}
	}
}

// take returns the line of which text ends, and what follows begins, at these
// places of buf.
func (f *followedFile) take(text, next int) line {
	l := line{start: f.start, end: f.start + int64(next), text: f.buf[:text]}
	if f.skip != nil {
		f.skip.Write(l.text)
		l.start, l.cut, l.text = f.skipAt, true, f.skip.Sum(nil)
		f.skip = nil
	}
	f.buf, f.start, f.seen = f.buf[next:], l.end, 0
	return l
}

// pass drops what is in memory of a line that is too long.
func (f *followedFile) pass() {
	if f.skip == nil {
		f.skip, f.skipAt = sha256.New(), f.start
	}
	f.skip.Write(f.buf)
	f.start += int64(len(f.buf))
	f.buf, f.seen = nil, 0
}

// errTruncated says that a file does not hold what was read of it any more.
var errTruncated = errors.New("the file was truncated")

// continues reports whether another file is a copy of what was read, so that one
// can go on with it.
func (f *followedFile) continues(other *os.File) bool {
	if len(f.before) == 0 {
		return false
	}
	same := make([]byte, len(f.before))
	_, err := other.ReadAt(same, f.start+int64(len(f.buf)-len(f.before)))
	return err == nil && bytes.Equal(same, f.before)
}

// fill reads more, as far as there is more.
func (f *followedFile) fill() (int, error) {
	at := f.start + int64(len(f.buf))
	if was := len(f.before); was > 0 {
		now := make([]byte, was)
		n, err := f.ReadAt(now, at-int64(was))
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if n < was || !bytes.Equal(now, f.before) {
			return 0, errTruncated
		}
	}
	if f.chunk == nil {
		f.chunk = make([]byte, readBytes)
	}
	n, err := f.ReadAt(f.chunk, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if n > 0 {
		f.buf = append(f.buf, f.chunk[:n]...) // lines that were returned stand before it
		f.before = bytes.Clone(f.buf[max(0, len(f.buf)-tailBytes):])
	}
	return n, nil
}
