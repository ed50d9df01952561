package blob_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

var spoils = map[string]spoil{"503": unavailable, "429": throttled, "reset": reset, "answer lost": lost}

// stores are the destinations that are reached over a network.
var stores = []string{"s3", "gcs", "azure_blob"}

// TestAnyRequestFails spoils the first request of an upload, the second, and
// so on until there is none, in every way. Each time the object is there once,
// whole, and nothing else is.
func TestAnyRequestFails(t *testing.T) {
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			d := destinations[store](t)
			for how, spoil := range spoils {
				for _, n := range []int{10, d.config.PartSize + 10} {
					t.Run(fmt.Sprint(how, " ", n), func(t *testing.T) { failEach(t, d, how, spoil, n) })
				}
			}
		})
	}
}

func failEach(t *testing.T, d destination, how string, spoil spoil, size int) {
	b := d.open(t, owner)
	for n := 0; ; n++ {
		key := fmt.Sprintf("e/%s-%d-%d", strings.ReplaceAll(how, " ", "-"), size, n)
		d.proxy.spoil(rule{match: anyRequest, after: n, times: 1, how: spoil})
		err := put(t, b, key, pattern(size))
		hits, seen := d.proxy.heal()
		if err != nil {
			t.Fatalf("request %d: %v\n%s", n, err, strings.Join(seen, "\n"))
		}
		d.want(t, key, pattern(size))
		if hits == 0 {
			if n == 0 {
				t.Fatal("there was no request to spoil")
			}
			return
		}
	}
}

// TestNothingIsStored has the store refuse to complete objects for good. The
// error says so, and neither an object nor an unfinished upload remains.
func TestNothingIsStored(t *testing.T) {
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			d := destinations[store](t)
			b := d.open(t, owner)
			for _, size := range []int{10, d.config.PartSize + 10} {
				d.proxy.spoil(rule{match: completes, times: -1, how: unavailable})
				err := put(t, b, "e/part-0001.jsonl", pattern(size))
				if hits, _ := d.proxy.heal(); err == nil || hits != 4 {
					t.Errorf("%d bytes: error %v after %d attempts, want an error after 4", size, err, hits)
				}
				d.want(t, "e/part-0001.jsonl", nil)
			}
		})
	}
}

// TestAllAnswersLost has the store complete objects without ever saying so.
func TestAllAnswersLost(t *testing.T) {
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			d := destinations[store](t)
			b := d.open(t, owner)
			for _, size := range []int{10, d.config.PartSize + 10} {
				key := fmt.Sprintf("e/%d", size)
				d.proxy.spoil(rule{match: completes, times: -1, how: lost})
				err := put(t, b, key, pattern(size))
				if hits, seen := d.proxy.heal(); err != nil || hits == 0 {
					t.Errorf("%d bytes: %v after %d answers lost\n%s", size, err, hits, strings.Join(seen, "\n"))
				}
				d.want(t, key, pattern(size))
			}
		})
	}
}

// completes matches the request that makes an object visible: a PUT of the
// whole or the completion of the parts, as each store has it.
func completes(r *http.Request) bool {
	q := r.URL.Query()
	switch {
	case q.Get("uploadType") == "multipart": // GCS in one request
		return true
	case strings.HasPrefix(r.Header.Get("Content-Range"), "bytes "): // GCS, the last part
		return !strings.HasSuffix(r.Header.Get("Content-Range"), "/*")
	case q.Get("comp") == "blocklist": // Azure
		return r.Method == http.MethodPut
	case q.Get("comp") != "" || q.Get("uploadType") != "":
		return false
	case q.Has("uploadId"): // S3, the parts
		return r.Method == http.MethodPost
	}
	return r.Method == http.MethodPut // S3 in one request
}

// TestUnfinishedIsAborted breaks the parts of an upload for good, and cancels
// the export; the abort still reaches the store.
func TestUnfinishedIsAborted(t *testing.T) {
	d := newS3(t)
	ctx, cancel := context.WithCancel(t.Context())
	u, err := d.open(t, owner).Create(ctx, "e/part-0001.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(pattern(d.config.PartSize + 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	isDelete := func(r *http.Request) bool { return r.Method == http.MethodDelete }
	d.proxy.spoil(rule{match: isDelete, times: 2, how: unavailable})
	if err := u.Abort(); err != nil {
		t.Fatal(err)
	}
	if hits, _ := d.proxy.heal(); hits != 2 {
		t.Errorf("the abort was tried %d times before it succeeded, want 2", hits)
	}
	d.want(t, "e/part-0001.jsonl", nil)
}

// TestDeniedIsNotRetried asks with credentials that the store does not know.
func TestDeniedIsNotRetried(t *testing.T) {
	for _, store := range []string{"s3", "azure_blob"} {
		t.Run(store, func(t *testing.T) {
			d := destinations[store](t)
			wrong := map[string]blob.Credentials{
				"s3": {"access_key_id": testKeyID, "secret_access_key": "canary-wrong",
					"endpoint": d.config.Credentials["endpoint"]},
				"azure_blob": {"account_name": testAccount, "account_key": "Y2FuYXJ5LXdyb25n",
					"endpoint": d.config.Credentials["endpoint"]},
			}
			d.config.Credentials = wrong[store]
			b := d.open(t, owner)
			d.proxy.spoil(rule{})
			if err := b.Check(t.Context()); !errors.Is(err, blob.ErrDenied) {
				t.Errorf("Check: got %v, want ErrDenied", err)
			}
			if _, seen := d.proxy.heal(); len(seen) != 1 {
				t.Errorf("Check asked %d times, want once: %v", len(seen), seen)
			}
			if err := put(t, b, "e/part-0001.jsonl", pattern(10)); !errors.Is(err, blob.ErrDenied) {
				t.Errorf("Commit: got %v, want ErrDenied", err)
			}
		})
	}
}
