package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
)

const (
	askTimeout = 10 * time.Second // for one request and its answer
	maxAnswer  = 4 * MaxSize      // bytes
)

// NewClient returns a client for remote sources that goes where it was told: it
// asks no proxy of the environment.
func NewClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: askTimeout,
	}}
}

// remote is a server that is asked over HTTP, at most askTimeout long, without
// following redirects: they would take a token elsewhere.
type remote struct {
	client http.Client
	base   *url.URL
}

func newRemote(client *http.Client, base string) (*remote, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("URL: cannot be read") // the cause would quote it
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip.Unmap().IsLoopback()
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("URL: want no password, query or fragment in it")
	case u.Hostname() == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return nil, fmt.Errorf("URL %q: want https, or http on a loopback host", base)
	}
	r := &remote{client: *client, base: u}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r, nil
}

// statusError is an answer with another status than 200. What else the server
// says is not kept: it may quote what it was sent.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// ask sends a request and reads the answer, a JSON object, into v. An error may
// be a statusError. The body, if any, is JSON.
func (r *remote) ask(ctx context.Context, where *url.URL, header http.Header, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(ctx, method, where.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	req.Header.Set("Accept", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %w", method, where, statusError(resp.StatusCode))
	}
	if err := readAnswer(resp, v); err != nil {
		return fmt.Errorf("%s %s: %w", method, where, err)
	}
	return nil
}

func readAnswer(resp *http.Response, v any) error {
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != "application/json" {
		return errors.New("want an answer in JSON")
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxAnswer:
		return fmt.Errorf("want an answer of at most %d bytes", maxAnswer)
	case json.Unmarshal(text, v) != nil:
		return errors.New("the answer is not the JSON that is expected") // the cause would quote it
	}
	return nil
}

// at returns the URL of a place below the base. Segments of paths may hold
// anything printable, which is escaped.
func (r *remote) at(prefix string, path audit.Path) *url.URL {
	segments := strings.Split(prefix+"/"+string(path), "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return r.base.JoinPath(segments...)
}

// enveloped is an answer whose content is in the member data, whatever stands
// beside it.
type enveloped[T any] struct {
	Data T `json:"data"`
}

// content returns the members of a secret from an answer, or the error for the
// secret if there was none.
func content(path audit.Path, text jsontext.Value, err error) (map[string]string, error) {
	if err != nil {
		return nil, unavailable(path, err)
	}
	if len(text) == 0 {
		text = jsontext.Value("null")
	}
	return parseMembers(path, text)
}
