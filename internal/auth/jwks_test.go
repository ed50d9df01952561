package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

// TestRotation rotates keys as issuers do: publish the new one, sign with it,
// remove the old one. Nobody notices until the removed key's time is over.
func TestRotation(t *testing.T) {
	old, next := newEd(t, "old"), newEC(t, "next")
	i := newIssuer(t, old)
	a := i.authenticator(t)
	accepts := func(when string, keys ...signingKey) {
		t.Helper()
		for _, k := range keys {
			if _, err := a.Authenticate(t.Context(), i.token(t, k)); err != nil {
				t.Errorf("%s, key %s: %v", when, k.kid, err)
			}
		}
	}
	accepts("at first", old)
	i.clock.Add(31 * time.Second)
	i.publish(old, next)
	accepts("in the overlap", old, next, old)
	i.publish(next)
	i.clock.Add(10*time.Minute - time.Microsecond)
	accepts("while the set is fresh", old, next)
	i.clock.Add(time.Microsecond)
	accepts("later", next)
	_, err := a.Authenticate(t.Context(), i.token(t, old))
	wantCode(t, err, audit.CodeTokenInvalid)
}

// TestFloodOfKeyIDs: random key ids have the issuer asked once in 30 s at most,
// and good tokens are accepted meanwhile.
func TestFloodOfKeyIDs(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	const flood, step = 1000, 100 * time.Millisecond
	for n := range flood {
		forged := signingKey{fmt.Sprint("random", n), k.alg, k.private}
		_, err := a.Authenticate(t.Context(), i.token(t, forged))
		wantCode(t, err, audit.CodeTokenInvalid)
		if n%10 == 0 {
			_, err = a.Authenticate(t.Context(), i.token(t, k))
			check(t, err)
		}
		i.clock.Add(step)
	}
	if most := int(flood*step/(30*time.Second)) + 1; i.count() > most {
		t.Errorf("%d fetches, want at most %d", i.count(), most)
	}
}

func TestOneFetchAtATime(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	serve, arrived, release := i.keys, make(chan struct{}), make(chan struct{})
	i.serve(func(w http.ResponseWriter, r *http.Request) {
		close(arrived) // panics if there is a second one
		<-release
		serve(w, r)
	})
	token := i.token(t, k)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { a.Authenticate(ctx, token) })
	<-arrived
	cancel() // who began the fetch is gone; the others get their keys
	for range 8 {
		wg.Go(func() {
			if _, err := a.Authenticate(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	_, err := a.Authenticate(ctx, token)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a request that is gone: %v, want context.Canceled", err)
	}
	close(release)
	wg.Wait()
	if i.count() != 1 {
		t.Errorf("%d fetches, want 1", i.count())
	}
}

// TestIssuerDown keeps the last good set for a day, and asks all the time.
func TestIssuerDown(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	authenticate := func() error {
		_, err := a.Authenticate(t.Context(), i.token(t, k))
		return err
	}
	check(t, authenticate())
	fetched := i.clock.Now()
	serve := i.keys
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for i.clock.Now().Sub(fetched) < 24*time.Hour-time.Minute {
		i.clock.Add(time.Minute)
		check(t, authenticate())
	}
	i.clock.Add(time.Minute - time.Microsecond)
	check(t, authenticate())
	i.clock.Add(time.Microsecond)
	err := authenticate()
	wantCode(t, err, audit.CodeUnavailable)
	if e := (*audit.Error)(nil); !errors.As(err, &e) || strings.Contains(e.Message, i.URL) ||
		!strings.Contains(err.Error(), "502") {
		t.Errorf("error %v: want the cause in it, and not in its message", err)
	}
	i.serve(serve)
	i.clock.Add(30 * time.Second)
	check(t, authenticate())
}

// TestIssuerDownAtStart: tokens are accepted as soon as it is there.
func TestIssuerDownAtStart(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	serve := i.keys
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	a := i.authenticator(t)
	for range 3 {
		_, err := a.Authenticate(t.Context(), i.token(t, k))
		wantCode(t, err, audit.CodeUnavailable)
	}
	i.serve(serve)
	i.clock.Add(30 * time.Second)
	_, err := a.Authenticate(t.Context(), i.token(t, k))
	check(t, err)
	if i.count() != 2 {
		t.Errorf("%d fetches, want 2", i.count())
	}
}

// TestKeySets serves key sets that are accepted or not.
func TestKeySets(t *testing.T) {
	k, other := newEd(t, "k"), newEd(t, "other")
	set := func(keys ...any) string {
		data, err := json.Marshal(map[string]any{"keys": keys})
		check(t, err)
		return string(data)
	}
	many := func(n int) []any {
		keys := []any{k.jwk()}
		for len(keys) < n {
			jwk := other.jwk()
			jwk.KeyID = fmt.Sprint("k", len(keys))
			keys = append(keys, jwk)
		}
		return keys
	}
	private := jose.JSONWebKey{Key: k.private, KeyID: "k"}
	encrypting, mislabelled, bare := k.jwk(), k.jwk(), k.jwk()
	encrypting.Use, mislabelled.Algorithm = "enc", "RS256"
	bare.Use, bare.Algorithm = "", ""
	secret := map[string]string{"kty": "oct", "kid": "s", "k": b64([]byte(strings.Repeat("s", 32)))}
	unknown := map[string]string{"kty": "new", "kid": "x"}
	padded := func(n int) string { // a set of n bytes
		text := set(k.jwk())
		return text + strings.Repeat(" ", n-len(text))
	}
	for _, tc := range []struct {
		name, body string
		want       audit.Code // "" is accepted
	}{
		{"one key", set(k.jwk()), ""},
		{"use and alg left out", set(bare), ""},
		{"keys for other purposes beside it", set(secret, unknown, k.jwk(), 7), ""},
		{"100 keys", set(many(100)...), ""},
		{"101 keys", set(many(101)...), audit.CodeUnavailable},
		{"256 KiB", padded(256 << 10), ""},
		{"over 256 KiB", padded(256<<10 + 1), audit.CodeUnavailable},
		{"id twice", set(k.jwk(), signingKey{"k", "EdDSA", other.private}.jwk()), audit.CodeUnavailable},
		{"no key", set(), audit.CodeUnavailable},
		{"private key", set(private), audit.CodeTokenInvalid},
		{"for encryption", set(encrypting), audit.CodeTokenInvalid},
		{"for another algorithm", set(mislabelled), audit.CodeTokenInvalid},
		{"no list", `{}`, audit.CodeUnavailable},
		{"list twice", `{"keys":[],"keys":` + set(k.jwk())[len(`{"keys":`):], audit.CodeUnavailable},
		{"no JSON", `<html>`, audit.CodeUnavailable},
		{"empty", ``, audit.CodeUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := newIssuer(t)
			i.serve(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(tc.body)) })
			_, err := i.authenticator(t).Authenticate(t.Context(), i.token(t, k))
			if audit.ErrorCode(err) != tc.want {
				t.Errorf("%v, want code %q", err, tc.want)
			}
			if i.count() != 1 {
				t.Errorf("%d fetches, want 1", i.count())
			}
		})
	}
}

// TestBadSetKeepsTheGoodOne: an issuer's accident is not the end of its tokens.
func TestBadSetKeepsTheGoodOne(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	a := i.authenticator(t)
	for range 2 {
		_, err := a.Authenticate(t.Context(), i.token(t, k))
		check(t, err)
		i.serve(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) })
		i.clock.Add(11 * time.Minute)
	}
	i.publish() // but an empty set is the issuer's word
	_, err := a.Authenticate(t.Context(), i.token(t, k))
	wantCode(t, err, audit.CodeTokenInvalid)
}

func TestKeyIDMayBeLeftOutOfAnUnambiguousSet(t *testing.T) {
	k, other := newEd(t, "k"), newEd(t, "other")
	nameless := signingKey{"", k.alg, k.private}
	for _, tc := range []struct {
		name string
		keys []signingKey
		want audit.Code
	}{
		{"only key", []signingKey{k}, ""},
		{"two keys", []signingKey{k, other}, audit.CodeTokenInvalid},
		{"two keys, one without id", []signingKey{nameless, other}, ""},
	} {
		i := newIssuer(t, tc.keys...)
		token := compact(`{"alg":"EdDSA"}`, i.claims(), k.signer(t))
		_, err := i.authenticator(t).Authenticate(t.Context(), token)
		if got := audit.ErrorCode(err); got != tc.want {
			t.Errorf("%s: %v, want code %q", tc.name, err, tc.want)
		}
	}
}

func TestDiscoveryRefuses(t *testing.T) {
	k := newEd(t, "k")
	for name, change := range map[string]func(*issuer){
		"another issuer":    func(i *issuer) { i.metadata["issuer"] = "https://evil.example" },
		"issuer with slash": func(i *issuer) { i.metadata["issuer"] = i.URL + "/" },
		"no keys":           func(i *issuer) { delete(i.metadata, "jwks_uri") },
		"keys in the clear": func(i *issuer) { i.metadata["jwks_uri"] = "http://idp.example/keys" },
		"keys in a file":    func(i *issuer) { i.metadata["jwks_uri"] = "file:///keys" },
		"another type":      func(i *issuer) { i.metadata["jwks_uri"] = 7 },
	} {
		i := newIssuer(t, k)
		change(i)
		_, err := i.authenticator(t).Authenticate(t.Context(), i.token(t, k))
		if audit.ErrorCode(err) != audit.CodeUnavailable || i.count() != 0 {
			t.Errorf("%s: %v, %d fetches; want service_unavailable and none", name, err, i.count())
		}
	}
}

func TestConfiguredKeysNeedNoDiscovery(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	i.metadata = nil
	m := vfs.NewMem()
	a, err := auth.New(auth.Config{
		Tokens: openTokens(t, m, "/data", i.clock), Tenants: openTenants(t, m, "/data", i.clock),
		Issuer: i.URL, Audience: audience, JWKSURL: i.URL + "/keys", Clock: i.clock.Now,
	})
	check(t, err)
	_, err = a.Authenticate(t.Context(), i.token(t, k))
	check(t, err)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	k := newEd(t, "k")
	i := newIssuer(t, k)
	followed := false
	serve := i.keys
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed = true
		serve(w, r)
	}))
	t.Cleanup(other.Close)
	i.serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	_, err := i.authenticator(t).Authenticate(t.Context(), i.token(t, k))
	wantCode(t, err, audit.CodeUnavailable)
	if followed {
		t.Error("the redirect was followed")
	}
}
