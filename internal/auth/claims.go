package auth

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/scaivault/audit"
)

const (
	leeway      = audit.Minute // between the issuer's clock and ours
	maxLifetime = audit.Day    // of a JWT, which cannot be revoked
)

// claims is a JSON object of a JWT. Its methods read members by their exact
// names; one that is absent reads as empty, one of another type does too and is
// an error, the first of which stays in err.
type claims struct {
	members map[string]json.RawMessage
	err     error
}

// parseClaims reads a JSON object. Members that are there twice, in it or
// anywhere below, are an error: others might read the other one.
func parseClaims(data []byte) (*claims, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("want UTF-8")
	}
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	c := new(claims)
	if err := json.Unmarshal(data, &c.members); err != nil {
		return nil, err
	}
	if c.members == nil {
		return nil, errors.New("want an object")
	}
	return c, nil
}

func (c *claims) has(name string) bool {
	_, ok := c.members[name]
	return ok
}

// read reads a member into v and reports whether it is there, of v's type.
func (c *claims) read(name string, v any) bool {
	raw, ok := c.members[name]
	if !ok {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		c.fail("its claim %s has the wrong type", name)
		return false
	}
	return true
}

func (c *claims) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *claims) text(name string) string {
	var s string
	c.read(name, &s)
	return s
}

func (c *claims) list(name string) []string {
	var list []string
	if !c.read(name, &list) {
		return nil
	}
	return list
}

// time reads a NumericDate (RFC 7519, section 2), an integer only. It is
// NoTime if it is absent.
func (c *claims) time(name string) audit.Time {
	raw, ok := c.members[name]
	if !ok {
		return audit.NoTime
	}
	seconds, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || seconds > uint64(audit.MaxTime/audit.Second) {
		c.fail("its claim %s is not an integer number of seconds", name)
		return audit.NoTime
	}
	return audit.Time(seconds) * audit.Second
}

// principalOf returns whom the claims describe, if they were made for us and
// are valid now. They were signed by the issuer.
func (a *Authenticator) principalOf(payload []byte) (*audit.Principal, error) {
	c, err := parseClaims(payload)
	if err != nil {
		return nil, invalid("its claims are not a JSON object of unique members")
	}
	if err := a.checkOrigin(c); err != nil {
		return nil, invalid("%w", err)
	}
	p := c.principal()
	expires := c.time("exp")
	if err := checkTimes(c, expires, audit.TimeOf(a.config.Clock())); err != nil {
		return nil, err
	}
	if c.err != nil {
		return nil, invalid("%w", c.err)
	}
	p.ExpiresAt = expires
	return p, nil
}

// checkOrigin checks that our issuer made the token, for us, as an access token.
func (a *Authenticator) checkOrigin(c *claims) error {
	if c.text("iss") != a.config.Issuer {
		return errors.New("it is of another issuer")
	}
	audience, one := c.audience()
	if !slices.Contains(audience, a.config.Audience) && one != a.config.Audience {
		return errors.New("it is for another audience")
	}
	switch strings.ToLower(c.text("token_type")) {
	case "id", "id_token", "refresh", "refresh_token":
		return errors.New("its token_type is not that of an access token")
	}
	return c.err
}

// audience reads the claim aud, which is a string or a list (RFC 7519, section
// 4.1.3).
func (c *claims) audience() (list []string, one string) {
	if strings.HasPrefix(string(c.members["aud"]), "[") {
		return c.list("aud"), ""
	}
	return nil, c.text("aud")
}

// checkTimes checks that now lies within the token's life, which is short. A
// token is expired only if nothing else is wrong with its times.
func checkTimes(c *claims, expires, now audit.Time) error {
	notBefore, issued := c.time("nbf"), c.time("iat")
	if c.err != nil {
		return invalid("%w", c.err)
	}
	if issued == audit.NoTime {
		issued = now
	}
	switch {
	case expires == audit.NoTime:
		return invalid("it has no claim exp")
	case notBefore != audit.NoTime && notBefore > now+leeway:
		return invalid("it is not valid yet")
	case issued > now+leeway:
		return invalid("it was issued in the future")
	case expires > issued+maxLifetime:
		return invalid("it lives longer than 24 hours")
	case now >= expires+leeway:
		return audit.Errorf(audit.CodeTokenExpired, "token expired at %s", expires)
	}
	return nil
}

// principal reads who the token is for.
func (c *claims) principal() *audit.Principal {
	p := &audit.Principal{MFAVerifiedAt: audit.NoTime}
	p.IdentityID, p.IdentityType = c.identity()
	tenant, err := audit.ParseTenantID(c.text("tenant_id"))
	if err != nil {
		c.fail("its claim tenant_id is not the id of a tenant")
	}
	p.Tenant = tenant
	p.Partner = c.text("partner_id")
	if checkPartner(p.Partner) != nil {
		c.fail("its claim partner_id is not the name of a partner")
	}
	p.Scopes = c.scopes()
	p.Roles = c.roles()
	p.PathPrefixes = c.paths()
	c.describe(p)
	return p
}

// identity reads who acts: a client of its own, or a user.
func (c *claims) identity() (audit.IdentityID, audit.IdentityType) {
	client, email, subject := c.text("client_id"), c.text("email"), c.text("sub")
	prefix, name, kind := "user:", email, audit.TypeUser
	if c.text("token_type") == "client_credentials" {
		prefix, name, kind = "sa:", client, audit.TypeServiceAccount
	} else if name == "" {
		name = subject
	}
	id := audit.IdentityID(prefix + name)
	if name == "" || !validIdentity(id) {
		c.fail("it names no valid identity")
	}
	return id, kind
}

// scopes reads the scopes that are ours: of the claim scope, separated by
// single spaces (RFC 8693, section 4.2), else of the list scp.
func (c *claims) scopes() []audit.Scope {
	names := c.list("scp")
	if c.has("scope") {
		names = strings.Split(c.text("scope"), " ")
	}
	return known(names, audit.Scopes())
}

// roles reads the roles that are ours, of the claims role and roles.
func (c *claims) roles() []audit.Role {
	names := append(c.list("roles"), c.text("role"))
	return known(names, []audit.Role{audit.RoleTenantAdmin, audit.RolePartnerAdmin, audit.RoleSuperAdmin})
}

// known returns those of all that are among the names.
func known[S ~string](names []string, all []S) []S {
	return slices.DeleteFunc(slices.Clone(all), func(s S) bool { return !slices.Contains(names, string(s)) })
}

// paths reads the prefixes to which the token is narrowed. A claim that is
// there but narrows to nothing sensible is an error, as ignoring it would widen.
func (c *claims) paths() []audit.Path {
	if !c.has("audit_paths") {
		return nil
	}
	var prefixes []audit.Path
	for _, s := range c.list("audit_paths") {
		prefix, err := audit.ParsePrefix(s)
		if err != nil {
			c.fail("its claim audit_paths holds what is no path prefix")
		}
		prefixes = append(prefixes, prefix)
	}
	if len(prefixes) == 0 {
		c.fail("its claim audit_paths holds no path prefix")
	}
	return prefixes
}

// describe reads what only says more about the identity. Issuers differ in it;
// what is of another type is as if it was absent.
func (c *claims) describe(p *audit.Principal) {
	d := &claims{members: c.members}
	p.DisplayName = d.text("name")
	p.Groups = d.list("groups")
	p.MFAVerifiedAt = d.time("mfa_verified_at")
	if at, err := audit.ParseTime(d.text("mfa_verified_at")); err == nil {
		p.MFAVerifiedAt = at
	}
}
