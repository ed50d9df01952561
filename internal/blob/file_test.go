package blob_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/blob"
)

// TestDirectories opens what is and what is not below the operator's directory.
func TestDirectories(t *testing.T) {
	top := t.TempDir()
	allowed, outside := filepath.Join(top, "allowed"), filepath.Join(top, "allowed-not")
	for _, dir := range []string{allowed, outside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		bucket string
		want   error
	}{
		{allowed, nil},
		{allowed + "/tenant/deeper", nil},
		{allowed + "/a/../b", nil},
		{allowed + "/../allowed-not", blob.ErrAddress},
		{allowed + "/..", blob.ErrAddress},
		{outside, blob.ErrAddress},
		{"/", blob.ErrAddress},
		{"relative", blob.ErrAddress},
		{"", blob.ErrAddress},
		{top + "/missing/tenant", blob.ErrNotFound},
	} {
		b, err := blob.Open(t.Context(), blob.Config{Type: "file", Bucket: test.bucket, Owner: owner,
			Directories: []string{"also-relative", allowed, top + "/missing"}})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.bucket, err, test.want)
		}
		if err == nil {
			b.Close()
		}
	}
}

// TestLinksDoNotLeadOutside has a symbolic link in the place of every
// directory and of the object.
func TestLinksDoNotLeadOutside(t *testing.T) {
	top, outside := t.TempDir(), t.TempDir()
	for _, place := range []string{"tenant", "tenant/e", "tenant/e/part-0001.jsonl"} {
		link := filepath.Join(top, place)
		os.RemoveAll(filepath.Join(top, "tenant"))
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(outside, link)); err != nil {
			t.Fatal(err)
		}
		b, err := blob.Open(t.Context(), blob.Config{Type: "file", Bucket: filepath.Join(top, "tenant"),
			Directories: []string{top}, Owner: owner, Prefix: "e"})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if place != "tenant/e/part-0001.jsonl" && b.Check(t.Context()) == nil {
			t.Errorf("%s: Check: no error", place)
		}
		if put(t, b, "e/part-0001.jsonl", []byte("x")) == nil {
			t.Errorf("%s: Commit: no error", place)
		}
		b.Sweep(t.Context(), "e") // may fail or not; it must not leave the directory
		if names, err := os.ReadDir(outside); err != nil || len(names) != 0 {
			t.Fatalf("%s: outside there are now %v, %v", place, names, err)
		}
	}
}

// TestFilesAreMadeWhenNeeded looks at what Check and an object leave on the disk.
func TestFilesAreMadeWhenNeeded(t *testing.T) {
	top := t.TempDir()
	b, err := blob.Open(t.Context(), blob.Config{Type: "file", Bucket: filepath.Join(top, "tenant"),
		Directories: []string{top}, Owner: owner, Prefix: "scaivault/exp_one"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, top); len(got) != 0 {
		t.Errorf("after Check there are %v, want nothing", got)
	}
	if err := put(t, b, "scaivault/exp_one/part-0001.jsonl", []byte("x")); err != nil {
		t.Fatal(err)
	}
	want := []string{"tenant drwx------", "tenant/scaivault drwx------", "tenant/scaivault/exp_one drwx------",
		"tenant/scaivault/exp_one/part-0001.jsonl -rw-------"}
	if diff := cmp.Diff(want, tree(t, top)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func tree(t *testing.T, top string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(top), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		names = append(names, fmt.Sprint(name, " ", info.Mode()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestSweepKnowsItsOwner sweeps where two jobs have died.
func TestSweepKnowsItsOwner(t *testing.T) {
	d := newFile(t)
	for _, who := range []string{owner, "tnt_two/exp_two"} {
		if _, err := d.open(t, who).Create(t.Context(), "e/part-0001.jsonl"); err != nil {
			t.Fatal(err)
		}
	}
	d.plant(t, "e/.scaivault-notes.tmp", "of somebody")
	for i, who := range []string{owner, "tnt_two/exp_two"} {
		if err := d.open(t, who).Sweep(t.Context(), "e"); err != nil {
			t.Fatal(err)
		}
		if got, want := len(d.leftovers(t)), 2-i; got != want {
			t.Errorf("after the sweep of %s %d temporary files remain, want %d", who, got, want)
		}
	}
}

// TestSizeIsNotEnough has a file of the same size but other bytes in the way.
func TestSizeIsNotEnough(t *testing.T) {
	d := newFile(t)
	content := pattern(200_000)
	for _, at := range []int{0, 100_000, 199_999} {
		other := pattern(200_000)
		other[at] ^= 1
		d.plant(t, "e/part-0001.jsonl", string(other))
		if err := put(t, d.open(t, owner), "e/part-0001.jsonl", content); !errors.Is(err, blob.ErrConflict) {
			t.Errorf("another byte at %d: got %v, want ErrConflict", at, err)
		}
		d.want(t, "e/part-0001.jsonl", other)
	}
}

// TestDirectoryInTheWay has a directory where the object belongs, and a file
// where a directory does.
func TestDirectoryInTheWay(t *testing.T) {
	d := newFile(t)
	d.plant(t, "e/part-0001.jsonl/inner", "x")
	if err := put(t, d.open(t, owner), "e/part-0001.jsonl", []byte("y")); !errors.Is(err, blob.ErrConflict) {
		t.Errorf("a directory: got %v, want ErrConflict", err)
	}
	d.plant(t, "f", "x")
	d.config.Prefix = "f/g"
	b := d.open(t, owner)
	if err := put(t, b, "f/part-0001.jsonl", []byte("y")); err == nil {
		t.Error("a file above the object: no error")
	}
	if err := b.Check(t.Context()); err == nil {
		t.Error("Check below a file: no error")
	}
}
