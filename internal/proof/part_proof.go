package proof

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/scaivault/audit"
)

// partProof is the proof of an exported file while it is read: its hashes come
// one by one, as they are needed.
type partProof struct {
	size  uint64
	lines uint64
	runs  []audit.IndexRange // in the order of the lines
	hints []byte

	r    *bufio.Reader
	left uint64 // hashes to come
}

var errProof = errors.New("it is not a proof of this format")

// readProof reads a proof up to its hashes. What it claims to hold is bounded
// by [MaxPartLines], and memory grows with what it does hold.
func readProof(r io.Reader) (*partProof, error) {
	p := &partProof{r: bufio.NewReaderSize(r, 64<<10)}
	head := make([]byte, len(proofMagic)+2)
	if _, err := io.ReadFull(p.r, head); err != nil || string(head[:len(proofMagic)]) != proofMagic {
		return nil, errProof
	}
	if format := binary.LittleEndian.Uint16(head[len(proofMagic):]); format != proofFormat {
		return nil, fmt.Errorf("%w %d of a proof: this program reads %d", errFormat, format, proofFormat)
	}
	var runs uint64
	for _, number := range []*uint64{&p.size, &p.lines, &runs} {
		n, err := binary.ReadUvarint(p.r)
		if err != nil {
			return nil, errProof
		}
		*number = n
	}
	if p.size > MaxSize || p.lines > min(p.size, MaxPartLines) || runs > p.lines {
		return nil, errProof
	}
	if err := p.readRuns(runs); err != nil {
		return nil, err
	}
	var err error
	if p.hints, err = io.ReadAll(io.LimitReader(p.r, int64(p.lines*hintSize))); err != nil {
		return nil, err
	}
	if p.left, err = binary.ReadUvarint(p.r); err != nil || uint64(len(p.hints)) != p.lines*hintSize {
		return nil, errProof
	}
	return p, nil
}

func (p *partProof) readRuns(runs uint64) error {
	end, lines := uint64(0), uint64(0)
	for range runs {
		skip, err1 := binary.ReadVarint(p.r)
		length, err2 := binary.ReadUvarint(p.r)
		if err1 != nil || err2 != nil {
			return errProof
		}
		// Indexes have 48 bits, so a sum of two never overflows.
		if skip < -MaxSize || skip > MaxSize || length == 0 || length > MaxPartLines {
			return errProof
		}
		from := int64(end) + skip
		if from < 0 || uint64(from)+length > p.size {
			return errProof
		}
		end = uint64(from) + length
		lines += length
		p.runs = append(p.runs, audit.IndexRange{From: uint64(from), To: end})
	}
	if lines != p.lines {
		return errProof
	}
	return nil
}

// next returns the next hash; ok is false when there is none.
func (p *partProof) next() (h Hash, ok bool) {
	if p.left == 0 {
		return h, false
	}
	p.left--
	_, err := io.ReadFull(p.r, h[:])
	return h, err == nil
}

// end reports whether the proof was read to its end.
func (p *partProof) end() bool {
	_, err := p.r.ReadByte()
	return p.left == 0 && err == io.EOF
}

// isHint reports whether a leaf may be that of a line, counted from 0.
func (p *partProof) isHint(line uint64, leaf Hash) bool {
	at := line * hintSize
	return string(p.hints[at:at+hintSize]) == string(leaf[:hintSize])
}
