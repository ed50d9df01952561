package store

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encodedLines returns n lines of a size as a batch has them.
func encodedLines(n, size int) []byte {
	var text []byte
	for range n {
		text = binary.AppendUvarint(text, uint64(size))
		text = append(text, make([]byte, size)...)
	}
	return text
}

// TestRecent fills the memory of two logs: each makes room for its own lines only,
// and what was read makes room for all.
func TestRecent(t *testing.T) {
	held := new(atomic.Int64)
	a, b := recent{held: held}, recent{held: held}
	ends := func(r *recent) (list []uint64) {
		for _, batch := range r.from(0) {
			list = append(list, batch.end)
		}
		return list
	}
	step := func(what string, wantA, wantB []uint64) {
		t.Helper()
		if diff := cmp.Diff([][]uint64{wantA, wantB}, [][]uint64{ends(&a), ends(&b)}); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if held.Load() > recentSize {
			t.Errorf("%s: %d bytes", what, held.Load())
		}
	}
	most := encodedLines(1, recentSize/4-4) // four of them fit exactly
	a.add(0, 1, most)
	a.add(1, 1, most)
	b.add(0, 1, most)
	b.add(1, 1, most)
	step("full", []uint64{1, 2}, []uint64{1, 2})
	a.add(2, 1, most)
	step("the oldest of its own goes", []uint64{2, 3}, []uint64{1, 2})
	b.drop(2)
	b.add(2, 1, encodedLines(1, recentSize/2-5))
	step("as much as there is", []uint64{2, 3}, []uint64{3})
	b.add(3, 1, encodedLines(1, recentSize/2))
	step("more than there is", []uint64{2, 3}, nil)
	a.add(3, 0, nil)
	step("nothing", []uint64{2, 3}, nil)
	a.drop(1)
	step("not yet", []uint64{2, 3}, nil)
	if got := a.from(2); len(got) != 1 || got[0].first != 2 {
		t.Errorf("from 2: %d batches", len(got))
	}
	a.drop(9)
	step("all read", nil, nil)
	if held.Load() != 0 {
		t.Errorf("%d bytes are held of nothing", held.Load())
	}
}
