package vfs_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/vfs"
)

var errDisk = errors.New("disk on fire")

// scenario uses every operation once and returns the first error.
func scenario(fsys vfs.FS) error {
	var errs []error
	try := func(err error) { errs = append(errs, err) }
	try(fsys.MkdirAll("/d"))
	if f, err := fsys.Create("/d/a"); err != nil {
		try(err)
	} else {
		_, err := f.Write([]byte("abcd"))
		try(errors.Join(err, f.Sync(), f.Close()))
	}
	for _, open := range []func(string) (vfs.File, error){fsys.Append, fsys.Open} {
		f, err := open("/d/a")
		if err != nil {
			try(err)
			continue
		}
		_, sizeErr := f.Size()
		_, readErr := f.ReadAt(nil, 0)
		try(errors.Join(sizeErr, readErr, f.Close()))
	}
	try(fsys.Rename("/d/a", "/d/b"))
	try(fsys.RenameNew("/d/b", "/d/c"))
	_, err := fsys.List("/d")
	try(err)
	_, err = fsys.Stat("/d")
	try(err)
	try(fsys.SyncDir("/d"))
	try(fsys.Remove("/d/c"))
	return errors.Join(errs...)
}

func TestFailEachOperation(t *testing.T) {
	n := 0
	for ; ; n++ {
		f := vfs.Fail(vfs.NewMem(), n, errDisk)
		err := scenario(f)
		if errors.Is(err, errDisk) != f.Fired() {
			t.Errorf("operation %d: fired %v, error %v", n, f.Fired(), err)
		}
		if !f.Fired() {
			check(t, err)
			break
		}
	}
	if want := 16; n != want {
		t.Errorf("%d operations can fail, want %d", n, want)
	}
}

func TestFailWritesHalf(t *testing.T) {
	m := vfs.NewMem()
	fsys := vfs.Fail(m, 0, errDisk)
	fsys.Kinds = []vfs.Kind{vfs.OpWrite}
	f, err := fsys.Create("/a")
	check(t, err)
	n, err := f.Write([]byte("abcd"))
	wantError(t, err, errDisk)
	if n != 2 {
		t.Errorf("wrote %d bytes, want 2", n)
	}
	_, err = f.Write([]byte("ef"))
	check(t, err)
	wantTree(t, m, "/", map[string]string{"a": "abef"})
}

func TestFailedSyncSavesNothing(t *testing.T) {
	m := vfs.NewMem()
	fsys := vfs.Fail(m, 0, errDisk)
	fsys.Kinds = []vfs.Kind{vfs.OpSync}
	f := put(t, fsys, "/a", "A")
	check(t, fsys.SyncDir("/"))
	wantError(t, f.Sync(), errDisk)
	wantTree(t, m.CrashClone(0, 1), "/", map[string]string{"a": ""})
}

func TestFailCountsItsKinds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sticky bool
		want   []bool // which of four removals fail
	}{
		{"once", false, []bool{false, true, false, false}},
		{"sticky", true, []bool{false, true, true, true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := vfs.NewMem()
			fsys := vfs.Fail(m, 1, errDisk)
			fsys.Kinds, fsys.Sticky = []vfs.Kind{vfs.OpRemove, vfs.OpRename}, tc.sticky
			var got []bool
			for range 4 {
				put(t, m, "/a", "")
				err := fsys.Remove("/a")
				got = append(got, errors.Is(err, errDisk))
				if err != nil {
					check(t, m.Remove("/a"))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteFileFails(t *testing.T) {
	for n := 0; ; n++ {
		m := vfs.NewMem()
		check(t, vfs.WriteFile(m, "/f", []byte("old")))
		fsys := vfs.Fail(m, n, errDisk)
		err := vfs.WriteFile(fsys, "/f", []byte("new"))
		if !fsys.Fired() {
			check(t, err)
			return
		}
		wantError(t, err, errDisk)
		got := tree(t, m, "/")
		if len(got) != 1 || got["f"] != "old" && got["f"] != "new" {
			t.Errorf("operation %d failed and left %v", n, got)
		}
	}
}
