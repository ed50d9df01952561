package client

import (
	"context"
	"net/url"
	"strings"

	"github.com/scaivault/audit"
)

// SecretTrail is a page of the story of one secret, with the summary of the
// [audit.TrailPeriod] before now.
type SecretTrail struct {
	LogPage
	Path    audit.Path          `json:"path"`
	Summary audit.SecretSummary `json:"summary"`
}

// IdentityTrail is a page of the story of one identity.
type IdentityTrail struct {
	LogPage
	IdentityID audit.IdentityID `json:"identity_id"`
	// IdentityType is "" if the identity was never seen.
	IdentityType audit.IdentityType    `json:"identity_type"`
	Summary      audit.IdentitySummary `json:"summary"`
}

// SecretRoute returns the route of a secret's trail. Slashes stand for
// themselves, everything else that has a meaning in a URL is escaped.
func SecretRoute(path audit.Path) string {
	segments := strings.Split(string(path), "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "/v1/audit/secrets/" + strings.Join(segments, "/")
}

// IdentityRoute returns the route of an identity's trail, slashes escaped too.
func IdentityRoute(id audit.IdentityID) string {
	return "/v1/audit/identities/" + url.PathEscape(string(id))
}

// Secret returns the trail of exactly this path, which q narrows; its
// SecretPath must not be set. A path that no event names has an empty trail.
func (c *Client) Secret(ctx context.Context, path audit.Path, q audit.Query) (SecretTrail, error) {
	var t SecretTrail
	if _, err := audit.ParsePath(string(path)); err != nil {
		return t, err
	}
	err := c.get(ctx, SecretRoute(path), q.String(), &t)
	return t, err
}

// Identity returns the trail of one identity, which q narrows; its IdentityID
// must not be set.
func (c *Client) Identity(ctx context.Context, id audit.IdentityID, q audit.Query) (IdentityTrail, error) {
	var t IdentityTrail
	if id == "" {
		return t, audit.Errorf(audit.CodeValidationError, "identity id: want at least one character")
	}
	err := c.get(ctx, IdentityRoute(id), q.String(), &t)
	return t, err
}
