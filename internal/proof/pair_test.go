package proof

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestHashPair compares both hashes with those of crypto/sha256: of all lengths
// around blocks and their paddings, each beside each, and of the longest line.
func TestHashPair(t *testing.T) {
	if !hasPairs {
		t.Log("this processor has no instructions for it")
	}
	rnd := rand.NewChaCha8([32]byte{})
	var text [1 << 16]byte
	_, _ = rnd.Read(text[:]) // never fails
	var a, b message
	for n := range 200 {
		for m := range 200 {
			comparePair(t, &a, &b, text[:n], text[300:300+m])
		}
	}
	comparePair(t, &a, &b, text[:65535], text[:1])
	comparePair(t, &a, &b, nil, text[:65535])
}

// FuzzHashPair does so for any two messages.
func FuzzHashPair(f *testing.F) {
	f.Add([]byte("a"), []byte("a longer one, of two blocks, which the first has not; so it goes on alone"))
	f.Fuzz(func(t *testing.T, a, b []byte) { comparePair(t, new(message), new(message), a, b) })
}

func comparePair(t *testing.T, a, b *message, x, y []byte) {
	t.Helper()
	a.set(leafPrefix, x, nil)
	b.set(nodePrefix, nil, y)
	h, g := hashPair(a, b)
	wantH, wantG := Hash(sha256.Sum256(append([]byte{0}, x...))), Hash(sha256.Sum256(append([]byte{1}, y...)))
	if h != wantH || g != wantG {
		t.Fatalf("of %d and %d bytes: %v, %v, want %v, %v", len(x), len(y), h, g, wantH, wantG)
	}
	if !bytes.Equal((*a)[1:], x) || !bytes.Equal((*b)[1:], y) {
		t.Fatal("the messages were changed")
	}
}

// BenchmarkHashPair hashes lines of usual length and the children of a node, two
// at once and one after the other.
func BenchmarkHashPair(b *testing.B) {
	for _, n := range []int{64, 310} {
		var x, y message
		x.set(leafPrefix, make([]byte, n), nil)
		y.set(leafPrefix, make([]byte, n), nil)
		b.Run(fmt.Sprintf("pair of %d", n), func(b *testing.B) {
			for b.Loop() {
				hashPair(&x, &y)
			}
		})
		b.Run(fmt.Sprintf("twice %d", n), func(b *testing.B) {
			for b.Loop() {
				_, _ = sha256.Sum256(x), sha256.Sum256(y)
			}
		})
	}
}
