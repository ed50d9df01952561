package proof

import (
	"crypto/sha256"
	"encoding/binary"
)

// A tree hashes much, and little at a time. A processor with instructions for
// SHA-256 waits most of the time for the round before; two messages at once
// take it hardly longer than one. Where there are none, or of one message,
// crypto/sha256 does the work.

// The first byte of what is hashed (RFC 6962, section 2.1).
const (
	leafPrefix = 0
	nodePrefix = 1
)

// message is what is hashed. Room for the padding is behind it.
type message []byte

// set makes a message of a prefix and two parts.
func (m *message) set(prefix byte, a, b []byte) {
	*m = append(append(append((*m)[:0], prefix), a...), b...)
}

const shaBlock = 64 // bytes

// blocks returns how many blocks a message has with its padding.
func (m message) blocks() int { return (len(m) + 1 + 8 + shaBlock - 1) / shaBlock }

var padding = [shaBlock + 8]byte{0x80}

// pad puts the padding behind a message (FIPS 180-4, section 5.1.1) and
// returns both.
func (m *message) pad() []byte {
	n, end := len(*m), m.blocks()*shaBlock
	p := binary.BigEndian.AppendUint64(append(*m, padding[:end-8-n]...), uint64(n)*8)
	*m = p[:n]
	return p
}

// pairState is two SHA-256 under way, their words in the order of the
// instructions.
type pairState [2]shaState

type shaState struct{ f, e, b, a, h, g, d, c uint32 }

// shaStart is the state before the first block (FIPS 180-4, section 5.3.3).
var shaStart = shaState{
	a: 0x6a09e667, b: 0xbb67ae85, c: 0x3c6ef372, d: 0xa54ff53a,
	e: 0x510e527f, f: 0x9b05688c, g: 0x1f83d9ab, h: 0x5be0cd19,
}

func (s *shaState) hash() (h Hash) {
	for i, word := range [...]uint32{s.a, s.b, s.c, s.d, s.e, s.f, s.g, s.h} {
		binary.BigEndian.PutUint32(h[4*i:], word)
	}
	return h
}

// hashPair returns the SHA-256 of two messages.
func hashPair(a, b *message) (Hash, Hash) {
	if !hasPairs {
		return sha256.Sum256(*a), sha256.Sum256(*b)
	}
	return hashBoth(a, b)
}

// hashBoth is hashPair with the instructions.
func hashBoth(a, b *message) (Hash, Hash) {
	s, p, q := pairState{shaStart, shaStart}, a.pad(), b.pad()
	both := min(len(p), len(q))
	pairBlocks(&s, &p[0], &q[0], both/shaBlock)
	first, second := s[0].hash(), s[1].hash()
	// The longer one goes on; what stands for the shorter one is left out.
	if rest := p[both:]; len(rest) > 0 {
		pairBlocks(&s, &rest[0], &rest[0], len(rest)/shaBlock)
		first = s[0].hash()
	} else if rest := q[both:]; len(rest) > 0 {
		pairBlocks(&s, &rest[0], &rest[0], len(rest)/shaBlock)
		second = s[1].hash()
	}
	return first, second
}

// leafPair holds lines until there are two of them.
type leafPair struct {
	lines [2]message
	n     int
}

// add keeps a copy of a line.
func (p *leafPair) add(line []byte) {
	p.lines[p.n].set(leafPrefix, line, nil)
	p.n++
}

// take calls each with every line that is held and its leaf hash, and holds none
// any more.
func (p *leafPair) take(each func(line []byte, leaf *Hash)) {
	var leaves [2]Hash
	switch p.n {
	case 1:
		leaves[0] = sha256.Sum256(p.lines[0])
	case 2:
		leaves[0], leaves[1] = hashPair(&p.lines[0], &p.lines[1])
	}
	for i := range p.n {
		each(p.lines[i][1:], &leaves[i])
	}
	p.n = 0
}
