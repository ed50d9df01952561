package main

import (
	"slices"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

// TestPageTokensKeepToTheTenant makes a token in each of two tenants.
func TestPageTokensKeepToTheTenant(t *testing.T) {
	store, err := auth.OpenTokens(vfs.NewMem(), "data", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	tokens := pageTokens{store}
	made := make(map[audit.TenantID]ui.Token)
	for _, tenant := range []audit.TenantID{"tnt_a", "tnt_b"} {
		secret, token, err := tokens.CreateToken(tenant, ui.NewToken{Identity: "sa:x", Scopes: []audit.Scope{audit.ScopeRead},
			Paths: []audit.Path{"prod"}, Lifetime: time.Hour, CreatedBy: "user:root"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := store.Authenticate(secret)
		if err != nil || p.Tenant != tenant || p.TokenID != token.ID || !slices.Equal(p.PathPrefixes, token.Paths) {
			t.Fatalf("the token of %s is of %+v, %v", tenant, p, err)
		}
		made[tenant] = token
	}
	if err := tokens.RevokeToken("tnt_a", made["tnt_b"].ID, "user:root"); audit.ErrorCode(err) != audit.CodeNotFound {
		t.Errorf("revoke the token of another tenant: %v", err)
	}
	if err := tokens.RevokeToken("tnt_a", made["tnt_a"].ID, "user:root"); err != nil {
		t.Error(err)
	}
	for tenant, revoked := range map[audit.TenantID]bool{"tnt_a": true, "tnt_b": false, "tnt_c": false} {
		list, err := tokens.Tokens(tenant)
		if err != nil || len(list) > 1 || len(list) == 1 && (list[0].ID != made[tenant].ID || (list[0].RevokedAt != nil) != revoked) {
			t.Errorf("tokens of %s: %+v, %v", tenant, list, err)
		}
	}
}

func TestReachableTenants(t *testing.T) {
	store, err := auth.OpenTenants(vfs.NewMem(), "data", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for id, partner := range map[audit.TenantID]string{"a": "p", "b": "p", "c": "q", "d": ""} {
		if err := store.Create(id, partner); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		who  audit.Principal
		want []audit.TenantID
	}{
		"nobody":                      {audit.Principal{Tenant: "a", Partner: "p"}, nil},
		"tenant admin":                {audit.Principal{Tenant: "a", Partner: "p", Roles: []audit.Role{audit.RoleTenantAdmin}}, nil},
		"partner admin":               {audit.Principal{Tenant: "a", Partner: "p", Roles: []audit.Role{audit.RolePartnerAdmin}}, []audit.TenantID{"b"}},
		"partner admin of no partner": {audit.Principal{Tenant: "d", Roles: []audit.Role{audit.RolePartnerAdmin}}, nil},
		"super admin":                 {audit.Principal{Tenant: "a", Roles: []audit.Role{audit.RoleSuperAdmin}}, []audit.TenantID{"b", "c", "d"}},
	} {
		got, err := pageTenants{store}.Reachable(&test.who)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s reaches %v, %v; want %v", name, got, err, test.want)
		}
	}
}
