package vfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/vfs"
)

// TestMemIsLikeOS does the same random operations on both.
func TestMemIsLikeOS(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			m, disk := vfs.NewMem(), t.TempDir()
			for range 200 {
				op, from, to := r.IntN(8), randomName(r), randomName(r)
				got := class(step(m, "/", op, from, to))
				if want := class(step(vfs.OS{}, disk, op, from, to)); got != want {
					t.Fatalf("operation %d on %s, %s: %q, want %q", op, from, to, got, want)
				}
				if diff := cmp.Diff(tree(t, vfs.OS{}, disk), tree(t, m, "/")); diff != "" {
					t.Fatalf("after operation %d on %s, %s (-OS +Mem):\n%s", op, from, to, diff)
				}
			}
		})
	}
}

func randomName(r *rand.Rand) string {
	names := []string{"a", "b", "d/a", "d/b", "d/e/a", "f/a"}
	return names[r.IntN(len(names))]
}

func step(fsys vfs.FS, root string, op int, from, to string) error {
	a, b := path.Join(root, from), path.Join(root, to)
	switch op {
	case 0:
		return fsys.MkdirAll(path.Dir(a))
	case 1:
		return fsys.Rename(a, b)
	case 2:
		return fsys.RenameNew(a, b)
	case 3:
		return fsys.Remove(a)
	case 4:
		return vfs.WriteFile(fsys, a, []byte(to))
	case 5:
		return vfs.WriteNew(fsys, a, []byte(to))
	}
	open := fsys.Create
	if op == 6 {
		open = fsys.Append
	}
	f, err := open(a)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(to))
	return errors.Join(err, f.Sync(), f.Close(), fsys.SyncDir(path.Dir(a)))
}

// class is what a caller may tell errors apart by.
func class(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrExist):
		return "exists"
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	}
	return "other"
}
