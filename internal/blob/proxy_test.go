package blob_test

import (
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
)

// proxy stands before a store and spoils requests as a test says.
type proxy struct {
	*httptest.Server
	forward *httputil.ReverseProxy

	mu   sync.Mutex
	rule rule
	lost map[string]*httptest.ResponseRecorder // answers that were lost, by [chunk]
	hits int                                   // of the rule
	seen []string                              // method and path with query of each request
}

// rule spoils the next requests that match.
type rule struct {
	match func(*http.Request) bool
	after int // let so many pass first
	times int // then spoil so many; negative is all
	how   spoil
	naive bool // let the emulator store a chunk twice
}

// spoil is what goes wrong with a request.
type spoil int

const (
	unavailable spoil = iota // 503, not forwarded
	throttled                // 429, not forwarded
	reset                    // connection reset, not forwarded
	lost                     // forwarded; connection reset in place of the answer
)

func newProxy() *proxy {
	p := &proxy{lost: make(map[string]*httptest.ResponseRecorder)}
	p.Server = httptest.NewServer(p)
	return p
}

// to sets the store behind the proxy. The Host stays, because signatures
// include it.
func (p *proxy) to(addr string) {
	target := &url.URL{Scheme: "http", Host: addr}
	p.forward = &httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
	}
}

// spoil makes r the only rule, and forgets the requests so far.
func (p *proxy) spoil(r rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.seen, p.hits = r, nil, 0
}

// heal ends the rule. It returns how many requests it spoiled, and all that
// came since it was made.
func (p *proxy) heal() (hits int, seen []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule{}
	return p.hits, p.seen
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.URL.RequestURI())
	hit, how := p.rule.hits(r), p.rule.how
	if hit {
		p.hits++
	}
	p.mu.Unlock()
	if !hit {
		if answer := p.stored(r); answer != nil {
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			w.Write(answer.Body.Bytes())
			return
		}
		p.forward.ServeHTTP(w, r)
		return
	}
	switch how {
	case unavailable:
		http.Error(w, "", http.StatusServiceUnavailable)
	case throttled:
		http.Error(w, "", http.StatusTooManyRequests)
	case lost:
		answer := httptest.NewRecorder()
		p.forward.ServeHTTP(answer, r)
		p.mu.Lock()
		p.lost[chunk(r)] = answer
		p.mu.Unlock()
		fallthrough
	case reset:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}
}

// chunk names a piece of a resumable upload to Google, or is "".
func chunk(r *http.Request) string {
	if r.Header.Get("Content-Range") == "" {
		return ""
	}
	return r.URL.RequestURI() + r.Header.Get("Content-Range")
}

// stored returns the answer to a chunk that was stored before and comes again,
// as the real store gives it; the emulator would append the chunk once more.
func (p *proxy) stored(r *http.Request) *httptest.ResponseRecorder {
	p.mu.Lock()
	defer p.mu.Unlock()
	if chunk(r) == "" || p.rule.naive {
		return nil
	}
	return p.lost[chunk(r)]
}

// hits counts the request and reports whether it is spoiled.
func (r *rule) hits(req *http.Request) bool {
	switch {
	case r.match == nil || !r.match(req) || r.times == 0:
		return false
	case r.after > 0:
		r.after--
		return false
	}
	r.times--
	return true
}

func anyRequest(*http.Request) bool { return true }
