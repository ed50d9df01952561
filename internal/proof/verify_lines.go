package proof

import (
	"bufio"
	"bytes"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// rawReader reads a file as it is, sums it up and reports progress. It ends
// with the context.
type rawReader struct {
	r   io.Reader
	v   *exportVerifier
	sum hash.Hash
	err error // of reading, if it is not io.EOF
}

// Read implements [io.Reader].
func (r *rawReader) Read(p []byte) (int, error) {
	if err := r.v.ctx.Err(); err != nil {
		r.err = err
		return 0, err
	}
	n, err := r.r.Read(p)
	r.sum.Write(p[:n])
	r.v.done += int64(n)
	if r.v.Progress != nil {
		r.v.Progress(min(r.v.done, r.v.total), r.v.total)
	}
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// drain reads what a decompressor has left.
func (r *rawReader) drain() error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// maxWindow is the largest window of zstd in bytes, which is what a file of it
// can make its reader hold.
const maxWindow = 32 << 20

// lineReader reads the lines of a file, decompressed according to how the file
// begins.
type lineReader struct {
	name        string
	compression audit.Compression
	raw         *rawReader
	text        *bufio.Reader
	close       func()
	line        uint64 // lines that were read
	offset      int64  // where the next one begins
}

func newLineReader(raw *rawReader, name string) (*lineReader, error) {
	r := &lineReader{name: name, compression: audit.CompressionNone, raw: raw, close: func() {}}
	packed := bufio.NewReaderSize(raw, 256<<10)
	var text io.Reader = packed
	magic, _ := packed.Peek(4) // an error comes again with the first read
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		r.compression = audit.CompressionGzip
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, r.fault(err)
		}
		text = z
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r.compression = audit.CompressionZstd
		z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, r.fault(err)
		}
		text, r.close = z, z.Close
	}
	r.text = bufio.NewReaderSize(text, 2*audit.MaxLine)
	return r, nil
}

// fault makes a fault at the line that could not be read.
func (r *lineReader) fault(err error) error {
	if r.raw.err != nil {
		return r.raw.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return r.at(Incomplete, "the file ends here")
	}
	return r.at(Tampered, "it cannot be decompressed")
}

func (r *lineReader) at(v Verdict, message string) *Fault {
	return &Fault{Verdict: v, File: r.name, Line: r.line + 1, Offset: r.offset, Message: message}
}

// walk compares all lines with the hints of the proof and folds them.
func (r *lineReader) walk(p *partProof, fold *folder) error {
	for _, run := range p.runs {
		for index := run.From; index < run.To; index++ {
			line, err := r.next()
			if err != nil {
				return withIndex(err, index)
			}
			leaf := tlog.RecordHash(line)
			if !p.isHint(r.line, leaf) {
				return withIndex(r.at(Tampered, "it is not the line that was exported"), index)
			}
			fold.add(index, leaf)
			r.line++
			r.offset += int64(len(line)) + 1
		}
	}
	_, err := r.text.Peek(1)
	if err == nil {
		return r.at(Tampered, "there is more than was exported")
	}
	if err != io.EOF && r.raw.err == nil {
		return r.at(Tampered, "behind its lines it does not end as it was exported")
	}
	return r.raw.err
}

// next returns the next line without its end. The end of the file is a fault.
func (r *lineReader) next() ([]byte, error) {
	line, err := r.text.ReadSlice('\n')
	switch {
	case err == nil && len(line) <= audit.MaxLine+1:
		return line[:len(line)-1], nil
	case err == nil || err == bufio.ErrBufferFull:
		return nil, r.at(Tampered, "it is longer than a line may be")
	case err == io.EOF:
		return nil, r.at(Incomplete, "the file ends here")
	default:
		return nil, r.fault(err)
	}
}

// withIndex notes which event of the log a fault is about.
func withIndex(err error, index uint64) error {
	var f *Fault
	if errors.As(err, &f) {
		f.Index = &index
	}
	return err
}
