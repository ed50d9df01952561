package vfs_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/vfs"
)

// seeds is how many power cuts a test of what may happen looks at.
const seeds = 64

func TestCrashLosesWhatIsNotSynced(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, m *vfs.Mem)
		want map[string]string // with nothing unsynced kept
	}{
		{"nothing synced", func(t *testing.T, m *vfs.Mem) {
			put(t, m, "/a", "A")
		}, map[string]string{}},
		{"file synced, directory not", func(t *testing.T, m *vfs.Mem) {
			check(t, put(t, m, "/a", "A").Sync())
		}, map[string]string{}},
		{"directory synced, file not", func(t *testing.T, m *vfs.Mem) {
			put(t, m, "/a", "A")
			check(t, m.SyncDir("/"))
		}, map[string]string{"a": ""}},
		{"tail not synced", func(t *testing.T, m *vfs.Mem) {
			f := put(t, m, "/a", "A")
			check(t, f.Sync())
			check(t, m.SyncDir("/"))
			_, err := f.Write([]byte("B"))
			check(t, err)
		}, map[string]string{"a": "A"}},
		{"removal not synced", func(t *testing.T, m *vfs.Mem) {
			check(t, vfs.WriteFile(m, "/a", []byte("A")))
			check(t, m.Remove("/a"))
		}, map[string]string{"a": "A"}},
		{"rename not synced", func(t *testing.T, m *vfs.Mem) {
			check(t, vfs.WriteFile(m, "/a", []byte("A")))
			check(t, m.Rename("/a", "/b"))
		}, map[string]string{"a": "A"}},
		{"rename synced", func(t *testing.T, m *vfs.Mem) {
			check(t, vfs.WriteFile(m, "/a", []byte("A")))
			check(t, m.Rename("/a", "/b"))
			check(t, m.SyncDir("/"))
		}, map[string]string{"b": "A"}},
		{"other directory synced", func(t *testing.T, m *vfs.Mem) {
			check(t, m.MkdirAll("/d"))
			check(t, put(t, m, "/d/a", "A").Sync())
			check(t, m.SyncDir("/"))
		}, map[string]string{"d/": ""}},
		{"move, target synced", func(t *testing.T, m *vfs.Mem) {
			check(t, m.MkdirAll("/d"))
			check(t, vfs.WriteFile(m, "/a", []byte("A")))
			check(t, m.Rename("/a", "/d/a"))
			check(t, m.SyncDir("/d"))
		}, map[string]string{"a": "A", "d/": "", "d/a": "A"}},
		{"directories last", func(t *testing.T, m *vfs.Mem) {
			check(t, m.MkdirAll("/d/e"))
		}, map[string]string{"d/": "", "d/e/": ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := vfs.NewMem()
			tc.do(t, m)
			wantTree(t, m.CrashClone(0, 1), "/", tc.want)
			wantTree(t, m.CrashClone(1, 1), "/", tree(t, m, "/"))
		})
	}
}

func TestCrashTearsAtSectors(t *testing.T) {
	m := vfs.NewMem()
	f := put(t, m, "/a", strings.Repeat("s", 700)) // ends within the second sector
	check(t, f.Sync())
	check(t, m.SyncDir("/"))
	_, err := f.Write(bytes.Repeat([]byte("u"), 1000)) // to the end of byte 1699, in the fourth
	check(t, err)

	part := func(c string, n int) string { return strings.Repeat(c, n) }
	may := make(map[string]bool) // all that three sectors may become
	for kept := range 8 {
		text := part("s", 700)
		for i, n := range []int{1024 - 700, 512, 1700 - 1536} {
			c := "\x00"
			if kept>>i&1 == 1 {
				c = "u"
			}
			text += part(c, n)
		}
		for i, end := range []int{700, 1024, 1536} {
			if kept>>i == 0 {
				text = text[:end]
				break
			}
		}
		may[text] = false
	}
	for seed := range int64(seeds) {
		got := tree(t, m.CrashClone(0.5, seed), "/")["a"]
		if _, ok := may[got]; !ok {
			t.Fatalf("seed %d: the file became %q", seed, got)
		}
		may[got] = true
	}
	for text, seen := range may {
		if !seen {
			t.Errorf("no crash left %d bytes %q", len(text), text)
		}
	}
}

func TestCrashKeepsOldOrNew(t *testing.T) {
	m := vfs.NewMem()
	check(t, vfs.WriteFile(m, "/a", []byte("old")))
	check(t, put(t, m, "/b", "new").Sync())
	check(t, m.Rename("/b", "/a"))
	seen := make(map[string]int)
	for seed := range int64(seeds) {
		seen[fmt.Sprint(tree(t, m.CrashClone(0.5, seed), "/"))]++
	}
	for _, want := range []string{"map[a:old]", "map[a:new]", "map[a:old b:new]"} {
		if seen[want] == 0 {
			t.Errorf("no crash left %s", want)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		t.Errorf("crashes left %v", seen)
	}
}

func TestCrashCloneIsRepeatable(t *testing.T) {
	m := vfs.NewMem()
	for i := range 20 {
		put(t, m, fmt.Sprintf("/f%d", i), strings.Repeat("x", 100*i))
	}
	one, two := tree(t, m.CrashClone(0.5, 7), "/"), tree(t, m.CrashClone(0.5, 7), "/")
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("two clones of one seed differ:\n%s", diff)
	}
	if diff := cmp.Diff(one, tree(t, m.CrashClone(0.5, 8), "/")); diff == "" {
		t.Error("two seeds gave the same clone")
	}
}

func TestCrashCloneIsAnotherDisk(t *testing.T) {
	m := vfs.NewMem()
	lock, err := m.Lock("/lock")
	check(t, err)
	defer lock.Close()
	check(t, vfs.WriteFile(m, "/a", []byte("A")))
	clone := m.CrashClone(0, 1)
	lock, err = clone.Lock("/lock") // the process that held it is gone
	check(t, err)
	check(t, lock.Close())
	check(t, clone.Remove("/lock"))

	for i, fsys := range []vfs.FS{m, clone} { // both append after the bytes they share
		f, err := fsys.Append("/a")
		check(t, err)
		_, err = fmt.Fprint(f, i)
		check(t, err)
	}
	if got := tree(t, m, "/")["a"]; got != "A0" {
		t.Errorf("the disk has %q, want A0", got)
	}
	wantTree(t, clone, "/", map[string]string{"a": "A1"})
}

// TestWriteFileSurvives cuts the power before every operation of [vfs.WriteFile]
// and after the last.
func TestWriteFileSurvives(t *testing.T) {
	for _, tc := range []struct {
		name  string
		old   string
		write func(vfs.FS, string, []byte) error
	}{
		{"replace", "old", vfs.WriteFile},
		{"new", "", vfs.WriteNew},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := vfs.NewMem()
			if tc.old != "" {
				check(t, vfs.WriteFile(m, "/f", []byte(tc.old)))
			}
			data := strings.Repeat("n", 2000)
			var kinds []vfs.Kind
			m.OnOp(func(op vfs.Op) {
				kinds = append(kinds, op.Kind)
				for seed := range int64(seeds) {
					got := tree(t, m.CrashClone(0.5, seed), "/")["f"]
					if got != tc.old && got != data {
						t.Errorf("power cut before %s: %d bytes %q", op, len(got), got)
					}
				}
			})
			check(t, tc.write(m, "/f", []byte(data)))
			want := []vfs.Kind{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir}
			if diff := cmp.Diff(want, kinds); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			wantTree(t, m.CrashClone(0, 1), "/", map[string]string{"f": data})
		})
	}
}

func TestOnOpSeesEveryChange(t *testing.T) {
	m := vfs.NewMem()
	var got []vfs.Op
	m.OnOp(func(op vfs.Op) { got = append(got, op) })
	check(t, m.MkdirAll("/d"))
	f := put(t, m, "/d/a", "A")
	check(t, f.Sync())
	check(t, m.RenameNew("/d/a", "/d/b"))
	check(t, m.Rename("/d/b", "/d/c"))
	check(t, m.SyncDir("/d"))
	check(t, m.Remove("/d/c"))
	_, err := m.Lock("/d/lock")
	check(t, err)
	tree(t, m, "/") // reading is none
	want := []vfs.Op{
		{Kind: vfs.OpMkdir, Name: "/d"}, {Kind: vfs.OpCreate, Name: "/d/a"},
		{Kind: vfs.OpWrite, Name: "/d/a"}, {Kind: vfs.OpSync, Name: "/d/a"},
		{Kind: vfs.OpRename, Name: "/d/a"}, {Kind: vfs.OpRename, Name: "/d/b"},
		{Kind: vfs.OpSyncDir, Name: "/d"}, {Kind: vfs.OpRemove, Name: "/d/c"},
		{Kind: vfs.OpLock, Name: "/d/lock"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}
