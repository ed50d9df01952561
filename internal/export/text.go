package export

import "github.com/scaivault/audit"

// text encodes a format that has a line or more for each event.
type text struct {
	out  *output
	comp compressor
	line func(dst []byte, r *audit.Record) []byte
	buf  []byte
	// slack is what compression may add to a buffer and to the end of the file.
	slack int64
}

// textBuffer is the size of text, in bytes, that is compressed at a time. Sizes
// of files are known at these borders.
const textBuffer = 256 << 10

// newText returns the encoder of a text format that begins with header.
func newText(
	out *output, c audit.Compression, header string, line func([]byte, *audit.Record) []byte,
) (*text, error) {
	comp, err := newCompressor(out, c)
	if err != nil {
		return nil, err
	}
	t := &text{out: out, comp: comp, line: line, buf: make([]byte, 0, textBuffer+audit.MaxLine+1)}
	t.buf = append(t.buf, header...)
	if c != audit.CompressionNone {
		t.slack = 256
	}
	return t, nil
}

func (t *text) append(r *audit.Record) (int, error) {
	start := len(t.buf)
	t.buf = t.line(t.buf, r)
	return t.appended(start)
}

// appendLine appends a line as it is.
func (t *text) appendLine(line []byte) (int, error) {
	start := len(t.buf)
	t.buf = append(append(t.buf, line...), '\n')
	return t.appended(start)
}

// appended returns how much was appended since the buffer had that length.
func (t *text) appended(start int) (int, error) {
	n := len(t.buf) - start
	if len(t.buf) >= textBuffer {
		return n, t.settle()
	}
	return n, nil
}

func (t *text) most() int64 { return t.out.n + int64(len(t.buf)) + t.slack }

func (t *text) settle() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.comp.Write(t.buf)
	t.buf = t.buf[:0]
	if err != nil {
		return err
	}
	return t.comp.Flush()
}

func (t *text) close() error {
	if err := t.settle(); err != nil {
		return err
	}
	return t.comp.Close()
}
