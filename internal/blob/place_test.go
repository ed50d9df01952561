package blob_test

import (
	"errors"
	"io/fs"
	"runtime"
	"syscall"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

// TestWithoutHardLinks writes to a file system that has none: objects are
// complete when they are seen, nothing is replaced, nothing is left behind.
func TestWithoutHardLinks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux renames without replacing")
	}
	d := newFile(t)
	b := blob.OnFileSystem(d.open(t, owner), true)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same bytes count as one's own
		if err := put(t, b, "e/part-0001.jsonl", pattern(200_000)); err != nil {
			t.Fatal(err)
		}
		d.want(t, "e/part-0001.jsonl", pattern(200_000))
	}
	d.plant(t, "e/part-0002.jsonl", "precious")
	d.plant(t, "e/part-0003.jsonl/inner", "precious")
	for _, key := range []string{"e/part-0002.jsonl", "e/part-0003.jsonl"} {
		if err := put(t, b, key, []byte("ours")); !errors.Is(err, blob.ErrConflict) {
			t.Errorf("%s: got %v, want ErrConflict", key, err)
		}
	}
	d.want(t, "e/part-0002.jsonl", []byte("precious"))
	d.want(t, "e/part-0003.jsonl/inner", []byte("precious"))
}

// TestNoWayToNameFiles writes to a file system that can only replace: Check says
// so before, and nothing is left of it and of an object.
func TestNoWayToNameFiles(t *testing.T) {
	d := newFile(t)
	b := blob.OnFileSystem(d.open(t, owner), false)
	if err := b.Check(t.Context()); !errors.Is(err, syscall.EPERM) {
		t.Errorf("Check: got %v, want EPERM", err)
	}
	if err := put(t, b, "e/part-0001.jsonl", []byte("x")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Commit: got %v, want EPERM", err)
	}
	d.want(t, "e/part-0001.jsonl", nil)
}
