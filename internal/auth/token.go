package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// TokenSpec says which personal access token to make.
type TokenSpec struct {
	Tenant       audit.TenantID
	Identity     audit.IdentityID // its prefix gives the type; without one it is a user
	DisplayName  string
	Scopes       []audit.Scope
	PathPrefixes []audit.Path  // if any, what the token may read lies within them
	Lifetime     time.Duration // positive; see [DefaultLifetime]
	CreatedBy    audit.IdentityID
	// Token is the token itself, for a development server whose user wants a
	// known one. "" makes a random one.
	Token string
}

// TokenInfo is what is known of a personal access token; never the token.
type TokenInfo struct {
	ID           string             `json:"id"` // "tok_" and base62 digits
	Tenant       audit.TenantID     `json:"tenant"`
	Identity     audit.IdentityID   `json:"identity_id"`
	IdentityType audit.IdentityType `json:"identity_type"`
	DisplayName  string             `json:"display_name"`
	Scopes       []audit.Scope      `json:"scopes"`
	PathPrefixes []audit.Path       `json:"path_prefixes"`
	CreatedAt    audit.Time         `json:"created_at"`
	CreatedBy    audit.IdentityID   `json:"created_by"`
	ExpiresAt    audit.Time         `json:"expires_at"`
	LastFour     string             `json:"last_four"` // characters of the token
	RevokedAt    *audit.Time        `json:"revoked_at,omitempty"`
	RevokedBy    audit.IdentityID   `json:"revoked_by,omitempty"`
	LastUsedAt   *audit.Time        `json:"last_used_at,omitempty"` // to the minute
}

// ParseScopes reads a comma-separated list of scopes, each known and once.
func ParseScopes(s string) ([]audit.Scope, error) {
	var scopes []audit.Scope
	for name := range strings.SplitSeq(s, ",") {
		scopes = append(scopes, audit.Scope(name))
	}
	if rule := scopesRule(scopes); rule != "" {
		return nil, audit.Invalid([]audit.FieldError{{Field: "scopes", Message: rule}})
	}
	return scopes, nil
}

// scopesRule returns the rule that the scopes of a token break, or "".
func scopesRule(scopes []audit.Scope) string {
	if len(scopes) == 0 {
		return "want at least one scope"
	}
	for i, s := range scopes {
		if !slices.Contains(audit.Scopes(), s) {
			return fmt.Sprintf("unknown scope %q; want %s", s, scopeList())
		}
		if slices.Contains(scopes[:i], s) {
			return fmt.Sprintf("scope %q is there twice", s)
		}
	}
	return ""
}

func scopeList() string {
	var names []string
	for _, s := range audit.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// validate returns what is wrong with the description of a token.
func (t *TokenInfo) validate() []audit.FieldError {
	var bad []audit.FieldError
	add := func(field, message string) {
		bad = append(bad, audit.FieldError{Field: field, Message: message})
	}
	if _, err := audit.ParseTenantID(string(t.Tenant)); err != nil {
		add("tenant", err.Error())
	}
	if !validIdentity(t.Identity) {
		add("identity", fmt.Sprintf("want 1 to %d printable characters", audit.MaxIdentityID))
	}
	if t.IdentityType != identityType(t.Identity) {
		add("identity_type", "want the type that the identity's prefix stands for")
	}
	if t.DisplayName != "" && !validIdentity(audit.IdentityID(t.DisplayName)) {
		add("display_name", fmt.Sprintf("want at most %d printable characters", audit.MaxIdentityID))
	}
	if rule := scopesRule(t.Scopes); rule != "" {
		add("scopes", rule)
	}
	for _, p := range t.PathPrefixes {
		if _, err := audit.ParsePath(string(p)); err != nil {
			add("path_prefixes", err.Error())
		}
	}
	if t.ExpiresAt <= t.CreatedAt || t.ExpiresAt > audit.MaxTime {
		add("expires", "want a time after now and before 2262")
	}
	if !validIdentity(t.CreatedBy) {
		add("created_by", fmt.Sprintf("want 1 to %d printable characters", audit.MaxIdentityID))
	}
	return bad
}

// principal returns who presents the token.
func (t *TokenInfo) principal() *audit.Principal {
	return &audit.Principal{
		IdentityID:    t.Identity,
		IdentityType:  t.IdentityType,
		DisplayName:   t.DisplayName,
		Tenant:        t.Tenant,
		Scopes:        slices.Clone(t.Scopes),
		PathPrefixes:  slices.Clone(t.PathPrefixes),
		TokenID:       t.ID,
		MFAVerifiedAt: audit.NoTime,
		ExpiresAt:     t.ExpiresAt,
	}
}

// tokenDigest is the SHA-256 of a token. A token has 190 random bits, so that
// nobody guesses it from the digest, and a slow hash would protect nothing.
type tokenDigest [sha256.Size]byte

// tokenFile is the content of a token's file.
type tokenFile struct {
	Format int    `json:"format"`
	SHA256 string `json:"sha256"` // lowercase hex
	TokenInfo
}

// fileFormat is the format number of the files of this package.
const fileFormat = 1

// parseTokenFile reads the file of the token with that id. A file that is not
// as it was written gives no rights: what is misread could widen them.
func parseTokenFile(id string, data []byte) (*TokenInfo, tokenDigest, error) {
	var f tokenFile
	var digest tokenDigest
	if err := decodeStrict(data, &f); err != nil {
		return nil, digest, err
	}
	n, err := hex.Decode(digest[:], []byte(clip(f.SHA256, hex.EncodedLen(len(digest)))))
	switch {
	case err != nil || n != len(digest):
		return nil, digest, errors.New("sha256: want 64 hex digits")
	case f.Format != fileFormat:
		return nil, digest, fmt.Errorf("format %d: want %d", f.Format, fileFormat)
	case f.ID != id:
		return nil, digest, fmt.Errorf("id %q: want that of the file's name", f.ID)
	}
	return &f.TokenInfo, digest, audit.Invalid(f.validate())
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string { return s[:min(n, len(s))] }

// decodeStrict reads one JSON value that has known members only.
func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("want one JSON value")
	}
	return nil
}

// encode returns v, which is one of this package's plain structs, as the
// content of a file.
func encode(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}
