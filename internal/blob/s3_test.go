package blob_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

// TestStoreThatIgnoresConditions writes to a store that is like S3 but takes
// every object, whatever is in its way.
func TestStoreThatIgnoresConditions(t *testing.T) {
	type object struct{ owner, content string }
	objects := make(map[string]object)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := objects[r.URL.Path]
		switch {
		case r.Method == http.MethodPut:
			b, _ := io.ReadAll(r.Body)
			objects[r.URL.Path] = object{r.Header.Get("X-Amz-Meta-Scaivault-Owner"), string(b)}
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("X-Amz-Meta-Scaivault-Owner", o.owner)
		}
	}))
	defer store.Close()
	objects["/exports/e/2"] = object{"tnt_two/exp_two", "theirs"}
	b := open(t, "s3", credentialsFor(t, "s3", store.URL))
	if err := put(t, b, "e/1", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if err := put(t, b, "e/2", []byte("ours")); !errors.Is(err, blob.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if err := put(t, b, "e/1", []byte("ours again")); err != nil {
		t.Fatal(err)
	}
	want := "map[/exports/e/1:{tnt_one/exp_one ours again} /exports/e/2:{tnt_two/exp_two theirs}]"
	if got := fmt.Sprint(objects); got != want {
		t.Errorf("the store holds %s, want %s", got, want)
	}
}

// TestWriteOnlyCredentials may put objects and not look at them: what is in
// the way is then somebody else's.
func TestWriteOnlyCredentials(t *testing.T) {
	for _, kind := range stores {
		t.Run(kind, func(t *testing.T) {
			taken := false
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				conditional := r.Header.Get("If-None-Match") != "" || r.URL.Query().Has("ifGenerationMatch")
				switch {
				case r.Method == http.MethodGet || r.Method == http.MethodHead:
					w.WriteHeader(http.StatusForbidden)
				case taken && conditional:
					w.WriteHeader(http.StatusPreconditionFailed)
				case kind == "gcs": // the CRC-32C is that of "ours"
					fmt.Fprint(w, `{"name":"e/1","size":"4","crc32c":"`+crc32c("ours")+`"}`)
				case kind == "azure_blob":
					w.WriteHeader(http.StatusCreated)
				}
			}))
			defer store.Close()
			b := open(t, kind, credentialsFor(t, kind, store.URL))
			if err := put(t, b, "e/1", []byte("ours")); err != nil {
				t.Fatal(err)
			}
			taken = true
			err := put(t, b, "e/1", []byte("ours"))
			if !errors.Is(err, blob.ErrConflict) || !strings.Contains(err.Error(), "cannot be seen") {
				t.Errorf("got %v, want ErrConflict", err)
			}
		})
	}
}
