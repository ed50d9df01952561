package proof_test

import (
	"sync"
	"testing"

	"github.com/scaivault/audit/internal/vfs"
)

// TestReadersWhileGrowing proves lines of a tree that grows meanwhile.
func TestReadersWhileGrowing(t *testing.T) {
	const size = 70_000 // more than a node of level 16
	log := newLog(size)
	tree := openTree(t, vfs.NewMem(), acme, log)
	check(t, tree.Grow(t.Context(), 1000))
	root := newReference(log.lines[acme]).mth(0, 1000)
	var wg sync.WaitGroup
	for reader := range 3 {
		wg.Go(func() {
			for tree.Size() < size {
				got, err := tree.Root(t.Context(), 1000)
				if err != nil || hash(got) != root {
					t.Errorf("root of 1000: %v, %v", got, err)
				}
				now := tree.Size()
				if _, _, err := tree.Inclusion(t.Context(), uint64(reader)*now/3, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for at := uint64(1000); at <= size; at += 3000 {
		check(t, tree.Grow(t.Context(), at))
	}
	wg.Wait()
}
