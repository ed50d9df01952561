package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/ui"
)

// loginSettings say how people sign in to the pages at the issuer.
type loginSettings struct {
	OIDCClientID         string   `name:"oidc-client-id" placeholder:"ID" env:"OIDC_CLIENT_ID" help:"Let people sign in to the pages at the issuer, to which this server is known by this id."`
	OIDCClientSecretFile string   `name:"oidc-client-secret-file" placeholder:"FILE" env:"OIDC_CLIENT_SECRET_FILE" help:"File with the client's secret, if it has one."`
	OIDCScope            []string `name:"oidc-scope" default:"openid,email,audit:read,audit:export" env:"OIDC_SCOPE" help:"What is asked for (default ${default}); with offline_access sessions outlive the token."`
	PublicURL            string   `placeholder:"URL" env:"PUBLIC_URL" help:"How browsers reach this server, as https://audit.example.com; the issuer must know URL/ui/signin/done."`
}

// open returns how people sign in, nil if only with tokens.
func (c *loginSettings) open(issuer string) (ui.Login, error) {
	if c.OIDCClientID == "" {
		if c.OIDCClientSecretFile != "" {
			return nil, errors.New("--oidc-client-secret-file: want --oidc-client-id beside it")
		}
		return nil, nil
	}
	if c.PublicURL == "" {
		return nil, errors.New("--oidc-client-id: want --public-url beside it")
	}
	secret := ""
	if c.OIDCClientSecretFile != "" {
		b, err := os.ReadFile(c.OIDCClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-client-secret-file: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	}
	return auth.NewLogin(auth.LoginConfig{
		Issuer: issuer, ClientID: c.OIDCClientID, ClientSecret: secret,
		Redirect: strings.TrimSuffix(c.PublicURL, "/") + ui.LoginDone, Scopes: c.OIDCScope,
	})
}
