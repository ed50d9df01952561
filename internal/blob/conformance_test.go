package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

// TestConformance makes the same promises hold for all destinations.
func TestConformance(t *testing.T) {
	for name, fresh := range destinations {
		t.Run(name, func(t *testing.T) {
			for _, promise := range promises {
				t.Run(promise.name, func(t *testing.T) { promise.test(t, fresh(t)) })
			}
		})
	}
}

var promises = []struct {
	name string
	test func(t *testing.T, d destination)
}{
	{"a checked bucket is as it was", checkLeavesNothing},
	{"a missing bucket is not found", missingBucket},
	{"objects of all sizes come back", sizes},
	{"nobody sees an object before commit", unseen},
	{"an aborted object was never there", aborted},
	{"abort works after cancellation", cancelled},
	{"commit under a cancelled context fails", commitCancelled},
	{"an object of another owner stays", conflict},
	{"an object of nobody stays", conflictWithPlain},
	{"what is taken can be seen before", seen},
	{"the same owner may write again", again},
	{"of two uploads at once both or one succeed", twoAtOnce},
	{"a swept prefix has no leftovers", swept},
	{"keys that could escape are refused", badKeys},
	{"an ended upload answers errors", ended},
}

// put writes an object in pieces of an odd size.
func put(t *testing.T, b blob.Bucket, key string, content []byte) error {
	t.Helper()
	u, err := b.Create(t.Context(), key)
	if err != nil {
		return err
	}
	for piece := range bytesIn(content, 70_001) {
		if _, err := u.Write(piece); err != nil {
			return errors.Join(err, u.Abort())
		}
	}
	return u.Commit(t.Context())
}

func bytesIn(b []byte, n int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			piece := b[:min(n, len(b))]
			b = b[len(piece):]
			if !yield(piece) {
				return
			}
		}
	}
}

// want asserts what the store holds at a key, nil for nothing.
func (d destination) want(t *testing.T, key string, content []byte) {
	t.Helper()
	got, ok := d.get(t, key)
	if ok != (content != nil) || ok && !bytes.Equal(got, content) {
		t.Fatalf("object %s: present %v, %d bytes; want %d bytes", key, ok, len(got), len(content))
	}
	if left := d.leftovers(t); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func checkLeavesNothing(t *testing.T, d destination) {
	d.config.Prefix = "exports/one"
	if err := d.open(t, owner).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := d.leftovers(t); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func missingBucket(t *testing.T, d destination) {
	if d.config.Type == "file" {
		d.config.Directories = []string{d.config.Bucket + "/missing"}
		d.config.Bucket = d.config.Directories[0]
		d.config.Owner = owner
		if _, err := blob.Open(t.Context(), d.config); !errors.Is(err, blob.ErrNotFound) {
			t.Fatalf("got %v, want ErrNotFound", err)
		}
		return
	}
	d.config.Bucket = freshName()
	b := d.open(t, owner)
	if err := b.Check(t.Context()); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Check: got %v, want ErrNotFound", err)
	}
	if err := put(t, b, "e/part-0001.jsonl", []byte("x")); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Commit: got %v, want ErrNotFound", err)
	}
}

func sizes(t *testing.T, d destination) {
	b := d.open(t, owner)
	part := d.config.PartSize
	if part == 0 {
		part = 1 << 20
	}
	for _, n := range []int{0, 1, part - 1, part, part + 1, 2 * part, 2*part + 77_777} {
		key := fmt.Sprintf("e/größe %d/part-0001.jsonl", n)
		if err := put(t, b, key, pattern(n)); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		d.want(t, key, pattern(n))
	}
}

func unseen(t *testing.T, d destination) {
	u, err := d.open(t, owner).Create(t.Context(), "e/part-0001.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(pattern(2*d.config.PartSize + 10)); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.get(t, "e/part-0001.jsonl"); ok {
		t.Fatal("the object is visible before Commit")
	}
	if err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.want(t, "e/part-0001.jsonl", pattern(2*d.config.PartSize+10))
}

func aborted(t *testing.T, d destination) {
	for _, n := range []int{0, 10, 2*d.config.PartSize + 10} {
		u, err := d.open(t, owner).Create(t.Context(), "e/part-0001.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(pattern(n)); err != nil {
			t.Fatal(err)
		}
		if err := u.Abort(); err != nil {
			t.Fatal(err)
		}
		d.want(t, "e/part-0001.jsonl", nil)
	}
}

func cancelled(t *testing.T, d destination) {
	ctx, cancel := context.WithCancel(t.Context())
	u, err := d.open(t, owner).Create(ctx, "e/part-0001.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(pattern(2*d.config.PartSize + 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	u.Write(pattern(2 * d.config.PartSize)) // may fail or not; the upload is lost anyway
	if err := u.Abort(); err != nil {
		t.Fatal(err)
	}
	d.want(t, "e/part-0001.jsonl", nil)
}

func commitCancelled(t *testing.T, d destination) {
	ctx, cancel := context.WithCancel(t.Context())
	u, err := d.open(t, owner).Create(t.Context(), "e/part-0001.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(pattern(2*d.config.PartSize + 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := u.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	d.want(t, "e/part-0001.jsonl", nil)
}

func conflict(t *testing.T, d destination) {
	theirs := []byte("theirs")
	if err := put(t, d.open(t, "tnt_two/exp_two"), "e/part-0001.jsonl", theirs); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 6, 2*d.config.PartSize + 10} {
		err := put(t, d.open(t, owner), "e/part-0001.jsonl", pattern(n))
		if !errors.Is(err, blob.ErrConflict) {
			t.Fatalf("%d bytes: got %v, want ErrConflict", n, err)
		}
		d.want(t, "e/part-0001.jsonl", theirs)
	}
}

func conflictWithPlain(t *testing.T, d destination) {
	d.plant(t, "e/part-0001.jsonl", "planted")
	err := put(t, d.open(t, owner), "e/part-0001.jsonl", []byte("ours"))
	if !errors.Is(err, blob.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
	d.want(t, "e/part-0001.jsonl", []byte("planted"))
}

// seen asks whether keys are taken. A directory does not know whose a file is.
func seen(t *testing.T, d destination) {
	if err := put(t, d.open(t, owner), "e/ours", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := put(t, d.open(t, "tnt_two/exp_two"), "e/theirs", []byte("x")); err != nil {
		t.Fatal(err)
	}
	d.plant(t, "e/plain", "x")
	b := d.open(t, owner)
	for key, want := range map[string]bool{"e/ours": d.config.Type == "file", "e/theirs": true, "e/plain": true,
		"e/free": false, "e/free/deeper/part-0001.jsonl": false} {
		if got, err := b.Taken(t.Context(), key); got != want || err != nil {
			t.Errorf("Taken(%s): %v, %v; want %v", key, got, err, want)
		}
	}
}

// again is what happens after a crash between the commit of a part and the
// note of it. In a directory only the same bytes are known as one's own.
func again(t *testing.T, d destination) {
	for _, n := range []int{0, 10, 2*d.config.PartSize + 10} {
		for range 2 {
			if err := put(t, d.open(t, owner), key(n), pattern(n)); err != nil {
				t.Fatal(err)
			}
			d.want(t, key(n), pattern(n))
		}
		if d.config.Type == "file" {
			continue
		}
		other := append(pattern(n), "more"...)
		if err := put(t, d.open(t, owner), key(n), other); err != nil {
			t.Fatal(err)
		}
		d.want(t, key(n), other)
	}
}

func key(n int) string { return fmt.Sprintf("e/%d/part-0001.jsonl", n) }

// twoAtOnce is two runs of one job that do not know of each other.
func twoAtOnce(t *testing.T, d destination) {
	content := pattern(2*d.config.PartSize + 10)
	var uploads []blob.Upload
	for range 2 {
		u, err := d.open(t, owner).Create(t.Context(), "e/part-0001.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(content); err != nil {
			t.Fatal(err)
		}
		uploads = append(uploads, u)
	}
	if err := uploads[0].Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := uploads[1].Commit(t.Context()); err != nil {
		t.Logf("the second of two uploads: %v", err)
		if errors.Is(err, blob.ErrConflict) {
			t.Fatal("a job is in conflict with itself")
		}
	}
	d.want(t, "e/part-0001.jsonl", content)
}

func swept(t *testing.T, d destination) {
	for _, key := range []string{"e/one/part-0001.jsonl", "e/one/part-0002.jsonl"} {
		u, err := d.open(t, owner).Create(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(pattern(d.config.PartSize + 10)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { u.Abort() })
	}
	other, err := d.open(t, owner).Create(t.Context(), "e/one-and-a-half/part-0001.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Write(pattern(d.config.PartSize + 10)); err != nil {
		t.Fatal(err)
	}
	b := d.open(t, owner)
	for _, prefix := range []string{"", "/", "../e", "e//one"} {
		if err := b.Sweep(t.Context(), prefix); err == nil {
			t.Errorf("Sweep(%q): no error", prefix)
		}
	}
	if err := b.Sweep(t.Context(), "never/written"); err != nil {
		t.Fatal(err)
	}
	if err := b.Sweep(t.Context(), "e/one"); err != nil {
		t.Fatal(err)
	}
	if err := other.Commit(t.Context()); err != nil {
		t.Fatalf("the upload of a neighbour: %v", err)
	}
	d.want(t, "e/one/part-0001.jsonl", nil)
}

func badKeys(t *testing.T, d destination) {
	b := d.open(t, owner)
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", `a\b`, "a\x00b", "a\nb",
		"a\xffb", string(bytes.Repeat([]byte("k"), 1025))} {
		if _, err := b.Create(t.Context(), key); err == nil {
			t.Errorf("Create(%q): no error", key)
		}
	}
}

func ended(t *testing.T, d destination) {
	for _, end := range []func(blob.Upload) error{
		func(u blob.Upload) error { return u.Commit(t.Context()) }, blob.Upload.Abort,
	} {
		u, err := d.open(t, owner).Create(t.Context(), "e/part-0001.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if err := end(u); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write([]byte("more")); err == nil {
			t.Error("Write after the end: no error")
		}
		if err := u.Commit(t.Context()); err == nil {
			t.Error("Commit after the end: no error")
		}
		if err := u.Abort(); err != nil {
			t.Errorf("Abort after the end: %v", err)
		}
	}
	d.want(t, "e/part-0001.jsonl", []byte{})
}
