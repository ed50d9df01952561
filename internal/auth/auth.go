// Package auth turns a bearer token into an [audit.Principal]: who asks, of
// which tenant, with which rights.
//
// There are two kinds of tokens. A personal access token is one that the
// operator makes; [Tokens] keeps the SHA-256 of each in the data directory, so
// that whoever reads the directory cannot use any. A JSON Web Token is one that
// an identity provider signs; its keys are fetched from the provider's JWK set
// (RFC 7517) and the token is checked as RFC 8725 advises.
//
// [Tenants] remembers every tenant that was created or named by a token or an
// event, and its partner.
//
// Both stores are directories of small files, each written once or by one
// writer only, so that the command line works beside a running server: what one
// process writes, the other sees within a second.
package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// Config says how tokens are checked.
type Config struct {
	Tokens  *Tokens
	Tenants *Tenants
	// Issuer is the identity provider whose JWTs are accepted, exactly as it
	// writes itself in the claim iss. "" accepts none.
	Issuer string
	// Audience must be among the audiences of a JWT.
	Audience string
	// JWKSURL is where the issuer's keys are; "" asks the issuer (OpenID
	// Connect Discovery 1.0). It is https, or http on a loopback address.
	JWKSURL string
	// Clock tells the time.
	Clock func() time.Time
}

// Authenticator checks bearer tokens. It is safe for concurrent use.
type Authenticator struct {
	config Config
	keys   *keySet // nil without an issuer
}

// New returns an authenticator, or an error that names the bad setting.
// Nothing is fetched yet: an issuer that is down does not stop the start.
func New(c Config) (*Authenticator, error) {
	a := &Authenticator{config: c}
	if c.Issuer == "" {
		if c.Audience != "" || c.JWKSURL != "" {
			return nil, errors.New("issuer: want one, as an audience or JWKS URL is set")
		}
		return a, nil
	}
	if c.Audience == "" {
		return nil, errors.New("audience: want one, as an issuer is set")
	}
	keys, err := newKeySet(c.Issuer, c.JWKSURL, c.Clock)
	if err != nil {
		return nil, err
	}
	a.keys = keys
	return a, nil
}

// Authenticate returns who presents the token, the part of the Authorization
// header after "Bearer ". A tenant that was not seen before exists from now on.
// Errors have one of the codes [audit.CodeAuthenticationRequired],
// [audit.CodeTokenInvalid], [audit.CodeTokenExpired] and
// [audit.CodeTokenRevoked], or [audit.CodeUnavailable] if the issuer cannot be
// asked for its keys; one without a code is the disk's or the context's.
func (a *Authenticator) Authenticate(ctx context.Context, bearer string) (*audit.Principal, error) {
	p, err := a.principal(ctx, bearer)
	if err != nil {
		return nil, err
	}
	partner, err := a.config.Tenants.Ensure(p.Tenant, p.Partner)
	if err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	if p.Partner == "" {
		p.Partner = partner
	}
	return p, nil
}

func (a *Authenticator) principal(ctx context.Context, bearer string) (*audit.Principal, error) {
	switch {
	case bearer == "":
		return nil, audit.Errorf(audit.CodeAuthenticationRequired, "want a bearer token")
	case strings.HasPrefix(bearer, tokenPrefix):
		return a.config.Tokens.Authenticate(bearer)
	case a.keys == nil:
		return nil, invalid("it is no personal access token, and no issuer is configured")
	}
	return a.verify(ctx, bearer)
}

// invalid returns the error for a token that is not, or no longer, one of ours.
// The reason must not hold any part of the token.
func invalid(reason string, args ...any) error {
	return audit.Errorf(audit.CodeTokenInvalid, "token is invalid: "+reason, args...)
}

// validIdentity reports whether an event could name the identity.
func validIdentity(id audit.IdentityID) bool {
	e := audit.Event{Action: audit.ActionRead, IdentityType: audit.TypeUser, IdentityID: id}
	return len(e.Validate()) == 0
}

// identityType returns the type that the prefix of an identity stands for.
func identityType(id audit.IdentityID) audit.IdentityType {
	switch s := string(id); {
	case strings.HasPrefix(s, "sa:"):
		return audit.TypeServiceAccount
	case strings.HasPrefix(s, "group:"):
		return audit.TypeGroup
	case strings.HasPrefix(s, "system:"):
		return audit.TypeSystem
	}
	return audit.TypeUser
}
