package audit

import "slices"

// Scope is a right that a token carries.
type Scope string

// The scopes.
const (
	ScopeRead   Scope = "audit:read"   // query logs, trails, summaries
	ScopeExport Scope = "audit:export" // create, list, read and cancel exports
	ScopeWrite  Scope = "audit:write"  // append events
	ScopeAdmin  Scope = "audit:admin"  // tokens, retention, detailed health
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeExport, ScopeWrite, ScopeAdmin} }

// Role is a right over more than one's own tenant.
type Role string

// The roles.
const (
	RoleTenantAdmin  Role = "tenant_admin"
	RolePartnerAdmin Role = "partner_admin" // may act for the tenants of its partner
	RoleSuperAdmin   Role = "super_admin"   // may act for every tenant
)

// Principal is who asks: an authenticated identity, its tenant and its rights.
type Principal struct {
	IdentityID   IdentityID
	IdentityType IdentityType
	DisplayName  string
	Tenant       TenantID
	Partner      string // the tenant's partner; "" if there is none
	Scopes       []Scope
	Groups       []string
	Roles        []Role
	// PathPrefixes, if any, narrow what the principal may read to events
	// whose path lies within one of them.
	PathPrefixes  []Path
	TokenID       string // of a personal access token
	MFAVerifiedAt Time   // NoTime if unknown
	ExpiresAt     Time   // when the token ends
}

// May reports whether the principal carries the scope.
func (p *Principal) May(s Scope) bool { return slices.Contains(p.Scopes, s) }

// Is reports whether the principal has the role.
func (p *Principal) Is(r Role) bool { return slices.Contains(p.Roles, r) }
