package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// tenantMark in a prefix stands for the tenant of whoever asks.
const tenantMark = "{tenant}"

// VaultConfig says where the secrets are in a Vault or OpenBao and how to get
// in: by a token, or by the AppRole method.
type VaultConfig struct {
	Client    *http.Client // as of [NewClient]
	URL       string       // of the server; https, or on a loopback host
	Namespace string       // "" for none
	Mount     string       // of the KV engine, version 2, such as secret
	// Prefix is the path below the mount under which secrets may be read. Where
	// it says {tenant}, that is the tenant's id; without it all tenants read the
	// same secrets.
	Prefix string

	Files        vfs.FS // with the files below
	TokenFile    string // has the token; "" to log in by AppRole
	AppRoleMount string // such as approle
	RoleIDFile   string
	SecretIDFile string
}

// Vault reads secrets from the KV engine, version 2, of a HashiCorp Vault or
// OpenBao, by their HTTP API. The credentials to get in are read from their
// files when they are needed, so that they can be renewed there. It is safe for
// concurrent use.
type Vault struct {
	config VaultConfig
	remote *remote

	turn  chan struct{} // has room for whoever may use token and log in
	token string        // "" before the first use
}

// NewVault returns a source, or an error that names the bad setting. Nothing is
// asked or read yet.
func NewVault(c VaultConfig) (*Vault, error) {
	r, err := newRemote(c.Client, c.URL)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if _, err := audit.ParsePath(c.Mount); err != nil {
		return nil, fmt.Errorf("vault mount: %w", err)
	}
	if _, err := c.prefix("t"); err != nil {
		return nil, fmt.Errorf("vault prefix: %w", err)
	}
	if err := c.checkLogin(); err != nil {
		return nil, err
	}
	return &Vault{config: c, remote: r, turn: make(chan struct{}, 1)}, nil
}

func (c *VaultConfig) checkLogin() error {
	switch byRole := c.RoleIDFile != "" && c.SecretIDFile != ""; {
	case c.TokenFile != "" && (c.RoleIDFile != "" || c.SecretIDFile != ""):
		return errors.New("vault: want a token file or an AppRole, not both")
	case c.TokenFile == "" && !byRole:
		return errors.New("vault: want a token file, or files with the role id and secret id of an AppRole")
	case byRole:
		if _, err := audit.ParsePath(c.AppRoleMount); err != nil {
			return fmt.Errorf("vault AppRole mount: %w", err)
		}
	}
	return nil
}

// prefix returns below which path the tenant's secrets are.
func (c *VaultConfig) prefix(tenant audit.TenantID) (audit.Path, error) {
	return audit.ParsePrefix(strings.ReplaceAll(c.Prefix, tenantMark, string(tenant)))
}

// Get returns the members of a secret. One that is missing, forbidden to us or
// not below the prefix is a [audit.CodeAccessDenied], a server that gives no
// answer or does not let us in a [audit.CodeUnavailable], and content that is
// no object of strings a [audit.CodeValidationError]. The bearer is not used.
func (v *Vault) Get(
	ctx context.Context, tenant audit.TenantID, path audit.Path, _ string,
) (map[string]string, error) {
	if _, err := audit.ParsePath(string(path)); err != nil {
		return nil, err
	}
	prefix, err := v.config.prefix(tenant)
	if err != nil || !path.Within(prefix) {
		return nil, denied(path)
	}
	token, err := v.login(ctx, "")
	if err != nil {
		return nil, unavailable(path, err)
	}
	text, err := v.read(ctx, path, token)
	if errors.Is(err, statusError(http.StatusForbidden)) {
		// The path is forbidden, or the token has expired: the server does not
		// tell which, and only a new token does.
		fresh, loginErr := v.login(ctx, token)
		if loginErr != nil {
			return nil, unavailable(path, loginErr)
		}
		if fresh != token {
			text, err = v.read(ctx, path, fresh)
		}
	}
	if errors.Is(err, statusError(http.StatusForbidden)) || errors.Is(err, statusError(http.StatusNotFound)) {
		return nil, denied(path)
	}
	return content(path, text, err)
}

// read asks for the latest version of a secret; one that was deleted is a 404.
func (v *Vault) read(ctx context.Context, path audit.Path, token string) (jsontext.Value, error) {
	header := v.header()
	header.Set("X-Vault-Token", token)
	var answer enveloped[enveloped[jsontext.Value]]
	err := v.remote.ask(ctx, v.remote.at("v1/"+v.config.Mount+"/data", path), header, nil, &answer)
	return answer.Data.Data, err
}

// header returns the header that every request has. X-Vault-Request is what an
// agent between us and the server may ask for.
func (v *Vault) header() http.Header {
	h := http.Header{"X-Vault-Request": {"true"}}
	if v.config.Namespace != "" {
		h.Set("X-Vault-Namespace", v.config.Namespace)
	}
	return h
}
