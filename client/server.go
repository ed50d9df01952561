package client

import (
	"context"

	"github.com/scaivault/audit"
)

// Whoami is what the server knows of who asks.
type Whoami struct {
	IdentityID     audit.IdentityID   `json:"identity_id"`
	IdentityType   audit.IdentityType `json:"identity_type"`
	DisplayName    string             `json:"display_name"`
	TenantID       audit.TenantID     `json:"tenant_id"`
	PartnerID      string             `json:"partner_id"` // "" if there is none
	Scopes         []audit.Scope      `json:"scopes"`
	Groups         []string           `json:"groups"`
	Roles          []audit.Role       `json:"roles"`
	MFAVerifiedAt  *audit.Time        `json:"mfa_verified_at"`
	TokenExpiresAt *audit.Time        `json:"token_expires_at"`
}

// Health says that the server answers.
type Health struct {
	Status    string     `json:"status"` // healthy
	Timestamp audit.Time `json:"timestamp"`
}

// Version says what the server runs.
type Version struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	BuildDate string `json:"build_date"`
	GoVersion string `json:"go_version"`
}

// Whoami returns the identity behind the client's token.
func (c *Client) Whoami(ctx context.Context) (Whoami, error) {
	var w Whoami
	err := c.get(ctx, "/v1/auth/whoami", "", &w)
	return w, err
}

// Health asks whether the server answers; it needs no token.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	err := c.get(ctx, "/v1/health", "", &h)
	return h, err
}

// Version asks what the server runs; it needs no token.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var v Version
	err := c.get(ctx, "/v1/version", "", &v)
	return v, err
}
