package store_test

import (
	"bytes"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// sealedLog returns the disk of a closed store whose log of acme is two
// segments, and whose write-ahead log is one file.
func sealedLog(t *testing.T) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	changed := watch(m)
	opts := options()
	opts.WALFileSize = 900
	s := open(t, m, opts)
	for i := range 2 * opts.SealEvents {
		put(t, s, acme, event(i))
	}
	for len(walFiles(t, m)) > 1 {
		<-changed
	}
	check(t, s.Close())
	return m
}

func segmentFiles(t *testing.T, m *vfs.Mem) []string {
	t.Helper()
	names, err := m.List(dir + "/" + string(acme))
	check(t, err)
	return names
}

// damage changes a bit near the end of a file.
func damage(t *testing.T, m *vfs.Mem, name string) {
	t.Helper()
	b := bytes.Clone(readFile(t, m, name))
	b[len(b)-5] ^= 1
	check(t, vfs.WriteFile(m, dir+"/"+name, b))
}

// TestManifestMadeAnew damages the manifest, and the manifest and a segment.
// What is there is served, what is lost is named and not given again, and no
// segment is removed.
func TestManifestMadeAnew(t *testing.T) {
	for _, damaged := range []int{-1, 0, 1} {
		m := sealedLog(t)
		segments := segmentFiles(t, m)
		if len(segments) != 2 {
			t.Fatalf("segments %q, want 2", segments)
		}
		damage(t, m, "manifest")
		if damaged >= 0 {
			damage(t, m, string(acme)+"/"+segments[damaged])
		}
		for range 2 { // the second time with the new manifest
			s, err := store.Open(m, dir, options())
			check(t, err)
			if left := segmentFiles(t, m); len(left) != 2 {
				t.Errorf("segment %d damaged: %q are left of %q", damaged, left, segments)
			}
			if size := s.Size(acme); size < 16 {
				t.Errorf("segment %d damaged: size %d: indexes below 16 can be given again", damaged, size)
			}
			for i := range 2 {
				index := uint64(8*i + 3)
				e, err := s.Event(t.Context(), acme, audit.DerivedID(0, index), nil)
				if i == damaged {
					wantCode(t, err, audit.CodeDataDamaged)
				} else if err != nil || e.Index != index {
					t.Errorf("segment %d damaged: event %d: index %d, %v", damaged, index, e.Index, err)
				}
			}
			check(t, s.Close())
		}
	}
}

// TestDamageStaysInTheSegment damages the last segment, of which some events
// are in the write-ahead log too: no other tenant is doubted for that.
func TestDamageStaysInTheSegment(t *testing.T) {
	m := sealedLog(t)
	damage(t, m, string(acme)+"/"+segmentFiles(t, m)[1])
	s := open(t, m, options())
	_, err := s.Query(t.Context(), acme, audit.Query{})
	wantCode(t, err, audit.CodeDataDamaged)
	if _, err := s.Query(t.Context(), ghost, audit.Query{}); err != nil {
		t.Errorf("a tenant without events: %v", err)
	}
	if r := put(t, s, acme, event(99)); *r.FirstIndex != 16 {
		t.Errorf("the next event has index %d, want 16", *r.FirstIndex)
	}
}
