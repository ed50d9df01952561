package store

import (
	"bytes"
	"encoding/binary"
	"strings"
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
	room := new(recentRoom)
	a, b := recent{recentRoom: room}, recent{recentRoom: room}
	add := func(r *recent, first uint64, lines int, text []byte) {
		r.keep(&recentBatch{text: text}, first, lines)
	}
	ends := func(r *recent) (list []uint64) {
		batches := r.from(0)
		for _, batch := range batches {
			list = append(list, batch.end)
		}
		r.release(batches)
		return list
	}
	step := func(what string, wantA, wantB []uint64) {
		t.Helper()
		if diff := cmp.Diff([][]uint64{wantA, wantB}, [][]uint64{ends(&a), ends(&b)}); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if room.held.Load() > recentSize {
			t.Errorf("%s: %d bytes", what, room.held.Load())
		}
	}
	most := encodedLines(1, recentSize/4-4) // four of them fit exactly
	add(&a, 0, 1, most)
	add(&a, 1, 1, most)
	add(&b, 0, 1, most)
	add(&b, 1, 1, most)
	step("full", []uint64{1, 2}, []uint64{1, 2})
	add(&a, 2, 1, most)
	step("the oldest of its own goes", []uint64{2, 3}, []uint64{1, 2})
	b.drop(2)
	add(&b, 2, 1, encodedLines(1, recentSize/2-5))
	step("as much as there is", []uint64{2, 3}, []uint64{3})
	add(&b, 3, 1, encodedLines(1, recentSize/2))
	step("more than there is", []uint64{2, 3}, nil)
	add(&a, 3, 0, nil)
	step("nothing", []uint64{2, 3}, nil)
	a.drop(1)
	step("not yet", []uint64{2, 3}, nil)
	if got := a.from(2); len(got) != 1 || got[0].first != 2 {
		t.Errorf("from 2: %d batches", len(got))
	}
	a.drop(9)
	step("all read", nil, nil)
	if room.held.Load() != 0 {
		t.Errorf("%d bytes are held of nothing", room.held.Load())
	}
}

// TestRecentReuse writes over memory only when nobody reads it.
func TestRecentReuse(t *testing.T) {
	r := recent{recentRoom: new(recentRoom)}
	fill := func(c byte) {
		b := r.begin()
		b.text = append(b.text, bytes.Repeat([]byte{c}, 100)...)
		r.keep(b, 0, 1)
	}
	fill('a')
	one, two := r.from(0), r.from(0)
	r.drop(1)
	r.release(one)
	for range 8 {
		fill('b')
		r.drop(1)
	}
	if got := string(two[0].text); got != strings.Repeat("a", 100) {
		t.Errorf("a reader's lines became %q", got)
	}
	r.release(two)
	if n := r.held.Load(); n != 0 {
		t.Errorf("%d bytes are held of nothing", n)
	}
}
