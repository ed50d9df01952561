package vfs_test

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/vfs"
)

// TestOverlay changes everything through an overlay: it shows the changes, the
// disk below has none.
func TestOverlay(t *testing.T) {
	base := vfs.NewMem()
	check(t, base.MkdirAll("/d/sub"))
	for name, text := range map[string]string{"/d/a": "a", "/d/b": "b", "/d/c": "c", "/d/sub/e": "e", "/d/kept": "old"} {
		check(t, vfs.WriteFile(base, name, []byte(text)))
	}
	o := vfs.NewOverlay(base)
	check(t, o.Keep("/d/kept"))
	check(t, o.Keep("/d/later"))
	check(t, vfs.WriteFile(base, "/d/kept", []byte("new")))
	check(t, vfs.WriteFile(base, "/d/later", []byte("later")))
	before := tree(t, base, "/d")

	check(t, vfs.WriteFile(o, "/d/new", []byte("n")))
	f, err := o.Append("/d/a")
	check(t, err)
	_, err = f.Write([]byte("+"))
	check(t, err)
	check(t, f.Close())
	check(t, o.Remove("/d/b"))
	check(t, o.Rename("/d/c", "/d/sub/e"))
	check(t, o.MkdirAll("/d/dir"))
	wantError(t, o.Remove("/d/b"), fs.ErrNotExist)
	wantError(t, o.RenameNew("/d/a", "/d/new"), fs.ErrExist)
	_, err = o.Create("/d/a")
	wantError(t, err, fs.ErrExist)
	for _, gone := range []string{"/d/b", "/d/c", "/d/later"} {
		_, err = o.Open(gone)
		wantError(t, err, fs.ErrNotExist)
		_, err = o.Append(gone)
		wantError(t, err, fs.ErrNotExist)
		_, err = o.Stat(gone)
		wantError(t, err, fs.ErrNotExist)
	}
	check(t, vfs.WriteFile(o, "/d/b", []byte("again")))
	_, err = o.Lock("/d/LOCK")
	check(t, err)

	want := map[string]string{"a": "a+", "b": "again", "dir/": "", "new": "n", "sub/": "", "sub/e": "c", "kept": "old"}
	if diff := cmp.Diff(want, tree(t, o, "/d")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, tree(t, base, "/d")); diff != "" {
		t.Errorf("the disk below: %s", diff)
	}
	if info, err := o.Stat("/d/dir"); err != nil || !info.Dir {
		t.Errorf("%+v, %v", info, err)
	}
}
