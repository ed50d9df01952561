package proof

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
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

// TestFold compares the root of full trees with that of RFC 6962, section 2.1.
func TestFold(t *testing.T) {
	for n := 1; n <= blockSize; n *= 2 {
		hashes := make([]Hash, n)
		for i := range hashes {
			hashes[i] = Hash{byte(i), 1}
		}
		var naive func(h []Hash) Hash
		naive = func(h []Hash) Hash {
			if len(h) == 1 {
				return h[0]
			}
			left, right := naive(h[:len(h)/2]), naive(h[len(h)/2:])
			return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
		}
		if want, got := naive(hashes), fold(slices.Clone(hashes)); got != want {
			t.Errorf("of %d leaves: %v, want %v", n, got, want)
		}
	}
}

// FuzzHashPair does so for any two messages.
func FuzzHashPair(f *testing.F) {
	f.Add([]byte("a"), []byte("a longer one, of two blocks, which the first has not; so it goes on alone"))
	f.Fuzz(func(t *testing.T, a, b []byte) { comparePair(t, new(message), new(message), a, b) })
}

func comparePair(t *testing.T, a, b *message, x, y []byte) {
	t.Helper()
	var h, g Hash
	a.setLine(x)
	b.setLine(y)
	hashPair(a, b, &h, &g)
	wantH, wantG := Hash(sha256.Sum256(append([]byte{0}, x...))), Hash(sha256.Sum256(append([]byte{0}, y...)))
	if h != wantH || g != wantG {
		t.Fatalf("of %d and %d bytes: %v, %v, want %v, %v", len(x), len(y), h, g, wantH, wantG)
	}
	if !bytes.Equal(a.text[1:a.n], x) || !bytes.Equal(b.text[1:b.n], y) {
		t.Fatal("the messages were changed")
	}
}

// BenchmarkHashPair hashes lines of usual length and the children of a node, two
// at once and one after the other.
func BenchmarkHashPair(b *testing.B) {
	for _, n := range []int{64, 342} {
		var x, y message
		var h, g Hash
		x.setLine(make([]byte, n))
		y.setLine(make([]byte, n))
		b.Run(fmt.Sprintf("pair of %d", n), func(b *testing.B) {
			for b.Loop() {
				hashPair(&x, &y, &h, &g)
			}
		})
		b.Run(fmt.Sprintf("twice %d", n), func(b *testing.B) {
			for b.Loop() {
				h, g = x.hash(), y.hash()
			}
		})
	}
}
