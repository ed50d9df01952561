package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
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

const shaBlock = 64 // bytes

// message is what is hashed, with its padding: that is made once, not for each
// hash.
type message struct {
	text []byte // whole blocks
	n    int    // bytes of it that are not padding
}

// setLine makes it the message of a leaf.
func (m *message) setLine(line []byte) {
	m.resize(1 + len(line))
	m.text[0] = leafPrefix
	copy(m.text[1:], line)
}

// newNode returns a message that setNode makes that of a node.
func newNode() (m message) {
	m.resize(1 + 2*len(Hash{}))
	m.text[0] = nodePrefix
	return m
}

// setNode makes a message of newNode that of the node over two others.
func (m *message) setNode(left, right *Hash) {
	copy(m.text[1:], left[:])
	copy(m.text[1+len(left):], right[:])
}

// resize makes room for n bytes, and the padding behind them (FIPS 180-4,
// section 5.1.1).
func (m *message) resize(n int) {
	const least = 1 + 8 // of the padding: a bit, and the length in bits
	end := (n + least + shaBlock - 1) / shaBlock * shaBlock
	m.text, m.n = slices.Grow(m.text[:0], end)[:end], n
	clear(m.text[n:])
	m.text[n] = 0x80
	binary.BigEndian.PutUint64(m.text[end-8:], uint64(n)*8)
}

// hash returns the SHA-256 of the message.
func (m *message) hash() Hash { return sha256.Sum256(m.text[:m.n]) }

// pairState is two SHA-256 under way, their words in the order of the
// instructions.
type pairState [2]shaState

type shaState struct{ f, e, b, a, h, g, d, c uint32 }

// shaStart is the state before the first block (FIPS 180-4, section 5.3.3).
var shaStart = shaState{
	a: 0x6a09e667, b: 0xbb67ae85, c: 0x3c6ef372, d: 0xa54ff53a,
	e: 0x510e527f, f: 0x9b05688c, g: 0x1f83d9ab, h: 0x5be0cd19,
}

// put writes the state as the hash that it is. Eight bytes at once are read
// again sooner than four and four.
func (s *shaState) put(h *Hash) {
	binary.BigEndian.PutUint64(h[0:], uint64(s.a)<<32|uint64(s.b))
	binary.BigEndian.PutUint64(h[8:], uint64(s.c)<<32|uint64(s.d))
	binary.BigEndian.PutUint64(h[16:], uint64(s.e)<<32|uint64(s.f))
	binary.BigEndian.PutUint64(h[24:], uint64(s.g)<<32|uint64(s.h))
}

// hashPair sets h and g to the SHA-256 of two messages.
func hashPair(a, b *message, h, g *Hash) {
	if !hasPairs {
		*h, *g = a.hash(), b.hash()
		return
	}
	hashBoth(a, b, h, g)
}

// hashBoth is hashPair with the instructions.
func hashBoth(a, b *message, h, g *Hash) {
	s := pairState{shaStart, shaStart}
	p, q := a.text, b.text
	both := min(len(p), len(q))
	pairBlocks(&s, &p[0], &q[0], both/shaBlock)
	s[0].put(h)
	s[1].put(g)
	// The longer one goes on; what stands for the shorter one is left out.
	if rest := p[both:]; len(rest) > 0 {
		pairBlocks(&s, &rest[0], &rest[0], len(rest)/shaBlock)
		s[0].put(h)
	} else if rest := q[both:]; len(rest) > 0 {
		pairBlocks(&s, &rest[0], &rest[0], len(rest)/shaBlock)
		s[1].put(g)
	}
}

// leafPair holds lines until there are two of them.
type leafPair struct {
	lines  [2]message
	leaves [2]Hash
	n      int
}

// add keeps a copy of a line.
func (p *leafPair) add(line []byte) {
	p.lines[p.n].setLine(line)
	p.n++
}

// take calls each with every line that is held and its leaf hash, and holds none
// any more.
func (p *leafPair) take(each func(line []byte, leaf *Hash)) {
	switch p.n {
	case 1:
		p.leaves[0] = p.lines[0].hash()
	case 2:
		hashPair(&p.lines[0], &p.lines[1], &p.leaves[0], &p.leaves[1])
	}
	for i := range p.n {
		line := &p.lines[i]
		each(line.text[1:line.n], &p.leaves[i])
	}
	p.n = 0
}
