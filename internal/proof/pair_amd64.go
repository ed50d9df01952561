package proof

// hasPairs says that the processor has the instructions of pairBlocks, SHA,
// SSSE3 and SSE4.1, and that they do what crypto/sha256 does: nothing that is
// signed may depend on a processor that is another one than tests have met.
var hasPairs = hasInstructions() && pairsAgree()

func hasInstructions() bool {
	const sha, ssse3, sse41 = 1 << 29, 1 << 9, 1 << 19
	if most, _, _ := cpuid(0); most < 7 {
		return false
	}
	_, _, ecx := cpuid(1)
	_, ebx, _ := cpuid(7)
	return ebx&sha != 0 && ecx&ssse3 != 0 && ecx&sse41 != 0
}

// pairsAgree hashes two messages of several blocks both ways.
func pairsAgree() bool {
	var a message
	var h, g Hash
	a.setLine(make([]byte, 3*shaBlock))
	b := newNode()
	b.setNode(&Hash{1}, &Hash{2})
	hashBoth(&a, &b, &h, &g)
	return h == a.hash() && g == b.hash()
}

// cpuid asks the processor what it is.
//
//go:noescape
func cpuid(leaf uint32) (eax, ebx, ecx uint32)

// pairBlocks goes on with two SHA-256 by so many blocks, one at least, of the
// bytes at a and at b.
//
//go:noescape
func pairBlocks(s *pairState, a, b *byte, blocks int)
