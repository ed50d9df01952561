package blob_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

// TestEarlyAnswers has stores answer 503 before they have read the body, which
// they go on reading. What they get at the second try is nevertheless whole, and
// the race detector sees nobody else read the body then.
func TestEarlyAnswers(t *testing.T) {
	for _, kind := range stores {
		t.Run(kind, func(t *testing.T) {
			for range 5 {
				earlyAnswer(t, kind)
			}
		})
	}
}

func earlyAnswer(t *testing.T, kind string) {
	content := pattern(12 << 20) // more than the buffers between the two hold
	second := make(chan struct{})
	var mu sync.Mutex
	asked, got := 0, []byte(nil)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut && r.Method != http.MethodPost || r.URL.Query().Get("comp") == "blocklist" {
			w.WriteHeader(map[bool]int{true: 404, false: 201}[r.Method == "GET" || r.Method == "HEAD"])
			return
		}
		mu.Lock()
		asked++
		first := asked == 1
		mu.Unlock()
		if first {
			control := http.NewResponseController(w)
			control.EnableFullDuplex()
			w.Header().Set("Content-Length", "1") // all of the answer, at once
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte("x"))
			control.Flush()
			select {
			case <-second:
			case <-r.Context().Done():
			}
			io.Copy(io.Discard, r.Body)
			return
		}
		close(second)
		b, err := io.ReadAll(r.Body)
		mu.Lock()
		got = b
		mu.Unlock()
		if err == nil && kind == "azure_blob" {
			w.WriteHeader(http.StatusCreated)
		}
		if kind == "gcs" {
			fmt.Fprintf(w, `{"name":"e/1","size":"%d","crc32c":%q}`, len(content), crc32c(string(content)))
		}
	}))
	defer store.Close()
	b, err := blob.Open(t.Context(), blob.WithAttempts(blob.Config{Type: kind, Bucket: "exports", Owner: owner,
		PartSize: 16 << 20, Credentials: credentialsFor(t, kind, store.URL), Dial: &blob.Guard{AllowLoopback: true}}, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := put(t, b, "e/1", content); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked != 2 || !bytes.Contains(got, content) {
		t.Fatalf("after %d requests the store has %d bytes that hold the object: %v", asked, len(got),
			strings.Contains(string(got), string(content)))
	}
}
