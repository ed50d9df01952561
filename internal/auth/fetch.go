package auth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
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
