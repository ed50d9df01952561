package store_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// allFiles returns the content of all files below a directory, by name.
func allFiles(t *testing.T, fsys vfs.FS, below string) map[string]string {
	t.Helper()
	names, err := fsys.List(below)
	check(t, err)
	files := make(map[string]string)
	for _, name := range names {
		name = below + "/" + name
		info, err := fsys.Stat(name)
		check(t, err)
		if info.Dir {
			maps.Copy(files, allFiles(t, fsys, name))
			continue
		}
		text, err := vfs.ReadFile(fsys, name)
		check(t, err)
		files[name] = string(text)
	}
	return files
}

func somePlaces(t *testing.T, s *store.Store, n int) {
	t.Helper()
	for i := range n {
		_, err := s.Append(t.Context(), acme, audit.Batch{Events: []audit.Event{{
			Timestamp: begin + audit.Time(i)*audit.Second, Action: audit.ActionRead, IdentityType: audit.TypeUser,
			IdentityID: audit.IdentityID(fmt.Sprintf("user:%d", i)), SecretPath: "a/b", ExtraData: "{}"}}})
		check(t, err)
	}
}

// TestReadOnly opens the store of a process that has it open, and one that a power
// cut left: all events are there, and no byte on disk changes.
func TestReadOnly(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	somePlaces(t, s, 30)
	check(t, s.Seal(t.Context()))
	somePlaces(t, s, 3)
	torn := m.CrashClone(1, 1)
	f, err := torn.Append(dir + "/wal-000000000002.log")
	check(t, err)
	_, err = f.Write([]byte("half a frame"))
	check(t, err)
	for name, disk := range map[string]*vfs.Mem{"in use": m, "torn": torn} {
		before := allFiles(t, disk, dir)
		r, err := store.OpenReadOnly(disk, dir, options())
		check(t, err)
		n := 0
		for _, err := range r.Lines(t.Context(), acme, 0, r.Size(acme)) {
			check(t, err)
			n++
		}
		if n != 33 {
			t.Errorf("%s: %d events", name, n)
		}
		for index, want := range map[uint64]string{0: ".seg", 29: ".seg", 30: "wal-", 32: "wal-"} {
			p, ok := r.PlaceOf(acme, index)
			if !ok || !strings.Contains(p.File, want) || p.Offset <= 0 || p.Length <= 0 || p.Damaged {
				t.Errorf("%s: event %d stands in %+v, %v", name, index, p, ok)
				continue
			}
			b := before[dir+"/"+p.File]
			if p.Offset+p.Length > int64(len(b)) {
				t.Errorf("%s: event %d: %+v is beyond the %d bytes of the file", name, index, p, len(b))
			}
			if text := fmt.Sprintf("user:%d", index-30); want == "wal-" &&
				!strings.Contains(b[p.Offset:p.Offset+p.Length], text) {
				t.Errorf("%s: event %d is not in its frame", name, index)
			}
		}
		if _, ok := r.PlaceOf(acme, 33); ok {
			t.Errorf("%s: an event beyond the end has a place", name)
		}
		check(t, r.Close())
		if diff := cmp.Diff(before, allFiles(t, disk, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestPlaceOfDamage flips a bit in each piece of a segment: the piece is named.
func TestPlaceOfDamage(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	somePlaces(t, s, 30)
	check(t, s.Seal(t.Context()))
	p, ok := s.PlaceOf(acme, 0)
	if !ok {
		t.Fatal("no place")
	}
	name := dir + "/" + p.File
	content, err := vfs.ReadFile(m, name)
	check(t, err)
	content[p.Offset+p.Length/2] ^= 4
	check(t, vfs.WriteFile(m, name, content))
	r, err := store.OpenReadOnly(m, dir, options())
	check(t, err)
	defer r.Close()
	if got, _ := r.PlaceOf(acme, 7); !got.Damaged || got.Offset != p.Offset || got.Length != p.Length || got.File != p.File {
		t.Errorf("%+v, want %+v damaged", got, p)
	}
}
