package export

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/scaivault/audit"
)

// compressor compresses a stream. After Flush all that was written so far can
// be read from what it put out.
type compressor interface {
	io.WriteCloser
	Flush() error
}

// zstdWindow is how far back zstd looks for repetition, in bytes. Lines of a
// log repeat those just before them: a larger window costs more memory, also
// that of whoever reads the file, than it gains.
const zstdWindow = 1 << 20

// gzipBuffer gathers what gzip puts out a few hundred bytes at a time.
const gzipBuffer = 64 << 10

// newCompressor returns a compressor whose output follows from its input
// alone: one thread, no time of day and no name in the header. The result is
// one gzip member or one zstd frame, which every reader takes.
func newCompressor(w io.Writer, c audit.Compression) (compressor, error) {
	switch c {
	case audit.CompressionNone:
		return uncompressed{w}, nil
	case audit.CompressionGzip:
		buf := bufio.NewWriterSize(w, gzipBuffer)
		return gathered{gzip.NewWriter(buf), buf}, nil
	case audit.CompressionZstd:
		return newZstd(w)
	}
	return nil, audit.Errorf(audit.CodeValidationError, "compression %q: want none, gzip or zstd", c)
}

// uncompressed passes on what it gets.
type uncompressed struct{ io.Writer }

func (uncompressed) Flush() error { return nil }
func (uncompressed) Close() error { return nil }

// gathered is a compressor that writes into buf.
type gathered struct {
	compressor
	buf *bufio.Writer
}

func (g gathered) Flush() error {
	if err := g.compressor.Flush(); err != nil {
		return err
	}
	return g.buf.Flush()
}

func (g gathered) Close() error {
	if err := g.compressor.Close(); err != nil {
		return err
	}
	return g.buf.Flush()
}

// newZstd returns an encoder that uses the caller's thread only.
func newZstd(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w,
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithAllLitEntropyCompression(true), // ids in hex shrink by nothing else
		zstd.WithZeroFrames(true))               // no events make a valid file too
}
