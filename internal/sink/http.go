package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
)

// idleTimeout is how long a connection is kept that nothing goes over: shorter
// than what stands in between keeps it.
const idleTimeout = 30 * time.Second

// poster posts batches to one URL. It uses no proxy and follows no redirect.
type poster struct {
	client *http.Client
	url    *url.URL
	header http.Header // of every request, with the values of the secret
	plain  bool        // does not compress
	key    []byte      // signs bodies; nil for none
	clock  func() time.Time
	zip    *gzip.Writer
}

// newPoster returns a poster for the sink, to path if its URL has none.
func (s *sink) newPoster(secret credentials, path string) (*poster, error) {
	u, err := url.Parse(s.doc.Sink.URL)
	if err != nil {
		return nil, errors.New("url: is no URL")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	config, err := secret.tls()
	if err != nil {
		return nil, err
	}
	p := &poster{
		url: u, header: http.Header{"User-Agent": {"scaivault-audit/" + s.m.Version}},
		plain: s.doc.Sink.Plain, key: []byte(secret["hmac_key"]), clock: s.m.Clock,
		zip: gzip.NewWriter(nil),
		client: &http.Client{
			Transport: &http.Transport{DialContext: s.m.Egress.DialContext, TLSClientConfig: config,
				ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleTimeout},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for name, member := range s.doc.Sink.Headers {
		value, err := secret.need(member)
		if err != nil {
			return nil, err
		}
		p.header.Set(name, value)
	}
	return p, nil
}

func (p *poster) close() error {
	p.client.CloseIdleConnections()
	return nil
}

// post sends a body and returns the answer to it, whose body is read. Statuses
// are the caller's to judge.
func (p *poster) post(ctx context.Context, to *url.URL, contentType string, body []byte) (*reply, error) {
	sent, err := p.encode(body)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(sent))
	if err != nil {
		return nil, errors.New("url: is no URL")
	}
	req.Header = p.header.Clone()
	req.Header.Set("Content-Type", contentType)
	if !p.plain {
		req.Header.Set("Content-Encoding", "gzip")
	}
	p.sign(req.Header, sent)
	resp, err := p.client.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // says the URL, which may be a secret in itself
			err = at.Err
		}
		return nil, fmt.Errorf("post: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &reply{resp.StatusCode, answer, retryAfter(resp.Header.Get("Retry-After"), p.clock())}, nil
}

// encode returns the bytes to send. They are of one request alone: [http.Transport]
// may go on reading a body when the answer has come.
func (p *poster) encode(body []byte) ([]byte, error) {
	if p.plain {
		return bytes.Clone(body), nil
	}
	var b bytes.Buffer
	p.zip.Reset(&b)
	if _, err := p.zip.Write(body); err != nil {
		return nil, err
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// maxReply is how much of an answer is read, in bytes.
const maxReply = 64 << 10

// sign adds the headers by which a receiver knows that the body is ours, and
// when it was sent: the hex HMAC-SHA256 of the time in seconds since 1970, a
// dot, and the bytes of the body as they are sent.
func (p *poster) sign(h http.Header, sent []byte) {
	if len(p.key) == 0 {
		return
	}
	timestamp := strconv.FormatInt(p.clock().Unix(), 10)
	mac := hmac.New(sha256.New, p.key)
	io.WriteString(mac, timestamp+".") // never fails
	mac.Write(sent)
	h.Set("X-ScaiVault-Timestamp", timestamp)
	h.Set("X-ScaiVault-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

// reply is the answer of a receiver.
type reply struct {
	status int
	body   []byte
	after  time.Duration // as Retry-After asks
}

func (r *reply) String() string {
	text := strconv.Itoa(r.status) + " " + http.StatusText(r.status)
	if body := printable(r.body); body != "" {
		text += ": " + body
	}
	return text
}

// err returns what a status means: nil for success, a refusal if the batch is
// to blame, and otherwise an error that may pass.
func (r *reply) err() error {
	switch r.status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return &refusal{r.String()}
	}
	return r.failure()
}

func (r *reply) failure() error {
	return &busy{errors.New("the receiver answered " + r.String()), r.after}
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds
// or a date; 0 if it says nothing.
func retryAfter(v string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// https posts batches of lines, or of one JSON array, to any URL.
type https struct {
	*poster
	sink        *sink
	contentType string
	body        []byte
}

func (s *sink) openHTTPS(secret credentials) (transport, error) {
	p, err := s.newPoster(secret, "/")
	if err != nil {
		return nil, err
	}
	t := &https{poster: p, sink: s, contentType: "application/x-ndjson"}
	switch {
	case s.doc.Sink.Array:
		t.contentType = "application/json"
	case !s.form.isJSON():
		t.contentType = "text/plain; charset=utf-8"
	}
	return t, nil
}

func (t *https) send(ctx context.Context, records []record) (string, error) {
	t.body = t.body[:0]
	if t.sink.doc.Sink.Array {
		t.body = append(t.body, '[')
	}
	for i := range records {
		t.body = append(t.body, records[i].text...)
		switch {
		case !t.sink.doc.Sink.Array:
			t.body = append(t.body, '\n')
		case i == len(records)-1:
			t.body = append(t.body, ']')
		default:
			t.body = append(t.body, ',')
		}
	}
	// By these a receiver that keeps them knows what comes again.
	t.header.Set("X-ScaiVault-Tenant", string(t.sink.doc.Tenant))
	t.header.Set("X-ScaiVault-Events", strconv.FormatUint(records[0].index, 10)+"-"+
		strconv.FormatUint(records[len(records)-1].index, 10))
	r, err := t.post(ctx, t.url, t.contentType, t.body)
	if err != nil {
		return "", err
	}
	return r.String(), r.err()
}
