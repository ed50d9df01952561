package proof

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFinder changes leaves of a block: one is found, wherever it is, and of more
// than one nothing is said.
func TestFinder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 0))
	leaves := make([]Hash, blockSize)
	for i := range leaves {
		leaves[i][0], leaves[i][1] = byte(rnd.Uint32()), byte(rnd.Uint32())
	}
	f := newFinder(leaves)
	if f != parseFinder(f.appendTo(nil)) || len(f.appendTo(nil)) != finderSize {
		t.Error("what is written is not what is read")
	}
	if place, ok := f.changed(&f); ok {
		t.Errorf("place %d of what was not changed", place)
	}
	for i := range leaves {
		one := slices.Clone(leaves)
		one[i][1] ^= byte(1 + rnd.IntN(255))
		g := newFinder(one)
		if place, ok := f.changed(&g); !ok || place != uint64(i) {
			t.Errorf("place %d, %t, want %d", place, ok, i)
		}
		for j := range leaves {
			two := slices.Clone(one)
			if two[j][0] ^= byte(1 + rnd.IntN(255)); j == i {
				continue
			}
			g := newFinder(two)
			if place, ok := f.changed(&g); ok {
				t.Errorf("places %d and %d are taken for %d", i, j, place)
			}
		}
	}
}
