package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/netip"

	"github.com/scaivault/audit"
)

// MaxVaultLine is the longest line of an audit device that is taken, in bytes.
const MaxVaultLine = 64 << 20

const (
	// Longer lines than shortLine are read as a stream, of which no more is in
	// memory than the largest string.
	shortLine = 64 << 10
	// longLines is how many of them are read at the same time.
	longLines = 4
)

// errTooLong is the error of a line of more than [MaxVaultLine] bytes.
var errTooLong = audit.Errorf(audit.CodePayloadTooLarge, "the line has more than %d bytes", MaxVaultLine)

// lineReader reads the entries of a stream of lines.
type lineReader struct {
	in      *bufio.Reader // of shortLine bytes
	trusted []netip.Prefix
	long    chan struct{} // holds one for each long line that is being read
	number  int           // of the latest line, counted from 1
	// Where originals are kept, nil for nowhere; and for whom.
	originals *Originals
	tenant    audit.TenantID
	// Of the latest line, as far as it came:
	size  int64             // in bytes; 0 if the stream ended before it
	sum   [sha256.Size]byte // unless there is an entry of it
	whole bool              // it has an end
}

// next returns the entry of the next line, nil for a blank one. The error is
// io.EOF at the end; one with a code is of this line only, which was consumed;
// any other is of the stream.
func (r *lineReader) next(ctx context.Context) (*entry, error) {
	line, err := r.in.ReadSlice('\n')
	r.size, r.whole = int64(len(line)), err == nil
	if errors.Is(err, bufio.ErrBufferFull) {
		r.number++
		return r.longLine(ctx, bytes.Clone(line))
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		r.sum = sha256.Sum256(line)
		return nil, err
	}
	r.number++
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil, nil
	}
	e := new(entry)
	if err := e.parse(line, r.trusted); err != nil {
		r.sum = sha256.Sum256(line)
		return nil, &audit.Error{Code: audit.CodeInvalidRequest, Message: err.Error()}
	}
	r.originals.keep(r.tenant, e, line, false)
	return e, nil
}

// longLine reads the entry of a line of which head was read.
func (r *lineReader) longLine(ctx context.Context, head []byte) (*entry, error) {
	select {
	case r.long <- struct{}{}:
		defer func() { <-r.long }()
	case <-ctx.Done():
		return nil, audit.Errorf(audit.CodeUnavailable, "%d long lines are being read already", longLines)
	}
	rest := &restOfLine{in: r.in, hash: sha256.New(), size: int64(len(head)), pack: r.originals.packer(head)}
	rest.hash.Write(head)
	e, err := parseLong(head, rest, r.trusted)
	_, broken := io.Copy(io.Discard, rest)
	r.size, r.whole = rest.size, rest.ended
	rest.hash.Sum(r.sum[:0])
	switch {
	case broken != nil:
		return nil, broken
	case rest.size > MaxVaultLine:
		return nil, errTooLong
	case err != nil:
		return nil, &audit.Error{Code: audit.CodeInvalidRequest, Message: err.Error()}
	}
	e.size, e.sum = int(rest.size), r.sum
	r.originals.keep(r.tenant, e, rest.pack.packed(), true)
	return e, nil
}

// restOfLine reads up to the end of a line, which is not part of it.
type restOfLine struct {
	in    *bufio.Reader
	hash  hash.Hash
	pack  *packer // keeps the line; or nil
	size  int64   // of the line so far
	ended bool
	err   error // io.EOF at the end of the line
}

func (r *restOfLine) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.in.Buffered() == 0 {
		if _, err := r.in.Peek(1); err != nil {
			r.err = err
			return 0, err
		}
	}
	part, _ := r.in.Peek(min(len(p), r.in.Buffered()))
	if i := bytes.IndexByte(part, '\n'); i >= 0 {
		part, r.ended, r.err = part[:i], true, io.EOF
	}
	n := copy(p, part)
	r.hash.Write(part)
	r.pack.Write(part)
	r.size += int64(n)
	discard := n
	if r.ended {
		discard++
	}
	if _, err := r.in.Discard(discard); err != nil {
		return n, err
	}
	return n, r.err
}
