package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// vaultClient asks a Vault or OpenBao about its audit devices.
type vaultClient struct {
	url, namespace, token string
	http                  *http.Client
}

// newVaultClient returns a client. What goes there is a secret in plain text,
// so the connection is encrypted, or stays on this machine, and no redirect is
// followed. Roots are the authorities of its certificate, nil the system's.
func newVaultClient(addr, namespace, token string, roots *x509.CertPool) (*vaultClient, error) {
	u, err := url.Parse(addr)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("--vault-addr: want https://HOST, or http:// on this machine")
	}
	if token == "" {
		return nil, errNoVaultToken
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return &vaultClient{url: strings.TrimSuffix(addr, "/"), namespace: namespace, token: token, http: &http.Client{
		Timeout: 30 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// devices returns the names of the audit devices, as file/.
func (v *vaultClient) devices(ctx context.Context) ([]string, error) {
	var answer map[string]json.RawMessage
	if err := v.do(ctx, http.MethodGet, "sys/audit", nil, &answer); err != nil {
		return nil, err
	}
	if data, ok := answer["data"]; ok {
		answer = nil
		if err := json.Unmarshal(data, &answer); err != nil {
			return nil, fmt.Errorf("vault sys/audit: %w", err)
		}
	}
	var names []string
	for name := range answer {
		if strings.HasSuffix(name, "/") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, audit.Errorf(audit.CodeNotFound, "vault has no audit device")
	}
	slices.Sort(names)
	return names, nil
}

// hash returns what stands for a value in the lines of a device.
func (v *vaultClient) hash(ctx context.Context, device, value string) (string, error) {
	body, err := json.Marshal(map[string]string{"input": value})
	if err != nil {
		return "", err
	}
	route := "sys/audit-hash/" + url.PathEscape(strings.Trim(device, "/"))
	var answer struct {
		Hash string
		Data struct{ Hash string }
	}
	if err := v.do(ctx, http.MethodPost, route, body, &answer); err != nil {
		return "", err
	}
	hash := cmp.Or(answer.Hash, answer.Data.Hash)
	if !strings.HasPrefix(hash, "hmac-") {
		return "", fmt.Errorf("vault %s: the answer has no hash", route)
	}
	return hash, nil
}

// maxVaultAnswer bounds an answer in bytes.
const maxVaultAnswer = 1 << 20

// do asks, and reads the answer. An error tells the status and what Vault says,
// never what was sent.
func (v *vaultClient) do(ctx context.Context, method, route string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, v.url+"/v1/"+route, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Vault-Token", v.token)
	r.Header.Set("X-Vault-Request", "true")
	if v.namespace != "" {
		r.Header.Set("X-Vault-Namespace", v.namespace)
	}
	resp, err := v.http.Do(r)
	if err != nil {
		return fmt.Errorf("vault %s: %w", route, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxVaultAnswer))
	if err != nil {
		return fmt.Errorf("vault %s: %w", route, err)
	}
	if resp.StatusCode != http.StatusOK {
		var says struct{ Errors []string }
		_ = json.Unmarshal(text, &says) // without it the status has to do
		code := audit.CodeInternal
		switch resp.StatusCode {
		case http.StatusForbidden:
			code = audit.CodeAccessDenied
		case http.StatusNotFound, http.StatusBadRequest:
			code = audit.CodeNotFound
		}
		return audit.Errorf(code, "vault %s: status %d %s", route, resp.StatusCode, strings.Join(says.Errors, "; "))
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("vault %s: %w", route, err)
	}
	return nil
}
