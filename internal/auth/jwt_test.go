package auth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

func TestAcceptedAlgorithms(t *testing.T) {
	keys := []signingKey{newRSA(t, "r", 2048), newEC(t, "e"), newEd(t, "d")}
	i := newIssuer(t, keys...)
	a := i.authenticator(t)
	for _, k := range keys {
		_, err := a.Authenticate(t.Context(), i.token(t, k))
		if err != nil {
			t.Errorf("%s: %v", k.alg, err)
		}
	}
}

// TestAlgorithms has tokens whose algorithm or signature is an attack (RFC
// 8725, sections 2.1 to 2.3 and 3.1 to 3.2).
func TestAlgorithms(t *testing.T) {
	r, e, d := newRSA(t, "r", 2048), newEC(t, "e"), newEd(t, "d")
	weak := newRSA(t, "weak", 1024)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	i := newIssuer(t, r, e, d, weak, signingKey{"p384", "ES384", p384})
	a := i.authenticator(t)
	claims := i.claims()

	public := make(map[string][][]byte) // what could be taken for a shared secret
	for _, k := range []signingKey{r, e, d} {
		der, err := x509.MarshalPKIXPublicKey(k.private.Public())
		check(t, err)
		jwk, err := json.Marshal(k.jwk())
		check(t, err)
		public[k.kid] = [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), jwk}
		if ed, ok := k.private.Public().(ed25519.PublicKey); ok {
			public[k.kid] = append(public[k.kid], ed)
		}
	}
	tokens := make(map[string]string)
	header := func(alg, kid string) string { return `{"typ":"at+jwt","alg":"` + alg + `","kid":"` + kid + `"}` }
	for kid, secrets := range public {
		for n, secret := range secrets {
			name := fmt.Sprintf("HS256 with form %d of public key %s", n, kid)
			tokens[name] = compact(header("HS256", kid), claims, hs256(secret))
		}
		for _, alg := range []string{"none", "None", "nOnE", "NONE", "", "rs256", "es256", "eddsa", "RS512",
			"PS256", "ES384", "ES256K", "HS384", "HS512", "RS1", "RSA-OAEP", "dir"} {
			tokens["unsigned "+alg+" with key "+kid] = compact(header(alg, kid), claims, unsigned)
		}
		for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
			tokens["empty signature "+alg+" with key "+kid] = compact(header(alg, kid), claims, unsigned)
			tokens["zero signature "+alg+" with key "+kid] = compact(header(alg, kid), claims,
				func(string) []byte { return make([]byte, 64) })
		}
	}
	for _, k := range []signingKey{r, e, d} {
		for _, other := range []signingKey{r, e, d} {
			if k.kid != other.kid {
				tokens[k.alg+" with the id of key "+other.kid] = compact(header(k.alg, other.kid), claims,
					k.signer(t))
				tokens[k.alg+" said to be "+other.alg] = compact(header(other.alg, k.kid), claims,
					k.signer(t))
			}
		}
	}
	tokens["no alg"] = compact(`{"typ":"at+jwt","kid":"r"}`, claims, r.signer(t))
	tokens["alg a number"] = compact(`{"alg":256,"kid":"r"}`, claims, r.signer(t))
	tokens["RSA of 1024 bits"] = i.token(t, weak)
	tokens["PSS"] = compact(r.header(), claims, func(s string) []byte {
		digest := sha256.Sum256([]byte(s))
		sig, err := rsa.SignPSS(rand.Reader, r.private.(*rsa.PrivateKey), crypto.SHA256, digest[:], nil)
		check(t, err)
		return sig
	})
	tokens["P-384"] = compact(header("ES256", "p384"), claims, signingKey{private: p384}.signer(t))
	tokens["ES256 in ASN.1"] = compact(e.header(), claims, func(s string) []byte {
		digest := sha256.Sum256([]byte(s))
		sig, err := ecdsa.SignASN1(rand.Reader, e.private.(*ecdsa.PrivateKey), digest[:])
		check(t, err)
		return sig
	})
	order := elliptic.P256().Params().N.Bytes()
	tokens["r = s = n"] = compact(e.header(), claims, func(string) []byte { return slices.Concat(order, order) })
	tokens["Ed25519 with s + order"] = compact(d.header(), claims, func(s string) []byte {
		return nonCanonical(d.sign(t, s))
	})
	for name, token := range tokens {
		_, err := a.Authenticate(t.Context(), token)
		if audit.ErrorCode(err) != audit.CodeTokenInvalid {
			t.Errorf("%s: %v, want token_invalid", name, err)
		}
	}
	if n := i.count(); n != 1 {
		t.Errorf("%d fetches of the keys, want 1", n)
	}
}

// nonCanonical adds the order of the group to the second half of an Ed25519
// signature, which satisfies the equation but not RFC 8032, section 5.1.7.
func nonCanonical(sig []byte) []byte {
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	s := slices.Clone(sig[32:])
	slices.Reverse(s) // it is little endian
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

// TestHeaders has properly signed tokens whose header is accepted or not.
func TestHeaders(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	fetched := false
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched = true }))
	t.Cleanup(evil.Close)
	jwk, err := json.Marshal(newEd(t, "k").jwk())
	check(t, err)
	for _, tc := range []struct {
		members string // beside alg
		ok      bool
	}{
		{`"kid":"k"`, true},
		{`"kid":"k","typ":"at+jwt"`, true},
		{`"kid":"k","typ":"application/at+jwt"`, true},
		{`"kid":"k","typ":"JWT"`, true},
		{`"kid":"k","typ":"jwt"`, true},
		{`"typ":"at+jwt"`, true}, // the set has one key only
		{`"kid":"k","typ":"logout+jwt"`, false},
		{`"kid":"k","typ":"dpop+jwt"`, false},
		{`"kid":"k","typ":"id_token"`, false},
		{`"kid":"k","typ":["JWT"]`, false},
		{`"kid":"k","jku":"` + evil.URL + `"`, true}, // not looked at
		{`"kid":"k","x5u":"` + evil.URL + `"`, true},
		{`"kid":"k","jwk":` + string(jwk), true},
		{`"kid":"other","jwk":` + string(jwk), false},
		{`"kid":"k","crit":["exp"],"exp":1`, false},
		{`"kid":"k","crit":[]`, false},
		{`"kid":"k","crit":null`, false},
		{`"kid":"k","crit":["b64"],"b64":true`, false},
		{`"kid":"k","crit":["b64"],"b64":false`, false},
		{`"kid":"k","b64":false`, false},
		{`"kid":"k","b64":true`, false},
		{`"kid":"k","kid":"k"`, false},
		{`"kid":"k","alg":"EdDSA"`, false},
		{`"kid":"k","x":{"a":1,"a":2}`, false},
		{`"KID":"k"`, true}, // another member, ignored
		{`"kid":7`, false},
		{`"kid":["k"]`, false},
		{`"kid":"../../dev/null"`, false},
		{`"kid":"k' OR '1'='1"`, false},
		{`"kid":"` + evil.URL + `/k"`, false},
		{"\"kid\":\"k\xff\"", false},
	} {
		token := compact(`{"alg":"EdDSA",`+tc.members+`}`, i.claims(), k.signer(t))
		_, err := a.Authenticate(t.Context(), token)
		if want := wanted(tc.ok); audit.ErrorCode(err) != want {
			t.Errorf("%.80s: %v, want code %q", tc.members, err, want)
		}
	}
	if n := i.count(); n != 1 || fetched {
		t.Errorf("%d fetches of the keys, want 1; of the token's own: %v", n, fetched)
	}
}

func TestLengthOfKeyID(t *testing.T) {
	atLimit, overLimit := newEd(t, strings.Repeat("k", 128)), newEd(t, strings.Repeat("k", 129))
	i := newIssuer(t, atLimit, overLimit)
	a := i.authenticator(t)
	_, err := a.Authenticate(t.Context(), i.token(t, atLimit))
	check(t, err)
	_, err = a.Authenticate(t.Context(), i.token(t, overLimit))
	wantCode(t, err, audit.CodeTokenInvalid)
}

func TestFormsOfTokens(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	good := i.token(t, k)
	part := strings.Split(good, ".")
	with := func(payload []byte) string { return part[0] + "." + string(payload) + "." + part[2] }
	payload, err := base64.RawURLEncoding.DecodeString(part[1])
	check(t, err)
	forged := bytes.Replace(payload, []byte("tnt_a"), []byte("tnt_b"), 1)
	flattened := `{"protected":"` + part[0] + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`
	atLimit, overLimit := good, good
	for pad := 5000; len(overLimit) <= 8<<10; pad++ {
		atLimit, overLimit = overLimit, i.token(t, k, "pad", strings.Repeat("x", pad))
	}
	for name, tc := range map[string]struct {
		token string
		ok    bool
	}{
		"good":                {good, true},
		"JSON serialization":  {flattened, false},
		"one part":            {part[0], false},
		"two parts":           {part[0] + "." + part[1], false},
		"four parts":          {good + ".", false},
		"encrypted":           {good + "." + part[1] + "." + part[2], false},
		"detached":            {part[0] + ".." + part[2], false},
		"not encoded":         {with(payload), false},
		"padded":              {part[0] + "=." + part[1] + "." + part[2], false},
		"space before":        {" " + good, false},
		"line break":          {part[0] + ".\n" + part[1] + "." + part[2], false},
		"line break at end":   {good + "\n", false},
		"header no object":    {compact(`[]`, i.claims(), unsigned), false},
		"header null":         {compact(`null`, i.claims(), unsigned), false},
		"bearer twice":        {"Bearer " + good, false},
		"changed claims":      {with([]byte(b64(forged))), false},
		"at most 8 KiB":       {atLimit, true},
		"over 8 KiB":          {overLimit, false},
		"a megabyte":          {i.token(t, k, "pad", strings.Repeat("x", 1<<20)), false},
		"claims no object":    {compact(k.header(), `[]`, k.signer(t)), false},
		"claims null":         {compact(k.header(), `null`, k.signer(t)), false},
		"claims empty":        {compact(k.header(), ``, k.signer(t)), false},
		"claims not UTF-8":    {compact(k.header(), "{\"sub\":\"\xff\"}", k.signer(t)), false},
		"bytes after claims":  {compact(k.header(), i.claims()+"{}", k.signer(t)), false},
		"a claim twice":       {duplicate(t, i, k, `"tenant_id":"tnt_b",`), false},
		"escaped claim twice": {duplicate(t, i, k, `"tenant\u005fid":"tnt_b",`), false},
		"a nested one twice":  {duplicate(t, i, k, `"x":{"a":{"b":1,"b":2}},`), false},
		"a case of a claim":   {duplicate(t, i, k, `"TENANT_ID":"tnt_b",`), true}, // another claim
	} {
		p, err := a.Authenticate(t.Context(), tc.token)
		if want := wanted(tc.ok); audit.ErrorCode(err) != want {
			t.Errorf("%s: %v, want code %q", name, err, want)
		}
		if tc.ok && err == nil && p.Tenant != "tnt_a" {
			t.Errorf("%s: tenant %s", name, p.Tenant)
		}
	}
}

// duplicate returns a good token with more claims at its start.
func duplicate(t *testing.T, i *issuer, k signingKey, more string) string {
	return compact(k.header(), "{"+more+i.claims()[1:], k.signer(t))
}

func TestPrincipalOfJWT(t *testing.T) {
	k := newEC(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	now := i.clock.Now().Unix()
	expires := audit.TimeOf(i.clock.Now()) + audit.Hour

	got, err := a.Authenticate(t.Context(), i.token(t, k,
		"email", "ada@example.com", "name", "Ada", "partner_id", "prt_a", "role", "partner_admin",
		"scope", "openid audit:read audit:export", "groups", []string{"ops", "dev"},
		"mfa_verified_at", now-60, "audit_paths", []string{"apps/web/", "db"}))
	check(t, err)
	want := &audit.Principal{
		IdentityID: "user:ada@example.com", IdentityType: audit.TypeUser, DisplayName: "Ada",
		Tenant: "tnt_a", Partner: "prt_a", Scopes: []audit.Scope{audit.ScopeRead, audit.ScopeExport},
		Groups: []string{"ops", "dev"}, Roles: []audit.Role{audit.RolePartnerAdmin},
		PathPrefixes: []audit.Path{"apps/web", "db"}, MFAVerifiedAt: audit.Time(now-60) * audit.Second,
		ExpiresAt: expires,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a user (-want +got):\n%s", diff)
	}

	got, err = a.Authenticate(t.Context(), i.token(t, k, "tenant_id", "tnt_b", "client_id", "robot",
		"token_type", "client_credentials", "scope", nil, "scp", []string{"audit:write"},
		"email", "ada@example.com", "roles", []string{"super_admin", "viewer", "tenant_admin"},
		"mfa_verified_at", "2026-03-01T11:00:00Z"))
	check(t, err)
	want = &audit.Principal{
		IdentityID: "sa:robot", IdentityType: audit.TypeServiceAccount,
		Tenant: "tnt_b", Scopes: []audit.Scope{audit.ScopeWrite},
		Roles:         []audit.Role{audit.RoleTenantAdmin, audit.RoleSuperAdmin},
		MFAVerifiedAt: expires - 2*audit.Hour, ExpiresAt: expires,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a client (-want +got):\n%s", diff)
	}
}

// TestClaims changes claims of a good token.
func TestClaims(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	now := i.clock.Now().Unix()
	const ok, bad, expired = audit.Code(""), audit.CodeTokenInvalid, audit.CodeTokenExpired
	for _, tc := range []struct {
		name    string
		changes []any
		want    audit.Code
	}{
		{"iss of another", []any{"iss", "https://evil.example"}, bad},
		{"iss with a slash more", []any{"iss", i.URL + "/"}, bad},
		{"iss missing", []any{"iss", nil}, bad},
		{"iss a list", []any{"iss", []string{i.URL}}, bad},
		{"aud of another", []any{"aud", "https://other.example"}, bad},
		{"aud longer", []any{"aud", audience + "/x"}, bad},
		{"aud missing", []any{"aud", nil}, bad},
		{"aud a list with ours", []any{"aud", []string{"x", audience}}, ok},
		{"aud a list without ours", []any{"aud", []string{"x"}}, bad},
		{"aud a list of all sorts", []any{"aud", []any{audience, 7}}, bad},
		{"aud an empty list", []any{"aud", []string{}}, bad},
		{"aud an object", []any{"aud", map[string]string{"a": audience}}, bad},

		{"exp at the edge", []any{"exp", now - 59}, ok},
		{"exp over the edge", []any{"exp", now - 60}, expired},
		{"exp long ago", []any{"exp", now - 1e6, "iat", now - 2e6}, bad}, // it lived too long
		{"exp an hour ago", []any{"exp", now - 3600, "iat", now - 7200}, expired},
		{"exp missing", []any{"exp", nil}, bad},
		{"exp a string", []any{"exp", "1e10"}, bad},
		{"exp a number as string", []any{"exp", "1798761600"}, bad},
		{"exp a fraction", []any{"exp", float64(now) + 60.5}, bad},
		{"exp negative", []any{"exp", -1}, bad},
		{"exp zero", []any{"exp", 0, "iat", 0}, expired},
		{"exp huge", []any{"exp", json.Number("99999999999999999999")}, bad},
		{"exp with exponent", []any{"exp", json.Number("2e9")}, bad},
		{"exp a list", []any{"exp", []int64{now + 60}}, bad},
		{"exp a day after iat", []any{"exp", now + 86_400}, ok},
		{"exp over a day after iat", []any{"exp", now + 86_401}, bad},
		{"exp a day from now, no iat", []any{"exp", now + 86_400, "iat", nil}, ok},
		{"exp over a day from now, no iat", []any{"exp", now + 86_401, "iat", nil}, bad},
		{"nbf now", []any{"nbf", now}, ok},
		{"nbf at the edge", []any{"nbf", now + 60}, ok},
		{"nbf over the edge", []any{"nbf", now + 61}, bad},
		{"nbf a string", []any{"nbf", "0"}, bad},
		{"iat at the edge", []any{"iat", now + 60}, ok},
		{"iat over the edge", []any{"iat", now + 61}, bad},
		{"iat a string", []any{"iat", "now"}, bad},
		{"expired and of another tenant's issuer", []any{"exp", now - 3600, "iss", "x"}, bad},

		{"token_type access", []any{"token_type", "access_token"}, ok},
		{"token_type id", []any{"token_type", "id"}, bad},
		{"token_type ID token", []any{"token_type", "ID_Token"}, bad},
		{"token_type refresh", []any{"token_type", "refresh"}, bad},
		{"token_type a list", []any{"token_type", []string{"id"}}, bad},

		{"tenant missing", []any{"tenant_id", nil}, bad},
		{"tenant empty", []any{"tenant_id", ""}, bad},
		{"tenant a list", []any{"tenant_id", []string{"tnt_a"}}, bad},
		{"tenant a path", []any{"tenant_id", "../tnt_a"}, bad},
		{"partner a path", []any{"partner_id", "a/b"}, bad},
		{"partner a number", []any{"partner_id", 7}, bad},
		{"sub missing", []any{"sub", nil}, bad},
		{"sub empty", []any{"sub", ""}, bad},
		{"sub a number", []any{"sub", 7}, bad},
		{"sub with a line break", []any{"sub", "a\nb"}, bad},
		{"sub at the limit", []any{"sub", strings.Repeat("a", audit.MaxIdentityID-len("user:"))}, ok},
		{"sub over the limit", []any{"sub", strings.Repeat("a", audit.MaxIdentityID-len("user:")+1)}, bad},
		{"email instead of sub", []any{"sub", nil, "email", "a@b"}, ok},
		{"client without id", []any{"token_type", "client_credentials"}, bad},
		{"role a list", []any{"role", []string{"super_admin"}}, bad},
		{"roles a string", []any{"roles", "super_admin"}, bad},
		{"scope a list", []any{"scope", []string{"audit:read"}}, bad},
		{"scp a string", []any{"scp", "audit:read"}, bad},

		{"audit_paths empty", []any{"audit_paths", []string{}}, bad},
		{"audit_paths null", []any{"audit_paths", json.RawMessage("null")}, bad},
		{"audit_paths a string", []any{"audit_paths", "apps"}, bad},
		{"audit_paths with an empty one", []any{"audit_paths", []string{"apps", ""}}, bad},
		{"audit_paths with a slash", []any{"audit_paths", []string{"/"}}, bad},
		{"audit_paths with dots", []any{"audit_paths", []string{"apps/../db"}}, bad},
		{"audit_paths with null", []any{"audit_paths", []any{"apps", nil}}, bad},
		{"audit_paths with a number", []any{"audit_paths", []any{"apps", 7}}, bad},

		{"odd claims of whoami", []any{"name", 7, "groups", "ops", "mfa_verified_at", true}, ok},
	} {
		p, err := a.Authenticate(t.Context(), i.token(t, k, tc.changes...))
		if got := audit.ErrorCode(err); got != tc.want {
			t.Errorf("%s: %v, want code %q", tc.name, err, tc.want)
		}
		if err == nil && (p.DisplayName != "" || p.Groups != nil || p.MFAVerifiedAt != audit.NoTime) {
			t.Errorf("%s: described as %+v", tc.name, p)
		}
	}
	if n := i.count(); n != 1 {
		t.Errorf("%d fetches of the keys, want 1", n)
	}
}

func TestScopes(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	for _, tc := range []struct {
		changes []any
		want    []audit.Scope
	}{
		{[]any{"scope", "audit:read audit:export"}, []audit.Scope{audit.ScopeRead, audit.ScopeExport}},
		{[]any{"scope", "audit:read audit:read"}, []audit.Scope{audit.ScopeRead}},
		{[]any{"scope", "audit:read  audit:export"}, []audit.Scope{audit.ScopeRead, audit.ScopeExport}},
		{[]any{"scope", "audit:readaudit:export"}, nil},
		{[]any{"scope", "audit:read\taudit:export"}, nil},
		{[]any{"scope", "audit:read\naudit:export"}, nil},
		{[]any{"scope", "audit:read\u00a0audit:export"}, nil},
		{[]any{"scope", "audit:read,audit:export"}, nil},
		{[]any{"scope", "audit:readonly"}, nil},
		{[]any{"scope", "audit"}, nil},
		{[]any{"scope", "audit:*"}, nil},
		{[]any{"scope", "AUDIT:READ"}, nil},
		{[]any{"scope", ""}, nil},
		{[]any{"scope", nil}, nil},
		{[]any{"scope", nil, "scp", []string{"audit:admin"}}, []audit.Scope{audit.ScopeAdmin}},
		{[]any{"scope", nil, "scp", []string{"audit:admin audit:read"}}, nil},
		{[]any{"scp", []string{"audit:admin"}}, []audit.Scope{audit.ScopeRead}}, // scope counts
	} {
		p, err := a.Authenticate(t.Context(), i.token(t, k, tc.changes...))
		check(t, err)
		if !slices.Equal(tc.want, p.Scopes) {
			t.Errorf("%q: scopes %q, want %q", tc.changes, p.Scopes, tc.want)
		}
	}
}

// TestPartnerIsKept: the first partner that a token names is its tenant's.
func TestPartnerIsKept(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	for _, tc := range []struct {
		tenant string
		claim  any
		want   string
	}{
		{"tnt_a", nil, ""},
		{"tnt_b", nil, ""},
		{"tnt_a", "prt_a", "prt_a"},
		{"tnt_a", nil, "prt_a"},
		{"tnt_b", nil, ""},
	} {
		p, err := a.Authenticate(t.Context(), i.token(t, k, "tenant_id", tc.tenant, "partner_id", tc.claim))
		check(t, err)
		if p.Partner != tc.want || string(p.Tenant) != tc.tenant {
			t.Errorf("claims %s of %v: principal %s of %q, want partner %q",
				tc.tenant, tc.claim, p.Tenant, p.Partner, tc.want)
		}
	}
}
