package store_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// sore is a disk that does not give the bytes from ≤ offset < to of a file.
type sore struct {
	vfs.FS
	name     string
	from, to int64
}

func (f *sore) Open(name string) (vfs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || name != dir+"/"+f.name {
		return file, err
	}
	return soreFile{file, f}, nil
}

type soreFile struct {
	vfs.File
	fs *sore
}

func (f soreFile) ReadAt(p []byte, off int64) (int, error) {
	if off < f.fs.to && f.fs.from < off+int64(len(p)) {
		return 0, fmt.Errorf("read %s: %w", f.fs.name, syscall.EIO)
	}
	return f.File.ReadAt(p, off)
}

// TestUnreadableWAL lets the disk refuse pieces of each file of the log, and
// each read of a start, once or from then on. The store names what is lost or
// does not open, and changes no file it cannot read; a start without the failure
// has everything again.
func TestUnreadableWAL(t *testing.T) {
	t.Parallel()
	for _, clean := range []bool{true, false} {
		x := newPagedWreck(t, clean)
		for _, name := range x.names {
			size := int64(len(x.files[name]))
			for from := int64(0); from < size; from += 4096 {
				for _, to := range []int64{from + 1, size} {
					m := disk(t, x.files)
					x.unread(t, fmt.Sprintf("clean %v: %s from %d to %d", clean, name, from, to), m,
						&sore{m, name, from, to})
				}
			}
		}
		for _, sticky := range []bool{false, true} {
			for n := 0; ; n++ {
				m := disk(t, x.files)
				f := vfs.Fail(m, n, syscall.EIO)
				f.Kinds, f.Sticky = []vfs.Kind{vfs.OpRead}, sticky
				x.unread(t, fmt.Sprintf("clean %v: read %d, sticky %v", clean, n, sticky), m, f)
				if !f.Fired() {
					if n < len(x.names) {
						t.Errorf("%d reads of %d files: it proves little", n, len(x.names))
					}
					break
				}
			}
		}
	}
}

// unread opens a log on a disk that fails, appends to it, and opens it again on
// the disk below, which does not.
func (x *wreck) unread(t *testing.T, what string, m *vfs.Mem, failing vfs.FS) {
	t.Helper()
	before := contents(t, m)
	opts := pagedOptions()
	added := make(map[audit.TenantID]audit.Record)
	s, err := store.Open(failing, dir, opts)
	if err != nil {
		if !strings.Contains(err.Error(), "input/output error") && !strings.Contains(err.Error(), "does not give") {
			t.Fatalf("%s: %v", what, err)
		}
		if !maps.EqualFunc(before, contents(t, m), bytes.Equal) {
			t.Fatalf("%s: refused, and files have changed", what)
		}
	} else {
		lost := false
		for tenant := range x.records {
			lost = x.judgeTenant(t, what, s, tenant, 0, nil) == detected || lost
		}
		figures, err := s.Health(t.Context(), "")
		check(t, err)
		unread, _ := figures["unreadable_files"].([]string)
		if lost && len(unread) == 0 {
			t.Fatalf("%s: events are lost, and no file is named", what)
		}
		if f, ok := failing.(*sore); ok && f.to-f.from > 4096 && (!lost || len(unread) != 1 || unread[0] != f.name) {
			t.Fatalf("%s: lost %v, unreadable files %v", what, lost, unread)
		}
		for tenant, records := range x.records {
			e := event(99)
			r, err := s.Append(t.Context(), tenant, batch(e))
			if audit.ErrorCode(err) == audit.CodeUnavailable && len(unread) > 0 {
				continue
			}
			check(t, err)
			if *r.FirstIndex < uint64(len(records)) {
				t.Fatalf("%s: %s: index %d is given again", what, tenant, *r.FirstIndex)
			}
			e.ID = audit.DerivedID(0, *r.FirstIndex)
			added[tenant] = audit.Record{Event: e, Index: *r.FirstIndex, ReceivedAt: begin}
		}
		check(t, s.Close())
		for _, name := range unread {
			if !bytes.Equal(before[name], readFile(t, m, name)) {
				t.Fatalf("%s: %s is another one", what, name)
			}
		}
	}
	s = open(t, m, opts)
	for tenant, records := range x.records {
		got, damaged := readAround(t, s, tenant, audit.MaxLimit)
		if len(damaged) > 0 {
			t.Fatalf("%s: %s: %v is still lost", what, tenant, damaged)
		}
		if r, ok := added[tenant]; ok {
			records = append(records[:len(records):len(records)], r)
		}
		for _, r := range records {
			if got[r.Index] != r {
				t.Fatalf("%s: %s: index %d is not there again: %v", what, tenant, r.Index, got[r.Index])
			}
		}
		if len(got) != len(records) {
			t.Fatalf("%s: %s: %d events, want %d", what, tenant, len(got), len(records))
		}
	}
	check(t, s.Close())
}

func pagedOptions() store.Options {
	opts := options()
	opts.WALFileSize, opts.SealEvents = 9000, 1000
	return opts
}

// newPagedWreck is [newWreck] with files of three pieces that the disk gives or not.
func newPagedWreck(t *testing.T, clean bool) *wreck {
	t.Helper()
	m := vfs.NewMem()
	s := open(t, m, pagedOptions())
	x := &wreck{records: make(map[audit.TenantID][]audit.Record)}
	for i := range 75 {
		put(t, s, []audit.TenantID{acme, bravo, "carol"}[i/9%3], event(i))
	}
	for _, tenant := range s.Tenants() {
		x.records[tenant] = walk(t, s, tenant, byIndex())
	}
	if clean {
		check(t, s.Close())
	}
	x.files, x.names = contents(t, m), walFiles(t, m)
	x.files["wal.mark"] = bytes.Clone(readFile(t, m, "wal.mark"))
	if len(x.names) < 3 {
		t.Fatalf("the log has %d files", len(x.names))
	}
	return x
}
