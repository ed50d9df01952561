package api

import "github.com/scaivault/audit"

// whoami answers GET /v1/auth/whoami: who the token belongs to. The tenant is
// the token's own, whichever is selected.
func (s *Server) whoami(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	p := r.principal
	body := struct {
		IdentityID    audit.IdentityID   `json:"identity_id"`
		IdentityType  audit.IdentityType `json:"identity_type"`
		DisplayName   text               `json:"display_name"`
		TenantID      audit.TenantID     `json:"tenant_id"`
		PartnerID     *string            `json:"partner_id"`
		Scopes        []audit.Scope      `json:"scopes"`
		Groups        []text             `json:"groups"`
		Roles         []audit.Role       `json:"roles"`
		MFAVerifiedAt *audit.Time        `json:"mfa_verified_at"`
		ExpiresAt     audit.Time         `json:"token_expires_at"`
	}{
		IdentityID:   p.IdentityID,
		IdentityType: p.IdentityType,
		DisplayName:  text(p.DisplayName),
		TenantID:     p.Tenant,
		PartnerID:    nullable(p.Partner),
		Scopes:       listOf(p.Scopes),
		Groups:       make([]text, len(p.Groups)),
		Roles:        listOf(p.Roles),
		ExpiresAt:    p.ExpiresAt,
	}
	for i, g := range p.Groups {
		body.Groups[i] = text(g)
	}
	if p.MFAVerifiedAt != audit.NoTime {
		body.MFAVerifiedAt = &p.MFAVerifiedAt
	}
	return r.answer(statusOK, body)
}
