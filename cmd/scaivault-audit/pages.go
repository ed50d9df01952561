package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/ui"
)

// pageTokens is the store of tokens as the pages ask for it.
type pageTokens struct{ store *auth.Tokens }

// Tokens lists the tokens of a tenant.
func (s pageTokens) Tokens(tenant audit.TenantID) ([]ui.Token, error) {
	all, err := s.store.List()
	if err != nil {
		return nil, err
	}
	var list []ui.Token
	for i := range all {
		if all[i].Tenant == tenant {
			list = append(list, pageToken(&all[i]))
		}
	}
	return list, nil
}

func pageToken(t *auth.TokenInfo) ui.Token {
	return ui.Token{ID: t.ID, Identity: t.Identity, Name: t.DisplayName, Scopes: t.Scopes, Paths: t.PathPrefixes,
		LastFour: t.LastFour, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, ExpiresAt: t.ExpiresAt,
		LastUsedAt: t.LastUsedAt, RevokedAt: t.RevokedAt, RevokedBy: t.RevokedBy}
}

// CreateToken makes a token of a tenant.
func (s pageTokens) CreateToken(tenant audit.TenantID, t ui.NewToken) (string, ui.Token, error) {
	secret, info, err := s.store.Create(auth.TokenSpec{Tenant: tenant, Identity: t.Identity, DisplayName: t.Name, Scopes: t.Scopes,
		PathPrefixes: t.Paths, Lifetime: t.Lifetime, CreatedBy: t.CreatedBy})
	return secret, pageToken(&info), err
}

// RevokeToken ends a token of a tenant.
func (s pageTokens) RevokeToken(tenant audit.TenantID, id string, by audit.IdentityID) error {
	list, err := s.Tokens(tenant)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.ID == id {
			_, err := s.store.Revoke(id, by)
			return err
		}
	}
	return audit.Errorf(audit.CodeNotFound, "revoke token: there is no such token")
}

// pageSources is the intake of audit lines as the pages ask for it.
type pageSources struct {
	*source.Intake
	sockets []string // the settings
}

// Sockets returns where the socket devices of a tenant's servers connect.
func (s pageSources) Sockets(tenant audit.TenantID) []string {
	var list []string
	for _, text := range s.sockets {
		if v, err := parseSocket(text); err == nil && v.tenant == tenant { // they were checked at the start
			list = append(list, v.network+"://"+v.address)
		}
	}
	return list
}

// pageTenants is the register of tenants as the pages ask for it.
type pageTenants struct{ *auth.Tenants }

// Reachable returns the other tenants that a principal may act for; the rule is
// the API's (contract, section 1).
func (s pageTenants) Reachable(p *audit.Principal) ([]audit.TenantID, error) {
	all, err := s.List()
	if err != nil {
		return nil, err
	}
	var list []audit.TenantID
	for _, t := range all {
		of := p.Is(audit.RolePartnerAdmin) && t.Partner != "" && t.Partner == p.Partner
		if t.ID != p.Tenant && (of || p.Is(audit.RoleSuperAdmin)) {
			list = append(list, t.ID)
		}
	}
	return list, nil
}

// pageSettings tells how the server was started: every flag of serve but those
// that are hidden, which alone may hold a secret. Secrets have files of their
// own, and of these the names are told.
func pageSettings(c *serveCommand) []ui.Setting {
	var list []ui.Setting
	gather(reflect.ValueOf(c).Elem(), &list)
	return list
}

// gather appends the settings in the fields of a struct. Kong reads the same
// tags.
func gather(v reflect.Value, list *[]ui.Setting) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		help, isFlag := f.Tag.Lookup("help")
		_, hidden := f.Tag.Lookup("hidden")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			gather(v.Field(i), list)
		case !isFlag || hidden || !f.IsExported():
		default:
			help = strings.ReplaceAll(help, "${default}", f.Tag.Get("default"))
			*list = append(*list, ui.Setting{Name: flagName(f), Value: settingValue(v.Field(i)), Help: help})
		}
	}
}

// flagName returns the name of a flag: that of its tag, else its variable's or
// the field's words.
func flagName(f reflect.StructField) string {
	name := f.Tag.Get("name")
	if name == "" {
		name = strings.ReplaceAll(f.Tag.Get("env"), "_", "-")
	}
	if name == "" {
		name = strings.TrimPrefix(capital.ReplaceAllString(f.Name, "-$0"), "-")
	}
	return "--" + strings.ToLower(name)
}

var capital = regexp.MustCompile(`[A-Z]`)

func settingValue(v reflect.Value) string {
	switch {
	case v.IsZero():
		return ""
	case v.Kind() == reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, fmt.Sprint(v.Index(i)))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(v)
}
