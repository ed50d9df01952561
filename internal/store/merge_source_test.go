package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// TestMergeIsSeal writes random events as one segment, and as several that are
// merged: the bytes are the same.
func TestMergeIsSeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := drawShape(t)
		shape.rows = rapid.SampledFrom([]int{40, 700, chunkRows + 300, 2*chunkRows + 5}).Draw(t, "rows")
		parts := rapid.IntRange(1, 6).Draw(t, "parts")
		whole, segments := shape.parts(t, rapid.Uint64().Draw(t, "seed"), parts)
		want, err := appendRows(nil, "acme", whole)
		if err != nil {
			t.Fatal(err)
		}
		passed := 0
		m, err := newMerger(segments, func(n int) error { passed += n; return nil })
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := writeSegment(&got, "acme", m); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d bytes (%v), which are not the %d of the rows at once", got.Len(), err, len(want))
		}
		if passed != shape.rows {
			t.Fatalf("paused after %d rows of %d", passed, shape.rows)
		}
	})
}

// TestMergeStops ends a merge between blocks.
func TestMergeStops(t *testing.T) {
	shape := &logShape{rows: 2*chunkRows + 9, values: 9, spread: audit.Hour, ids: "hex", extra: "few", success: 1}
	_, segments := shape.parts(t, 1, 2)
	left := 0
	stop := func(n int) error {
		if left -= n; left < 0 {
			return errStopped
		}
		return nil
	}
	m, err := newMerger(segments, stop)
	if err == nil {
		left = chunkRows
		err = writeSegment(new(bytes.Buffer), "acme", m)
	}
	if !errors.Is(err, errStopped) {
		t.Errorf("%v, want %v", err, errStopped)
	}
	left = -1
	if _, err := newMerger(segments, stop); !errors.Is(err, errStopped) {
		t.Errorf("while pairs are counted: %v, want %v", err, errStopped)
	}
}

// parts returns rows of this shape whose indexes follow each other, and segments of
// them, each of some of these indexes.
func (s *logShape) parts(t interface{ Fatal(...any) }, seed uint64, n int) (whole *segmentRows, segments []*segment) {
	const first = 1000
	r := rand.New(rand.NewPCG(seed, 2))
	all, part := newTail(shapeOrigin, first), newTail(shapeOrigin, first)
	received := 1_700_000_000 * audit.Second
	for i := range s.rows {
		if !s.batches || i%50 == 0 {
			received += audit.Time(r.IntN(1_000_000))
		}
		e := s.event(r, received)
		all.insert(&e, received)
		part.insert(&e, received)
		if i+1 == s.rows || len(segments) < n-1 && r.IntN(max(s.rows/n, 1)) == 0 {
			segments = append(segments, seal(t, part.staging().segmentRows()))
			part = newTail(shapeOrigin, first+uint64(i+1))
		}
	}
	return all.staging().segmentRows(), segments
}
