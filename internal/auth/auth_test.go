package auth_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, want audit.Code) {
	t.Helper()
	if got := audit.ErrorCode(err); got != want {
		t.Fatalf("error %v has code %q, want %q", err, got, want)
	}
}

// wanted is the code for a token that is accepted, or not.
func wanted(ok bool) audit.Code {
	if ok {
		return ""
	}
	return audit.CodeTokenInvalid
}

func openTokens(t *testing.T, fsys vfs.FS, dir string, c *clock) *auth.Tokens {
	t.Helper()
	tokens, err := auth.OpenTokens(fsys, dir, c.Now)
	check(t, err)
	return tokens
}

func openTenants(t *testing.T, fsys vfs.FS, dir string, c *clock) *auth.Tenants {
	t.Helper()
	tenants, err := auth.OpenTenants(fsys, dir, c.Now)
	check(t, err)
	return tenants
}

// spec describes a token of a tenant, with nothing wrong.
func spec(tenant audit.TenantID) auth.TokenSpec {
	return auth.TokenSpec{
		Tenant:    tenant,
		Identity:  "user:ada@example.com",
		Scopes:    []audit.Scope{audit.ScopeRead},
		Lifetime:  auth.DefaultLifetime,
		CreatedBy: "system:cli",
	}
}

// authenticator returns one that accepts personal access tokens only.
func authenticator(t *testing.T, fsys vfs.FS, c *clock) (*auth.Authenticator, *auth.Tokens, *auth.Tenants) {
	t.Helper()
	tokens, tenants := openTokens(t, fsys, "/data", c), openTenants(t, fsys, "/data", c)
	a, err := auth.New(auth.Config{Tokens: tokens, Tenants: tenants, Clock: c.Now})
	check(t, err)
	return a, tokens, tenants
}

func TestAuthenticatePersonalToken(t *testing.T) {
	c := newClock()
	a, tokens, tenants := authenticator(t, vfs.NewMem(), c)
	check(t, tenants.Create("tnt_b", "prt_b"))
	s := spec("tnt_a")
	s.Identity, s.DisplayName = "sa:robot", "Robot"
	s.Scopes = []audit.Scope{audit.ScopeWrite, audit.ScopeRead}
	s.PathPrefixes = []audit.Path{"apps/web"}
	secretA, infoA, err := tokens.Create(s)
	check(t, err)
	secretB, infoB, err := tokens.Create(spec("tnt_b"))
	check(t, err)

	expires := audit.TimeOf(c.Now().Add(auth.DefaultLifetime))
	for secret, want := range map[string]*audit.Principal{
		secretA: {
			IdentityID: "sa:robot", IdentityType: audit.TypeServiceAccount, DisplayName: "Robot",
			Tenant: "tnt_a", Scopes: []audit.Scope{audit.ScopeWrite, audit.ScopeRead},
			PathPrefixes: []audit.Path{"apps/web"}, TokenID: infoA.ID,
			MFAVerifiedAt: audit.NoTime, ExpiresAt: expires,
		},
		secretB: {
			IdentityID: "user:ada@example.com", IdentityType: audit.TypeUser,
			Tenant: "tnt_b", Partner: "prt_b", Scopes: []audit.Scope{audit.ScopeRead},
			TokenID: infoB.ID, MFAVerifiedAt: audit.NoTime, ExpiresAt: expires,
		},
	} {
		got, err := a.Authenticate(t.Context(), secret)
		check(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("principal of %s (-want +got):\n%s", want.Tenant, diff)
		}
	}
	if _, ok := tenants.Lookup("tnt_a"); !ok {
		t.Error("the tenant that a token named does not exist")
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	a, tokens, _ := authenticator(t, vfs.NewMem(), newClock())
	secret, _, err := tokens.Create(spec("tnt_a"))
	check(t, err)
	for bearer, want := range map[string]audit.Code{
		"":                                audit.CodeAuthenticationRequired,
		"skt_":                            audit.CodeTokenInvalid,
		"hello":                           audit.CodeTokenInvalid,
		"eyJhbGciOiJub25lIn0.e30.":        audit.CodeTokenInvalid, // no issuer is configured
		strings.ToUpper(secret):           audit.CodeTokenInvalid,
		" " + secret:                      audit.CodeTokenInvalid,
		"skt_" + strings.Repeat("0", 38):  audit.CodeTokenInvalid,
		secret[:len(secret)-1]:            audit.CodeTokenInvalid,
		secret + "0":                      audit.CodeTokenInvalid,
		"skt_" + strings.Repeat("é", 19):  audit.CodeTokenInvalid,
		"SKT_" + secret[len("skt_"):]:     audit.CodeTokenInvalid,
		secret[:8] + "\x00" + secret[9:]:  audit.CodeTokenInvalid,
		strings.Repeat("skt_", 1_000_000): audit.CodeTokenInvalid,
	} {
		_, err := a.Authenticate(t.Context(), bearer)
		if got := audit.ErrorCode(err); got != want {
			t.Errorf("%.50q: code %q, want %q", bearer, got, want)
		}
		if err != nil && strings.Contains(err.Error(), secret[8:20]) {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name                      string
		issuer, audience, jwksURL string
	}{
		{"issuer without audience", "https://idp.example", "", ""},
		{"audience without issuer", "", "audit", ""},
		{"keys without issuer", "", "", "https://idp.example/keys"},
		{"issuer in the clear", "http://idp.example", "audit", ""},
		{"keys in the clear", "https://idp.example", "audit", "http://idp.example/keys"},
		{"a name that looks like loopback", "https://idp.example", "audit", "http://127.0.0.1.example/keys"},
		{"no host", "https://idp.example", "audit", "https:///keys"},
		{"another scheme", "https://idp.example", "audit", "file:///keys"},
		{"no URL", "https://idp.example", "audit", "%zz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := auth.New(auth.Config{Issuer: tc.issuer, Audience: tc.audience, JWKSURL: tc.jwksURL})
			if err == nil {
				t.Error("no error")
			}
		})
	}
	for _, jwksURL := range []string{"", "https://k.example/x", "http://localhost:1/x", "http://[::1]:1/x",
		"http://127.9.9.9/x"} {
		_, err := auth.New(auth.Config{Issuer: "https://i.example", Audience: "a", JWKSURL: jwksURL})
		if err != nil {
			t.Errorf("keys at %q: %v", jwksURL, err)
		}
	}
}

// TestUnreadableDirectoryLetsNobodyIn holds as nobody knows who was revoked.
func TestUnreadableDirectoryLetsNobodyIn(t *testing.T) {
	errDisk := errors.New("disk on fire")
	fsys := vfs.Fail(vfs.NewMem(), 1, errDisk)
	fsys.Kinds, fsys.Sticky = []vfs.Kind{vfs.OpList}, true
	c := newClock()
	tokens := openTokens(t, fsys, "/data", c)
	_, err := tokens.List() // the directory can be read once
	check(t, err)
	c.Add(time.Second)
	_, err = tokens.Authenticate("skt_" + strings.Repeat("0", 32) + crc("skt_"+strings.Repeat("0", 32)))
	if !errors.Is(err, errDisk) {
		t.Errorf("error %v, want that of the disk", err)
	}
}
