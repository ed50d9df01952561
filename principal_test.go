package audit_test

import (
	"testing"

	"github.com/scaivault/audit"
)

// Scopes and roles are whole words: none implies another.
func TestPrincipalRights(t *testing.T) {
	p := audit.Principal{
		Scopes: []audit.Scope{audit.ScopeRead, "audit:readonly"},
		Roles:  []audit.Role{audit.RoleTenantAdmin},
	}
	for _, s := range audit.Scopes() {
		if got, want := p.May(s), s == audit.ScopeRead; got != want {
			t.Errorf("may %s: %v, want %v", s, got, want)
		}
	}
	for _, r := range []audit.Role{audit.RoleTenantAdmin, audit.RolePartnerAdmin, audit.RoleSuperAdmin} {
		if got, want := p.Is(r), r == audit.RoleTenantAdmin; got != want {
			t.Errorf("is %s: %v, want %v", r, got, want)
		}
	}
}
