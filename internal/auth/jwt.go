package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/scaivault/audit"
)

const (
	maxJWT   = 8 << 10 // bytes
	maxKeyID = 128     // bytes
)

// verify returns who presents the JSON Web Token.
func (a *Authenticator) verify(ctx context.Context, token string) (*audit.Principal, error) {
	kid, err := parseHeader(token)
	if err != nil {
		return nil, invalid("%w", err)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, invalid("it is not a JWT signed with RS256, ES256 or EdDSA")
	}
	k, err := a.keys.key(ctx, kid)
	if err != nil {
		return nil, err
	}
	if signed.Signatures[0].Header.Algorithm != string(k.alg) {
		return nil, invalid("its key is for %s only", k.alg)
	}
	payload, err := signed.Verify(k.public)
	if err != nil {
		return nil, invalid("its signature is wrong")
	}
	return a.principalOf(payload)
}

// parseHeader checks the header of a JWT as far as it needs no key and returns
// the id of the key, "" if it names none. The header decides about nothing but
// which of the issuer's keys is tried: keys and addresses of keys in it (jwk,
// jku, x5c, x5u) are not looked at. RFC 8725, sections 3.1, 3.10 and 3.11.
func parseHeader(token string) (kid string, err error) {
	if len(token) > maxJWT {
		return "", errors.New("it is longer than 8 KiB")
	}
	if strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n") {
		return "", errors.New("it is not a signed JWT in compact form")
	}
	encoded, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", errors.New("its header is not base64url")
	}
	c, err := parseClaims(data)
	if err != nil {
		return "", errors.New("its header is not a JSON object of unique members")
	}
	// Neither an extension that must be understood (RFC 7515, section 4.1.11)
	// nor a payload that is not encoded (RFC 7797) is.
	if c.has("crit") || c.has("b64") {
		return "", errors.New("its header asks for an extension")
	}
	kid = c.text("kid")
	typ := c.text("typ")
	switch {
	case c.err != nil || len(kid) > maxKeyID:
		return "", errors.New("its header has a kid or typ of the wrong form")
	case !acceptedType(typ):
		return "", errors.New("its typ is not that of an access token")
	}
	return kid, nil
}

// acceptedType reports whether typ is one of an access token (RFC 9068), or
// says no more than that it is a JWT. Media types ignore case, and their
// "application/" may be left out (RFC 7515, section 4.1.9).
func acceptedType(typ string) bool {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "" || typ == "jwt" || typ == "at+jwt"
}
