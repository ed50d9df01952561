package blob

import "errors"

// parts cuts what is written to it into parts and sends each as soon as the
// next one begins. What remains in rest is the last part, perhaps all there is.
type parts struct {
	size int // of each of the first partsPerSize
	sent int
	rest []byte
	send func(n int, part []byte) error // n counts from 1
	err  error                          // the first of send
}

const (
	partsPerSize = 1_000 // then the size of parts doubles
	maxParts     = 10_000
)

// Write sends the parts that are full, one after another.
func (p *parts) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 && p.err == nil {
		room := p.size<<(p.sent/partsPerSize) - len(p.rest)
		if room == 0 {
			p.flush()
			continue
		}
		n := min(room, len(b))
		p.rest = append(p.rest, b[:n]...)
		b, written = b[n:], written+n
	}
	return written, p.err
}

// flush sends what remains as one part.
func (p *parts) flush() error {
	if p.err == nil && p.sent == maxParts {
		p.err = errors.New("write object: it is too large for 10,000 parts")
	}
	if p.err != nil {
		return p.err
	}
	p.sent++
	p.err = p.send(p.sent, p.rest)
	p.rest = p.rest[:0]
	return p.err
}
