package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
)

const jwtAudience = "https://audit.example.org"

// issuer is an identity provider on loopback.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	i := &issuer{httptest.NewServer(mux), key}
	t.Cleanup(i.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}})
	})
	return i
}

type claims map[string]any

// token returns a JWT of a user of tenant tnt_a who may read, but for the
// claims that say otherwise.
func (i *issuer) token(t *testing.T, key *ecdsa.PrivateKey, other claims) string {
	t.Helper()
	now := time.Now().Unix()
	all := claims{"iss": i.URL, "aud": jwtAudience, "sub": "u1", "email": "eve@example.org",
		"tenant_id": "tnt_a", "scope": "openid audit:read", "iat": now, "exp": now + 300}
	maps.Copy(all, other)
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signing := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}
	signer, err := jose.NewSigner(signing, new(jose.SignerOptions).WithType("at+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// serveTenants serves three tenants, two of them of one partner, each with
// events of two secrets.
func serveTenants(t *testing.T, args ...string) *program {
	t.Helper()
	data := t.TempDir()
	tokens := make(map[string]string)
	for _, tenant := range [][]string{{"tnt_a", "prt_x"}, {"tnt_b", "prt_x"}, {"tnt_c", "prt_y"}} {
		got := runLine(t, "", "tenant", "create", "--data", data, tenant[0], "--partner", tenant[1])
		if got.Code != exitOK {
			t.Fatalf("%+v", got)
		}
		tokens[tenant[0]] = newToken(t, data, audit.TenantID(tenant[0]))
	}
	p := serve(t, nil, append([]string{"--data", data}, args...)...)
	for tenant, token := range tokens {
		for _, secret := range []string{"/db", "/mail"} {
			appendOne(t, p.client(t, token), audit.Path(tenant+secret))
		}
	}
	return p
}

func TestJWT(t *testing.T) {
	i := newIssuer(t)
	stranger := newIssuer(t)
	p := serveTenants(t, "--issuer", i.URL, "--audience", jwtAudience)
	partner := claims{"role": "partner_admin", "partner_id": "prt_x"}
	super := claims{"role": "super_admin"}
	now := time.Now().Unix()
	for _, tt := range []struct {
		name   string
		claims claims
		path   string // selects a tenant
		header string // selects a tenant
		want   string // secrets that are seen, or the code of an error
	}{
		{"a reader", nil, "", "", "tnt_a/db tnt_a/mail"},
		{"a reader of a part", claims{"audit_paths": []string{"tnt_a/mail"}}, "", "", "tnt_a/mail"},
		{"a writer", claims{"scope": "audit:write"}, "", "", "insufficient_scope"},
		{"nobody's scope", claims{"scope": "audit:readonly"}, "", "", "insufficient_scope"},
		{"no tenant", claims{"tenant_id": ""}, "", "", "token_invalid"},
		{"another audience", claims{"aud": "https://other.example.org"}, "", "", "token_invalid"},
		{"another issuer", claims{"iss": stranger.URL}, "", "", "token_invalid"},
		{"expired", claims{"iat": now - 400, "exp": now - 120}, "", "", "token_expired"},

		{"one's own tenant by path", nil, "tnt_a", "", "tnt_a/db tnt_a/mail"},
		{"one's own tenant by header", nil, "", "tnt_a", "tnt_a/db tnt_a/mail"},
		{"another tenant by path", nil, "tnt_b", "", "tenant_access_denied"},
		{"another tenant by header", nil, "", "tnt_b", "tenant_access_denied"},
		{"a tenant's admin", claims{"role": "tenant_admin"}, "tnt_b", "", "tenant_access_denied"},

		{"a partner by path", partner, "tnt_b", "", "tnt_b/db tnt_b/mail"},
		{"a partner by header", partner, "", "tnt_b", "tnt_b/db tnt_b/mail"},
		{"the path goes before the header", partner, "tnt_a", "tnt_b", "tnt_a/db tnt_a/mail"},
		{"a partner in another's tenant by path", partner, "tnt_c", "", "tenant_access_denied"},
		{"a partner in another's tenant by header", partner, "", "tnt_c", "tenant_access_denied"},
		{"a partner in no tenant", partner, "tnt_none", "", "tenant_access_denied"},
		{"a super admin by path", super, "tnt_c", "", "tnt_c/db tnt_c/mail"},
		{"a super admin by header", super, "", "tnt_c", "tnt_c/db tnt_c/mail"},
		{"a super admin in no tenant", super, "", "tnt_none", "tenant_access_denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := i.token(t, i.key, tt.claims)
			if got := p.seen(t, token, tt.path, tt.header); got != tt.want {
				t.Errorf("seen: %s; want %s", got, tt.want)
			}
		})
	}
	if got := p.seen(t, i.token(t, stranger.key, nil), "", ""); got != "token_invalid" {
		t.Errorf("a token that somebody else signed: %s; want token_invalid", got)
	}
}

// seen asks for the reads of a tenant and returns the secrets that are seen, in
// the order of arrival, or the code of the error.
func (p *program) seen(t *testing.T, token, path, header string) string {
	t.Helper()
	route := "/v1/audit/logs"
	if path != "" {
		route = "/v1/t/" + path + "/audit/logs"
	}
	var headers []string
	if header != "" {
		headers = []string{"X-Tenant-ID", header}
	}
	_, body := get(t, http.DefaultClient, p.url+route+"?action=read&order=index", token, headers...)
	var answer struct {
		Logs  []audit.Record
		Error struct{ Code string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var seen []string
	for _, e := range answer.Logs {
		seen = append(seen, string(e.SecretPath))
	}
	return strings.Join(seen, " ") + answer.Error.Code
}

func TestWhoIsBehindAJWT(t *testing.T) {
	i := newIssuer(t)
	p := serveTenants(t, "--issuer", i.URL, "--audience", jwtAudience, "--jwks-url", i.URL+"/keys")
	token := i.token(t, i.key, claims{"token_type": "client_credentials", "client_id": "ci",
		"scope": "audit:read audit:write", "role": "partner_admin", "partner_id": "prt_x"})
	who, err := p.client(t, token).Whoami(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []any{who.IdentityID, who.IdentityType, who.TenantID, who.PartnerID, who.Scopes, who.Roles}
	want := []any{audit.IdentityID("sa:ci"), audit.TypeServiceAccount, audit.TenantID("tnt_a"), "prt_x",
		[]audit.Scope{audit.ScopeRead, audit.ScopeWrite}, []audit.Role{audit.RolePartnerAdmin}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who (-want +got):\n%s", diff)
	}
}

// While the issuer is down nobody knows whether a JWT is good; personal access
// tokens work.
func TestIssuerIsDown(t *testing.T) {
	i := newIssuer(t)
	i.Close()
	data := t.TempDir()
	personal := newToken(t, data, "tnt_a")
	p := serve(t, nil, "--data", data, "--issuer", i.URL, "--audience", jwtAudience)
	resp, body := get(t, http.DefaultClient, p.url+"/v1/audit/logs", i.token(t, i.key, nil))
	if resp.StatusCode != 503 || !strings.Contains(body, `"service_unavailable"`) ||
		resp.Header.Get("Retry-After") == "" || strings.Contains(body, i.URL) {
		t.Errorf("status %d, %v, %s", resp.StatusCode, resp.Header, body)
	}
	if resp, body := get(t, http.DefaultClient, p.url+"/v1/audit/logs", personal); resp.StatusCode != 200 {
		t.Errorf("personal access token: status %d, %s", resp.StatusCode, body)
	}
}
