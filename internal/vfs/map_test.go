package vfs_test

import (
	"bytes"
	"testing"

	"github.com/scaivault/audit/internal/vfs"
)

// TestMap maps files of every kind, whole pages and not, and reads ahead in all
// of them: the content is that of the file, after it was closed and removed too.
func TestMap(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"os": vfs.OS{}, "memory": vfs.NewMem()} {
		dir := t.TempDir()
		if err := fsys.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 4096, 5000, 1 << 18} {
			want := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
			file := dir + "/f"
			if err := vfs.WriteFile(fsys, file, want); err != nil {
				t.Fatal(err)
			}
			f, err := fsys.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := vfs.Map(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{f.Close(), fsys.Remove(file)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			n := uint64(size)
			for _, r := range [][2]uint64{{0, n}, {n, n}, {n / 2, n}, {n / 3, n / 2}} {
				m.Ahead(r[0], r[1])
			}
			if !bytes.Equal(m.Bytes, want) {
				t.Errorf("%s, %d bytes: other content", name, size)
			}
			if err := m.Close(); err != nil {
				t.Errorf("%s, %d bytes: close: %v", name, size, err)
			}
		}
	}
}
