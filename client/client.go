// Package client speaks the ScaiVault Audit API from Go: typed methods over
// its routes, page walks as iterators, and repetition where it is safe.
//
// Errors of the API come back as [*audit.Error], so that a program decides by
// [audit.ErrorCode] whether the log is in its process or behind a network. A
// server that cannot be reached is [ErrUnreachable].
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// Config says where the server is and who asks.
type Config struct {
	// URL is the base of the server, such as https://audit.example.org; a path
	// in it is kept, for servers behind a proxy.
	URL string
	// Token goes with every request as a bearer token, unless it is "".
	Token string
	// Tenant selects a tenant other than the token's own; "" is its own.
	Tenant string
	// Roots are the authorities whose certificates the server may have; nil are
	// the system's. HTTP, if there is one, decides by itself.
	Roots *x509.CertPool
	// HTTP sends the requests; nil is a client that gives up on an attempt
	// after a minute. Redirects are never followed: the token is for one server.
	HTTP *http.Client
	// UserAgent names the program that asks.
	UserAgent string
	// MaxAttempts is how often a request is sent before its error is final;
	// 0 is 5, and 1 repeats nothing.
	MaxAttempts int
}

const (
	// attemptTimeout is longer than any answer takes: the server gives a query
	// ten seconds and a body thirty.
	attemptTimeout     = time.Minute
	defaultMaxAttempts = 5
	// maxAnswer bounds what an answer may take in memory: a page of the
	// longest lines is half of it.
	maxAnswer = 128 << 20
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	base     string // without a slash at its end
	header   http.Header
	http     *http.Client
	attempts int
}

// New returns a client. A URL, token or tenant that cannot be right is an
// error with [audit.CodeValidationError]; nothing is sent yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, audit.Errorf(audit.CodeValidationError,
			"server URL: want http:// or https:// and a host, without user, password and query")
	}
	c := &Client{
		base:     strings.TrimRight(u.String(), "/"),
		header:   http.Header{"Accept": {"application/json"}},
		attempts: cfg.MaxAttempts,
	}
	if c.attempts == 0 {
		c.attempts = defaultMaxAttempts
	}
	if cfg.UserAgent != "" {
		c.header.Set("User-Agent", cfg.UserAgent)
	}
	if err := c.authorize(cfg.Token, cfg.Tenant); err != nil {
		return nil, err
	}
	c.http = &http.Client{Timeout: attemptTimeout, Transport: transport(cfg.Roots)}
	if cfg.HTTP != nil {
		*c.http = *cfg.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// transport returns one that trusts these authorities; nil, which is the default
// one, for none.
func transport(roots *x509.CertPool) http.RoundTripper {
	if roots == nil {
		return nil
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return t
}

func (c *Client) authorize(token, tenant string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return audit.Errorf(audit.CodeValidationError,
			"token: want printable ASCII without spaces; is there a line end in it?")
	}
	if token != "" {
		c.header.Set("Authorization", "Bearer "+token)
	}
	if tenant == "" {
		return nil
	}
	id, err := audit.ParseTenantID(tenant)
	if err != nil {
		return err
	}
	c.header.Set("X-Tenant-ID", string(id))
	return nil
}

// Raw returns the answer to a GET of a route, such as "/v1/audit/summary" or
// [SecretRoute], with a raw query string, as the server wrote it.
func (c *Client) Raw(ctx context.Context, route, query string) (json.RawMessage, error) {
	body, _, err := c.send(ctx, request{method: http.MethodGet, route: route, query: query})
	return body, err
}

// get decodes the answer to a GET into out.
func (c *Client) get(ctx context.Context, route, query string, out any) error {
	body, err := c.Raw(ctx, route, query)
	if err != nil {
		return err
	}
	return decode(route, body, out)
}

// decode reads an answer leniently: a newer server may answer more members.
func decode(route string, body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("answer of %s: %w", route, err)
	}
	return nil
}
