package ui

import (
	"net/http"
	"slices"

	"github.com/scaivault/audit"
)

// Tenants is what the pages ask of the register of tenants.
type Tenants interface {
	// Reachable returns the tenants, beside its own, for which a principal may
	// act: all for a super admin, those of its partner for a partner admin.
	Reachable(p *audit.Principal) ([]audit.TenantID, error)
}

// choose finds out whose log the session shows: the token's own tenant, or
// another that was chosen and that the token still reaches.
func (s *Server) choose(p *page) error {
	p.tenant = p.who.Tenant
	if !p.who.Is(audit.RoleSuperAdmin) && !p.who.Is(audit.RolePartnerAdmin) {
		return nil
	}
	others, err := s.Tenants.Reachable(p.who)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		p.tenants = append([]audit.TenantID{p.who.Tenant}, others...)
		slices.Sort(p.tenants)
		p.tenants = slices.Compact(p.tenants)
	}
	if slices.Contains(others, p.session.tenant) {
		p.tenant = p.session.tenant
	}
	return nil
}

// switchTenant answers POST /ui/tenant: the session shows another log from then
// on. One that the token does not reach is refused as one that does not exist.
func (s *Server) switchTenant(p *page) error {
	id := audit.TenantID(p.r.PostFormValue("tenant"))
	if !slices.Contains(p.tenants, id) && id != p.who.Tenant {
		return audit.Errorf(audit.CodeTenantAccessDenied, "the token does not reach this tenant")
	}
	s.sessions.show(readCookie(p.r, sessionCookie), id)
	http.Redirect(p.w, p.r, "/ui/", http.StatusSeeOther)
	return nil
}
