package api

import "github.com/scaivault/audit"

// selectTenant returns the tenant that a request means: the one in its path,
// else in its X-Tenant-ID header, else the token's own. Another tenant than
// one's own is for its partner's admins and for super admins. A tenant that
// does not exist, and a name that none can have, are refused like one that is
// out of reach.
func (s *Server) selectTenant(r *request) (audit.TenantID, error) {
	own := r.principal.Tenant
	name, named := r.values["tenant_id"]
	if headers := r.Header.Values("X-Tenant-ID"); !named && len(headers) > 0 {
		if len(headers) > 1 {
			return "", audit.Errorf(audit.CodeInvalidRequest, "want one X-Tenant-ID header, not %d", len(headers))
		}
		name, named = headers[0], true
	}
	if !named || name == string(own) {
		return own, nil
	}
	id, err := audit.ParseTenantID(name)
	if err != nil || !s.reaches(r.principal, id) {
		return "", audit.Errorf(audit.CodeTenantAccessDenied, "the token does not reach this tenant")
	}
	return id, nil
}

// reaches reports whether p may act for a tenant that is not its own.
func (s *Server) reaches(p *audit.Principal, id audit.TenantID) bool {
	partner, ok := s.Tenants.Lookup(id)
	switch {
	case !ok:
		return false
	case p.Is(audit.RoleSuperAdmin):
		return true
	}
	return p.Is(audit.RolePartnerAdmin) && partner != "" && partner == p.Partner
}
