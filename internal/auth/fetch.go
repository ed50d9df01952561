package auth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	fetchTimeout = 5 * time.Second
	maxDocument  = 256 << 10 // bytes
)

// newClient returns a client that goes where it was told and nowhere else: it
// follows no redirect and asks no proxy.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       fetchTimeout,
	}
}

// get fetches a document of at most maxDocument bytes.
func get(ctx context.Context, client *http.Client, where string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: status %d", where, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", where, err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("get %s: more than %d bytes", where, maxDocument)
	}
	return data, nil
}

// metadata is what an issuer says about itself.
type metadata struct {
	Issuer                string `json:"issuer"`
	JWKSURI               string `json:"jwks_uri"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
}

// discover fetches an issuer's metadata. That it names the issuer is required
// by OpenID Connect Discovery 1.0, section 4.3.
func discover(ctx context.Context, client *http.Client, issuer string) (m metadata, err error) {
	where, err := url.JoinPath(issuer, ".well-known/openid-configuration")
	if err != nil {
		return m, err
	}
	data, err := get(ctx, client, where)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", where, err)
	}
	if m.Issuer != issuer {
		return m, fmt.Errorf("read %s: it is of issuer %q, not %q", where, m.Issuer, issuer)
	}
	return m, nil
}

// checkURL asks for https, or http on a loopback host: whoever can change the
// keys on their way can be everybody.
func checkURL(what, s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	host := u.Hostname()
	ip, _ := netip.ParseAddr(host)
	loopback := host == "localhost" || ip.Unmap().IsLoopback()
	if host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return fmt.Errorf("%s %q: want an https URL, or http on a loopback host", what, s)
	}
	return nil
}
