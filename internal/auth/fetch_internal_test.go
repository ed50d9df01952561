package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestClient is internal for it looks at what no request on loopback shows: the
// environment's proxy is never asked for those.
func TestClient(t *testing.T) {
	c := newClient()
	if c.Transport.(*http.Transport).Proxy != nil {
		t.Error("the client asks a proxy")
	}
	if c.Timeout != 5*time.Second {
		t.Errorf("the client waits %v, want 5 s", c.Timeout)
	}
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // the headers only
		<-release
	}))
	defer s.Close()
	defer close(release)
	c.Timeout = time.Millisecond // with the whole one the test would take it
	if _, err := get(t.Context(), c, s.URL); err == nil {
		t.Error("a server that never ends its answer: no error")
	}
}
