package export

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/scaivault/audit"
)

// Part is what a finished file of an export holds.
type Part struct {
	Records     uint64     // how many events
	Size        int64      // of the file, in bytes
	SHA256      [32]byte   // of the file's bytes
	First, Last audit.Time // when its first and its last event happened; 0 without events
}

// PartWriter writes one file of an export: Append until it is Full, then Close.
// Its bytes and the place where it is full follow from the events alone, so
// that a part which is written again is the same part. It needs less than
// 64 MiB of memory and is used by one goroutine.
type PartWriter struct {
	enc     encoder
	out     *output
	size    int64 // that the file is to have at most
	least   int64 // room that is worth going on for
	longest int   // event of the file so far, before compression
	full    bool
	part    Part
	err     error // the first one; it stays
}

// NewPartWriter begins a file on w, of at most size bytes after compression: the
// part is full when another event as large as its largest might not fit. Only
// an event that is larger than all before it, or the first one, can make it
// larger. A compressed part is full when less than 1/32 of its size is left.
//
// A format or a compression that does not exist, and a compression of Parquet,
// is a [audit.CodeValidationError].
func NewPartWriter(
	w io.Writer, format audit.ExportFormat, compression audit.Compression, size int64,
) (*PartWriter, error) {
	out := &output{w: w, hash: sha256.New()}
	enc, err := newEncoder(out, format, compression)
	if err != nil {
		return nil, err
	}
	p := &PartWriter{enc: enc, out: out, size: size}
	if format == audit.FormatParquet || compression != audit.CompressionNone {
		p.least = size / 32
	}
	return p, nil
}

// Append adds an event, which it does not keep. After an error, which is one of
// the writer below, the part is lost.
func (p *PartWriter) Append(r *audit.Record) error {
	if p.err != nil {
		return p.err
	}
	n, err := p.enc.append(r)
	return p.added(n, r.Timestamp, err)
}

// AppendLine is Append for a part whose format is [audit.FormatJSONL]: what is
// in it are canonical lines, byte for byte.
func (p *PartWriter) AppendLine(line audit.Line) error {
	if p.err != nil {
		return p.err
	}
	t, ok := p.enc.(*text)
	if !ok {
		return p.fail(errors.New("the format has no lines"))
	}
	n, err := t.appendLine(line.Text)
	return p.added(n, line.Timestamp, err)
}

// added counts an event that took so many bytes before compression.
func (p *PartWriter) added(n int, at audit.Time, err error) error {
	if err == nil {
		p.longest = max(p.longest, n)
		err = p.measure()
	}
	if err != nil {
		return p.fail(err)
	}
	if p.part.Records == 0 {
		p.part.First = at
	}
	p.part.Last = at
	p.part.Records++
	return nil
}

// measure finds out whether the part is full. What waits for compression might
// not shrink; when that matters it is compressed, and then its size is known.
// Each time the room left is smaller by what the compression gained, so this
// happens a few dozen times at the end of a part.
func (p *PartWriter) measure() error {
	if p.enc.most()+int64(p.longest) <= p.size {
		return nil
	}
	if err := p.enc.settle(); err != nil {
		return err
	}
	p.full = p.size-p.enc.most() < max(p.least, int64(p.longest))
	return nil
}

// Full reports whether the part has reached its size: Close it and begin the
// next one.
func (p *PartWriter) Full() bool { return p.full }

// Close completes the file and says what it holds. It does not close the
// writer below.
func (p *PartWriter) Close() (Part, error) {
	if p.err != nil {
		return Part{}, p.err
	}
	if err := p.enc.close(); err != nil {
		return Part{}, p.fail(err)
	}
	p.part.Size = p.out.n
	p.out.hash.Sum(p.part.SHA256[:0])
	return p.part, nil
}

func (p *PartWriter) fail(err error) error {
	p.err = fmt.Errorf("write part: %w", err)
	return p.err
}

// output counts and hashes what is written to w.
type output struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	o.hash.Write(b[:n])
	o.n += int64(n)
	return n, err
}
