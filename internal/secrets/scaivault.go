package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
)

// ScaiVault reads secrets from a ScaiVault server on behalf of whoever asks:
// GET /v1/secrets/{path} with the caller's own token. It is safe for concurrent
// use.
type ScaiVault struct {
	remote *remote
}

// NewScaiVault returns a source that asks the server at the base URL, https or
// on a loopback host. [NewClient] makes a client for it.
func NewScaiVault(client *http.Client, base string) (*ScaiVault, error) {
	r, err := newRemote(client, base)
	if err != nil {
		return nil, fmt.Errorf("scaivault: %w", err)
	}
	return &ScaiVault{r}, nil
}

// Get returns the members of a secret, if the bearer may read it. One that is
// missing or may not be read is a [audit.CodeAccessDenied], a server that gives
// no answer a [audit.CodeUnavailable], and content that is no object of strings
// a [audit.CodeValidationError]. Without a bearer, as after a restart, the
// error is [audit.CodeAuthenticationRequired] and nobody is asked.
func (s *ScaiVault) Get(
	ctx context.Context, tenant audit.TenantID, path audit.Path, bearer string,
) (map[string]string, error) {
	if bearer == "" {
		return nil, audit.Errorf(audit.CodeAuthenticationRequired,
			"secret %q: want the token of who may read it", path)
	}
	if _, err := audit.ParsePath(string(path)); err != nil {
		return nil, err
	}
	header := http.Header{"Authorization": {"Bearer " + bearer}, "X-Tenant-Id": {string(tenant)}}
	var answer enveloped[jsontext.Value]
	err := s.remote.ask(ctx, s.remote.at("v1/secrets", path), header, nil, &answer)
	var status statusError
	if errors.As(err, &status) {
		switch status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return nil, denied(path)
		}
	}
	return content(path, answer.Data, err)
}
