package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/vfs"
)

// systems calls f with each file system and a directory of it that is empty.
func systems(t *testing.T, f func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("OS", func(t *testing.T) { f(t, vfs.OS{}, t.TempDir()) })
	t.Run("Mem", func(t *testing.T) {
		m := vfs.NewMem()
		check(t, m.MkdirAll("/dir"))
		f(t, m, "/dir")
	})
	t.Run("Failing", func(t *testing.T) {
		f(t, vfs.Fail(vfs.OS{}, 1<<30, io.ErrUnexpectedEOF), t.TempDir())
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// put makes a file without any sync.
func put(t *testing.T, fsys vfs.FS, name, text string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	check(t, err)
	_, err = f.Write([]byte(text))
	check(t, err)
	return f
}

// tree returns all files below dir with their contents.
func tree(t *testing.T, fsys vfs.FS, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	names, err := fsys.List(dir)
	check(t, err)
	for _, name := range names {
		full := path.Join(dir, name)
		info, err := fsys.Stat(full)
		check(t, err)
		if info.Dir {
			files[name+"/"] = ""
			for sub, text := range tree(t, fsys, full) {
				files[name+"/"+sub] = text
			}
			continue
		}
		data, err := vfs.ReadFile(fsys, full)
		check(t, err)
		if int64(len(data)) != info.Size {
			t.Errorf("%s has %d bytes, its size is %d", full, len(data), info.Size)
		}
		files[name] = string(data)
	}
	return files
}

func wantTree(t *testing.T, fsys vfs.FS, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, tree(t, fsys, dir)); diff != "" {
		t.Fatalf("files of %s (-want +got):\n%s", dir, diff)
	}
}

func TestFile(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "a")
		f := put(t, fsys, name, "hello")
		_, err := fsys.Create(name)
		wantError(t, err, fs.ErrExist)
		check(t, f.Close())

		f, err = fsys.Append(name)
		check(t, err)
		_, err = f.Write([]byte(" world"))
		check(t, err)
		check(t, f.Sync())
		size, err := f.Size()
		check(t, err)
		buf := make([]byte, 5)
		n, err := f.ReadAt(buf, 6)
		if size != 11 || n != 5 || err != nil && err != io.EOF || string(buf) != "world" {
			t.Errorf("size %d, read %d %q, %v", size, n, buf, err)
		}
		if n, err := f.ReadAt(buf, 8); n != 3 || err != io.EOF {
			t.Errorf("read over the end: %d, %v, want 3, EOF", n, err)
		}
		if n, err := f.ReadAt(buf, 99); n != 0 || err != io.EOF {
			t.Errorf("read beyond the end: %d, %v, want 0, EOF", n, err)
		}
		if _, err := f.ReadAt(buf, -1); err == nil {
			t.Error("read at -1: no error")
		}
		check(t, f.Close())
		wantTree(t, fsys, dir, map[string]string{"a": "hello world"})
	})
}

func TestFileRefuses(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		put(t, fsys, path.Join(dir, "a"), "x").Close()
		f, err := fsys.Open(path.Join(dir, "a"))
		check(t, err)
		if _, err := f.Write([]byte("y")); err == nil {
			t.Error("write to a file opened for reading: no error")
		}
		check(t, f.Close())
		_, err = f.ReadAt(make([]byte, 1), 0)
		wantError(t, err, fs.ErrClosed)
		_, err = f.Write([]byte("y"))
		wantError(t, err, fs.ErrClosed)
		_, err = f.Size()
		wantError(t, err, fs.ErrClosed)
		wantError(t, f.Sync(), fs.ErrClosed)
		wantError(t, f.Close(), fs.ErrClosed)
	})
}

func TestNamesThatAreMissing(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		no := path.Join(dir, "no")
		_, err := fsys.Open(no)
		wantError(t, err, fs.ErrNotExist)
		_, err = fsys.Append(no)
		wantError(t, err, fs.ErrNotExist)
		_, err = fsys.Create(path.Join(no, "a"))
		wantError(t, err, fs.ErrNotExist)
		_, err = fsys.List(no)
		wantError(t, err, fs.ErrNotExist)
		_, err = fsys.Stat(no)
		wantError(t, err, fs.ErrNotExist)
		_, err = fsys.Lock(path.Join(no, "lock"))
		wantError(t, err, fs.ErrNotExist)
		_, err = vfs.ReadFile(fsys, no)
		wantError(t, err, fs.ErrNotExist)
		wantError(t, fsys.Remove(no), fs.ErrNotExist)
		wantError(t, fsys.Rename(no, path.Join(dir, "b")), fs.ErrNotExist)
		wantError(t, fsys.RenameNew(no, path.Join(dir, "b")), fs.ErrNotExist)
		wantError(t, fsys.SyncDir(no), fs.ErrNotExist)
		wantTree(t, fsys, dir, map[string]string{})
	})
}

func TestDirectory(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		check(t, fsys.MkdirAll(path.Join(dir, "x/y")))
		check(t, fsys.MkdirAll(path.Join(dir, "x/y")))
		put(t, fsys, path.Join(dir, "x/y/b"), "B").Close()
		put(t, fsys, path.Join(dir, "x/y/a"), "A").Close()
		names, err := fsys.List(path.Join(dir, "x/y"))
		check(t, err)
		if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
			t.Error(diff)
		}
		info, err := fsys.Stat(path.Join(dir, "x"))
		if err != nil || !info.Dir || info.ModTime.IsZero() {
			t.Errorf("stat of a directory: %+v, %v", info, err)
		}
		if err := fsys.Remove(path.Join(dir, "x")); err == nil {
			t.Error("removed a directory that is not empty")
		}
		if err := fsys.MkdirAll(path.Join(dir, "x/y/a/z")); err == nil {
			t.Error("made a directory below a file")
		}
		if err := fsys.Rename(path.Join(dir, "x"), path.Join(dir, "x/y/x")); err == nil {
			t.Error("moved a directory into itself")
		}
		if _, err := fsys.List(path.Join(dir, "x/y/a")); err == nil {
			t.Error("listed a file")
		}
		if _, err := vfs.ReadFile(fsys, path.Join(dir, "x")); err == nil {
			t.Error("read a directory")
		}
		check(t, fsys.SyncDir(path.Join(dir, "x")))
		check(t, fsys.Rename(path.Join(dir, "x"), path.Join(dir, "z")))
		check(t, fsys.Remove(path.Join(dir, "z/y/a")))
		check(t, fsys.Remove(path.Join(dir, "z/y/b")))
		check(t, fsys.Remove(path.Join(dir, "z/y")))
		wantTree(t, fsys, dir, map[string]string{"z/": ""})
	})
}

func TestRename(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := path.Join(dir, "a"), path.Join(dir, "b")
		put(t, fsys, a, "A").Close()
		put(t, fsys, b, "B").Close()
		old, err := fsys.Open(b)
		check(t, err)
		defer old.Close()

		wantError(t, fsys.RenameNew(a, b), fs.ErrExist)
		check(t, fsys.Rename(a, b))
		wantTree(t, fsys, dir, map[string]string{"b": "A"})
		buf := make([]byte, 1)
		if _, err := old.ReadAt(buf, 0); err != nil && err != io.EOF || string(buf) != "B" {
			t.Errorf("the replaced file reads %q, %v, want B", buf, err)
		}
		check(t, fsys.Rename(b, b))
		check(t, fsys.RenameNew(b, path.Join(dir, "c")))
		check(t, fsys.MkdirAll(path.Join(dir, "d")))
		check(t, fsys.Rename(path.Join(dir, "c"), path.Join(dir, "d/e")))
		wantTree(t, fsys, dir, map[string]string{"d/": "", "d/e": "A"})
	})
}

func TestLock(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "lock")
		for range 2 { // the file of the first round is there in the second
			lock, err := fsys.Lock(name)
			check(t, err)
			_, err = fsys.Lock(name)
			wantError(t, err, vfs.ErrLocked)
			if !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
				t.Errorf("error %q does not name the holder", err)
			}
			check(t, lock.Close())
		}
	})
}

func TestFree(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		free, total, err := fsys.Free(dir)
		if err != nil || free == 0 || free > total {
			t.Errorf("free %d of %d, %v", free, total, err)
		}
		_, _, err = fsys.Free(path.Join(dir, "no"))
		wantError(t, err, fs.ErrNotExist)
	})
	m := vfs.NewMem()
	m.SetFree(3, 7)
	if free, total, _ := m.Free("/"); free != 3 || total != 7 {
		t.Errorf("free %d of %d, want 3 of 7", free, total)
	}
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	check(t, vfs.OS{}.MkdirAll(path.Join(dir, "d")))
	check(t, vfs.WriteFile(vfs.OS{}, path.Join(dir, "d/f"), nil))
	for name, want := range map[string]fs.FileMode{"d": fs.ModeDir | 0o700, "d/f": 0o600} {
		info, err := os.Stat(path.Join(dir, name))
		check(t, err)
		if info.Mode() != want {
			t.Errorf("mode of %s: %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestWriteFile(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "f")
		put(t, fsys, name+".0"+vfs.TempSuffix, "left by a crash").Close()
		check(t, vfs.WriteFile(fsys, name, []byte("1")))
		check(t, vfs.WriteFile(fsys, name, []byte("2")))
		wantError(t, vfs.WriteNew(fsys, name, []byte("3")), fs.ErrExist)
		check(t, vfs.WriteNew(fsys, path.Join(dir, "g"), []byte("4")))
		wantTree(t, fsys, dir, map[string]string{
			"f": "2", "g": "4", "f.0" + vfs.TempSuffix: "left by a crash",
		})
	})
}

func TestWriteNewHasOneWinner(t *testing.T) {
	systems(t, func(t *testing.T, fsys vfs.FS, dir string) {
		const writers = 8
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				errs[i] = vfs.WriteNew(fsys, path.Join(dir, "f"), []byte(strconv.Itoa(i)))
			})
		}
		wg.Wait()
		winner := ""
		for i, err := range errs {
			if err == nil {
				winner += strconv.Itoa(i)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		}
		wantTree(t, fsys, dir, map[string]string{"f": winner})
	})
}
