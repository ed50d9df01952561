package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

const audience = "https://audit.example"

// signingKey is a key of an identity provider.
type signingKey struct {
	kid, alg string
	private  crypto.Signer
}

func newRSA(t *testing.T, kid string, bits int) signingKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	check(t, err)
	return signingKey{kid, "RS256", k}
}

func newEC(t *testing.T, kid string) signingKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return signingKey{kid, "ES256", k}
}

func newEd(t *testing.T, kid string) signingKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	return signingKey{kid, "EdDSA", k}
}

// sign returns the signature of a JWT's first two parts.
func (k signingKey) sign(t *testing.T, input string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	switch private := k.private.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(private, []byte(input))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		check(t, err)
		size := (private.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	sig, err := k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	check(t, err)
	return sig
}

// signer returns sign for [compact].
func (k signingKey) signer(t *testing.T) func(string) []byte {
	return func(input string) []byte { return k.sign(t, input) }
}

// jwk returns the public key as a member of a JWK set.
func (k signingKey) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Algorithm: k.alg, Use: "sig"}
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// compact returns the JWT of a header and claims as JSON text.
func compact(header, claims string, sign func(input string) []byte) string {
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	return input + "." + b64(sign(input))
}

func hs256(secret []byte) func(string) []byte {
	return func(input string) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
}

func unsigned(string) []byte { return nil }

// issuer is an identity provider on loopback.
type issuer struct {
	*httptest.Server
	clock *clock

	mu       sync.Mutex
	metadata map[string]any
	keys     http.HandlerFunc
	fetches  int // of the key set
}

func newIssuer(t *testing.T, keys ...signingKey) *issuer {
	t.Helper()
	i := &issuer{clock: newClock()}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		json.NewEncoder(w).Encode(i.metadata)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.fetches++
		serve := i.keys
		i.mu.Unlock()
		serve(w, r)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.metadata = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
	i.publish(keys...)
	return i
}

// serve has the key set answered by f.
func (i *issuer) serve(f http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = f
}

// publish replaces the key set.
func (i *issuer) publish(keys ...signingKey) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.jwk())
	}
	data, _ := json.Marshal(set)
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.Write(data) })
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// authenticator returns one that trusts the issuer, found by discovery.
func (i *issuer) authenticator(t *testing.T) *auth.Authenticator {
	t.Helper()
	m := vfs.NewMem()
	a, err := auth.New(auth.Config{
		Tokens: openTokens(t, m, "/data", i.clock), Tenants: openTenants(t, m, "/data", i.clock),
		Issuer: i.URL, Audience: audience, Clock: i.clock.Now,
	})
	check(t, err)
	return a
}

// claims are those of a token with nothing wrong, changed by the pairs of names
// and values; a value of nil removes the claim.
func (i *issuer) claims(changes ...any) string {
	now := i.clock.Now().Unix()
	c := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "u-1", "tenant_id": "tnt_a",
		"scope": "audit:read", "iat": now, "exp": now + int64(time.Hour/time.Second),
	}
	for n := 0; n < len(changes); n += 2 {
		name := changes[n].(string)
		if c[name] = changes[n+1]; changes[n+1] == nil {
			delete(c, name)
		}
	}
	data, _ := json.Marshal(c)
	return string(data)
}

// header is that of a token with nothing wrong.
func (k signingKey) header() string {
	return `{"typ":"at+jwt","alg":"` + k.alg + `","kid":"` + k.kid + `"}`
}

// token returns a token with nothing wrong but the changes.
func (i *issuer) token(t *testing.T, k signingKey, changes ...any) string {
	t.Helper()
	return compact(k.header(), i.claims(changes...), k.signer(t))
}
