package ui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

// tokens is a store of tokens in memory.
type tokens struct{ store *auth.Tokens }

func newTokens(t *testing.T, c *clock) tokens {
	t.Helper()
	store, err := auth.OpenTokens(vfs.NewMem(), "data", c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return tokens{store}
}

func (s tokens) Tokens(tenant audit.TenantID) (list []ui.Token, err error) {
	all, err := s.store.List()
	for _, t := range all {
		if t.Tenant == tenant {
			list = append(list, ui.Token{ID: t.ID, Identity: t.Identity, Name: t.DisplayName, Scopes: t.Scopes,
				Paths: t.PathPrefixes, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, ExpiresAt: t.ExpiresAt,
				RevokedAt: t.RevokedAt, RevokedBy: t.RevokedBy, LastFour: t.LastFour})
		}
	}
	return list, err
}

func (s tokens) CreateToken(tenant audit.TenantID, t ui.NewToken) (string, ui.Token, error) {
	secret, made, err := s.store.Create(auth.TokenSpec{Tenant: tenant, Identity: t.Identity, DisplayName: t.Name,
		Scopes: t.Scopes, PathPrefixes: t.Paths, Lifetime: t.Lifetime, CreatedBy: t.CreatedBy})
	return secret, ui.Token{ID: made.ID, Identity: made.Identity, Scopes: made.Scopes, ExpiresAt: made.ExpiresAt}, err
}

func (s tokens) RevokeToken(_ audit.TenantID, id string, by audit.IdentityID) error {
	_, err := s.store.Revoke(id, by)
	return err
}

// tenants are the tenants that there are.
type tenants []audit.TenantID

func (s tenants) Reachable(p *audit.Principal) (list []audit.TenantID, err error) {
	for _, id := range s {
		if id != p.Tenant && p.Is(audit.RoleSuperAdmin) {
			list = append(list, id)
		}
	}
	return list, nil
}

var shownToken = regexp.MustCompile(`skt_[0-9A-Za-z]{38}`)

func TestTokenIsMadeAndShownOnce(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "admin")
	wantText(t, b.page("/ui/tokens"), "No token in use", `value="audit:read" checked`)
	form := url.Values{"csrf": {b.csrf("/ui/tokens")}, "identity": {" sa:vault "}, "name": {`"><script>alert(1)</script>`},
		"scope": {"audit:write", "audit:read"}, "lifetime": {"7"}, "paths": {"prod/db/\r\nprod/web"}}
	r := b.post("/ui/tokens", form)
	secret := shownToken.FindString(r.body)
	if r.StatusCode != http.StatusOK || secret == "" {
		t.Fatalf("%s\n%s", r.Status, r.body)
	}
	checkHeaders(t, "made", r)
	p, err := s.tokens.store.Authenticate(secret)
	if err != nil || p.Tenant != "tnt_a" || p.IdentityID != "sa:vault" || !p.May(audit.ScopeWrite) || p.May(audit.ScopeAdmin) ||
		len(p.PathPrefixes) != 2 || p.ExpiresAt != audit.TimeOf(s.Now().Add(7*24*time.Hour)) {
		t.Errorf("the token is of %+v, %v", p, err)
	}
	body := b.page("/ui/tokens")
	wantText(t, body, "sa:</i>vault", "Jun 22, 2026", "prod/web", "!"+secret, "!<script>alert", `value="audit:read" checked`)
	checkMarkup(t, "tokens", body)
	id := regexp.MustCompile(`tok_\w+`).FindString(body)
	for _, who := range []string{"other", "boxed"} {
		other := s.signIn(t, who)
		wantText(t, other.page("/ui/tokens"), "!"+id)
		if r := other.post("/ui/tokens/"+id+"/revoke", url.Values{"csrf": {other.csrf("/ui/tokens")}}); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s revokes it: %s", who, r.Status)
		}
	}
	if r := b.post("/ui/tokens/"+id+"/revoke", url.Values{"csrf": {b.csrf("/ui/tokens")}}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("revoke: %s", r.Status)
	}
	if _, err := s.tokens.store.Authenticate(secret); audit.ErrorCode(err) != audit.CodeTokenRevoked {
		t.Errorf("the revoked token: %v", err)
	}
	wantText(t, b.page("/ui/tokens"), "No token in use", "Ended", "revoked", id)
}

func TestTokenFormIsStrict(t *testing.T) {
	s := start(t)
	good := url.Values{"identity": {"sa:x"}, "scope": {"audit:read"}, "lifetime": {"90"}, "paths": {""}}
	for name, change := range map[string]struct {
		who, field string
		values     []string
		says       string
	}{
		"no identity":      {"admin", "identity", []string{""}, "identity"},
		"no scope":         {"admin", "scope", nil, "want at least one scope"},
		"an unknown scope": {"admin", "scope", []string{"audit:everything"}, "unknown scope"},
		"another lifetime": {"admin", "lifetime", []string{"100000"}, "want one of the list"},
		"a bad path":       {"admin", "paths", []string{"a//b"}, "path_prefixes"},
		"beyond its own":   {"boxed", "paths", []string{"prod/web"}, "within those of your own"},
		"unbound":          {"boxed", "paths", []string{""}, "within those of your own"},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.signIn(t, change.who)
			form := url.Values{"csrf": {b.csrf("/ui/tokens")}}
			for k, v := range good {
				form[k] = v
			}
			form[change.field] = change.values
			r := b.post("/ui/tokens", form)
			if r.StatusCode != http.StatusUnprocessableEntity || shownToken.MatchString(r.body) {
				t.Errorf("%s", r.Status)
			}
			wantText(t, r.body, "No token was made", change.says)
		})
	}
	b := s.signIn(t, "boxed")
	form := url.Values{"csrf": {b.csrf("/ui/tokens")}, "identity": {"sa:in"}, "scope": {"audit:read"}, "lifetime": {"1"}, "paths": {"prod/db/k"}}
	if r := b.post("/ui/tokens", form); r.StatusCode != http.StatusOK || !shownToken.MatchString(r.body) {
		t.Errorf("within its own paths: %s", r.Status)
	}
	wantText(t, b.page("/ui/tokens"), "sa:</i>in")
}

func TestAdminPagesAreForAdmins(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "reader")
	wantText(t, b.page("/ui/"), "!/ui/tokens", "!/ui/settings")
	csrf := url.Values{"csrf": {b.csrf("/ui/")}}
	for _, r := range []answer{b.get("/ui/tokens"), b.get("/ui/settings"), b.post("/ui/tokens", csrf), b.post("/ui/tokens/tok_1/revoke", csrf)} {
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s: %s", r.Request.Method, r.Request.URL.Path, r.Status)
		}
	}
	admin := s.signIn(t, "admin")
	wantText(t, admin.page("/ui/"), "/ui/tokens", "/ui/settings")
	wantText(t, admin.page("/ui/settings"), "--listen", "127.0.0.1:8480", "30m0s")
}

func TestTenantSwitch(t *testing.T) {
	s := start(t)
	s.add(t, "tnt_a", s.event("user:alpha", "only/a"))
	s.add(t, "tnt_b", s.event("user:beta", "only/b"))
	wantText(t, s.signIn(t, "admin").page("/ui/"), "!/ui/tenant")
	b := s.signIn(t, "super")
	wantText(t, b.page("/ui/"), "beta", "!alpha", `value="tnt_c"`)
	choose := func(b *browser, id string) answer {
		return b.post("/ui/tenant", url.Values{"csrf": {b.csrf("/ui/")}, "tenant": {id}})
	}
	if r := choose(b, "tnt_a"); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s\n%s", r.Status, r.body)
	}
	for _, target := range everyPage {
		wantText(t, b.page(target), "!beta", "!only/b")
	}
	wantText(t, b.page("/ui/"), "alpha")
	form := url.Values{"csrf": {b.csrf("/ui/tokens")}, "identity": {"sa:in-a"}, "scope": {"audit:read"}, "lifetime": {"1"}}
	secret := shownToken.FindString(b.post("/ui/tokens", form).body)
	if p, err := s.tokens.store.Authenticate(secret); err != nil || p.Tenant != "tnt_a" {
		t.Errorf("a token made there is of %+v, %v", p, err)
	}
	if r := choose(b, "tnt_nope"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a tenant that does not exist: %s", r.Status)
	}
	choose(b, "tnt_b")
	wantText(t, b.page("/ui/"), "beta", "!alpha")
	admin := s.signIn(t, "admin")
	if r := choose(admin, "tnt_b"); r.StatusCode != http.StatusForbidden {
		t.Errorf("without the role: %s", r.Status)
	}
	wantText(t, admin.page("/ui/"), "alpha", "!beta")
}
