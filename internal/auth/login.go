package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/oauth2"
)

// LoginConfig says how users of the issuer sign in with a browser.
type LoginConfig struct {
	// Issuer is the identity provider, as in [Config].
	Issuer string
	// ClientID is how the issuer knows this program; ClientSecret is "" for a
	// public client, whom PKCE alone protects.
	ClientID, ClientSecret string
	// Redirect is where the issuer sends the browser back to, exactly as it is
	// registered there.
	Redirect string
	// Scopes are asked for; "openid" must be among them.
	Scopes []string
}

// Login is the authorization code flow with PKCE at an issuer (OpenID Connect
// Core 1.0, section 3.1; RFC 7636; RFC 9700, section 2.1.1). What it brings is
// an access token, to be checked by an [Authenticator] like any other: an
// issuer whose access tokens are no JWTs of our audience (RFC 9068) opens
// nothing. It is safe for concurrent use.
type Login struct {
	config LoginConfig
	client *http.Client

	mu        sync.Mutex // guards endpoints; held while they are fetched
	endpoints *oauth2.Endpoint
}

// NewLogin returns a login, or an error that names the bad setting. Nothing is
// fetched yet.
func NewLogin(c LoginConfig) (*Login, error) {
	if c.Issuer == "" {
		return nil, errors.New("issuer: want one, as a client id is set")
	}
	if err := checkURL("public URL", c.Redirect); err != nil {
		return nil, err
	}
	return &Login{config: c, client: newClient()}, checkURL("issuer", c.Issuer)
}

// Host is the issuer's, for people.
func (l *Login) Host() string {
	u, err := url.Parse(l.config.Issuer)
	if err != nil {
		return l.config.Issuer
	}
	return u.Host
}

// URL is where a browser signs in. state comes back with it; verifier is kept
// for [Login.Exchange], a secret of 43 to 128 characters.
func (l *Login) URL(ctx context.Context, state, verifier string) (string, error) {
	c, err := l.oauth2(ctx)
	if err != nil {
		return "", err
	}
	return c.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), nil
}

// Exchange returns the access token for a code that the browser brought back,
// and what renews it, "" if the issuer gives no such thing.
func (l *Login) Exchange(ctx context.Context, code, verifier string) (token, refresh string, err error) {
	c, err := l.oauth2(ctx)
	if err != nil {
		return "", "", err
	}
	return tokens(c.Exchange(l.through(ctx), code, oauth2.VerifierOption(verifier)))
}

// Refresh returns a new access token, and what renews that one.
func (l *Login) Refresh(ctx context.Context, old string) (token, refresh string, err error) {
	c, err := l.oauth2(ctx)
	if err != nil {
		return "", "", err
	}
	return tokens(c.TokenSource(l.through(ctx), &oauth2.Token{RefreshToken: old}).Token())
}

// through has the library use our client: no redirects, no proxies, a limit in
// time.
func (l *Login) through(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, l.client)
}

// tokens returns the members of a token. The answer of an issuer that refuses
// is not part of the error: it may hold what was sent.
func tokens(t *oauth2.Token, err error) (token, refresh string, _ error) {
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		return "", "", fmt.Errorf("issuer gives no token: status %d, error %q",
			refused.Response.StatusCode, refused.ErrorCode)
	case err != nil:
		return "", "", fmt.Errorf("issuer gives no token: %w", err)
	}
	return t.AccessToken, t.RefreshToken, nil
}

// oauth2 returns the client of the issuer's endpoints, which are asked for once.
func (l *Login) oauth2(ctx context.Context) (*oauth2.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.endpoints == nil {
		m, err := discover(ctx, l.client, l.config.Issuer)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(checkURL("authorization_endpoint", m.AuthorizationEndpoint),
			checkURL("token_endpoint", m.TokenEndpoint)); err != nil {
			return nil, err
		}
		l.endpoints = &oauth2.Endpoint{AuthURL: m.AuthorizationEndpoint, TokenURL: m.TokenEndpoint}
	}
	return &oauth2.Config{
		ClientID: l.config.ClientID, ClientSecret: l.config.ClientSecret, Endpoint: *l.endpoints,
		RedirectURL: l.config.Redirect, Scopes: l.config.Scopes,
	}, nil
}
