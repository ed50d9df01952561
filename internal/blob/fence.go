package blob

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// fence is a transport that leaves the body of a request alone once it has
// returned. [http.Transport] may go on reading it when the answer came early,
// as that of a busy store does; a retry that winds the same bytes back would
// then lose some of them to the request before.
type fence struct{ *http.Transport }

// RoundTrip sends a request.
func (f fence) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return f.Transport.RoundTrip(r)
	}
	body := &fencedBody{ReadCloser: r.Body}
	fenced := *r
	fenced.Body = body
	resp, err := f.Transport.RoundTrip(&fenced)
	body.end()
	return resp, err
}

var errFenced = errors.New("the request has been answered")

type fencedBody struct {
	io.ReadCloser
	mu    sync.Mutex // held while reading
	ended bool
}

func (b *fencedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, errFenced
	}
	return b.ReadCloser.Read(p)
}

func (b *fencedBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}
