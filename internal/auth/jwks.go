package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/scaivault/audit"
)

// How long a key set is believed, and how often the issuer is asked.
const (
	keysFresh = 10 * time.Minute // a key that was removed works for this long
	keysKept  = 24 * time.Hour   // the last good set, while the issuer is down
	askEvery  = 30 * time.Second // at most, whatever the tokens say
)

// What a key set may hold.
const (
	maxKeys    = 100
	minRSABits = 2048
	maxRSABits = 8192 // a larger one costs too much to check
)

// keySet is the issuer's keys. They are fetched when a token needs them, by its
// request: while the set is not fresh, or when a token names a key that is not
// in it. The second is what an issuer that rotates its keys counts on, and what
// an attacker with random key ids would use to have the issuer flooded: so
// there is one fetch at a time, and one in askEvery.
type keySet struct {
	issuer string
	url    string // "" for discovery
	client *http.Client
	clock  func() time.Time

	mu      sync.Mutex // guards the fields below; not held while fetching
	keys    map[string]key
	fetched time.Time     // when keys were
	asked   time.Time     // when the issuer last was, successfully or not
	failure error         // of the last time
	flight  chan struct{} // closed at the end of the fetch that is under way, else nil
}

// key is a public key and the one algorithm that it is used with.
type key struct {
	alg    jose.SignatureAlgorithm
	public any
}

// algorithms are those that are accepted: neither "none" nor one with a shared
// secret, for which a public key could be taken (RFC 8725, section 2.1).
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.RS256}
}

func newKeySet(issuer, jwksURL string, clock func() time.Time) (*keySet, error) {
	s := &keySet{issuer: issuer, url: jwksURL, client: newClient(), clock: clock}
	if jwksURL != "" {
		return s, checkURL("JWKS URL", jwksURL)
	}
	return s, checkURL("issuer", issuer)
}

// key returns the issuer's key of that id, "" being the only key of a set.
func (s *keySet) key(ctx context.Context, kid string) (key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.lookup(kid, keysFresh); ok {
		return k, nil
	}
	now := s.clock()
	if s.flight == nil && (s.asked.IsZero() || now.Sub(s.asked) >= askEvery) {
		s.fetch(ctx, now)
	} else if _, ok := s.lookup(kid, keysKept); s.flight != nil && !ok {
		if err := s.wait(ctx); err != nil {
			return key{}, err
		}
	}
	if k, ok := s.lookup(kid, keysKept); ok {
		return k, nil
	}
	if s.failure != nil && !s.younger(keysKept) {
		// The token may well be good: the client should keep it and come back.
		return key{}, &audit.Error{
			Code:    audit.CodeUnavailable,
			Message: "the issuer's keys cannot be had now", // where and how is not the client's business
			Err:     s.failure,
		}
	}
	return key{}, invalid("its key is not one of the issuer's")
}

// younger reports whether there is a set that is younger than most.
func (s *keySet) younger(most time.Duration) bool {
	return s.keys != nil && s.clock().Sub(s.fetched) < most
}

// lookup returns the key of that id if the set is younger than most.
func (s *keySet) lookup(kid string, most time.Duration) (key, bool) {
	if !s.younger(most) {
		return key{}, false
	}
	if kid == "" && len(s.keys) == 1 {
		for _, k := range s.keys {
			return k, true
		}
	}
	k, ok := s.keys[kid]
	return k, ok
}

// fetch asks the issuer, unlocked meanwhile. That the request which needs the
// keys is given up does not stop it: others wait for them.
func (s *keySet) fetch(ctx context.Context, now time.Time) {
	done := make(chan struct{})
	s.asked, s.flight = now, done
	s.mu.Unlock()
	keys, err := s.ask(context.WithoutCancel(ctx))
	s.mu.Lock()
	s.flight, s.failure = nil, err
	if err == nil {
		s.keys, s.fetched = keys, now
	}
	close(done)
}

// wait waits for the fetch that is under way, unlocked meanwhile.
func (s *keySet) wait(ctx context.Context) error {
	done := s.flight
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask fetches the issuer's keys, from where its metadata says they are unless
// that is configured.
func (s *keySet) ask(ctx context.Context) (map[string]key, error) {
	where := s.url
	if where == "" {
		m, err := discover(ctx, s.client, s.issuer)
		if err == nil {
			err = checkURL("jwks_uri", m.JWKSURI)
		}
		if err != nil {
			return nil, err
		}
		where = m.JWKSURI
	}
	data, err := get(ctx, s.client, where)
	if err != nil {
		return nil, err
	}
	return parseKeys(data)
}

// parseKeys reads a JWK set. Keys for other purposes, or not good enough, are
// left out (RFC 7517, section 5); two keys of one id make the set ambiguous.
func parseKeys(data []byte) (map[string]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	if set.Keys == nil || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("read key set: %d keys: want a list of at most %d", len(set.Keys), maxKeys)
	}
	keys := make(map[string]key)
	for _, raw := range set.Keys {
		var jwk jose.JSONWebKey
		if err := jwk.UnmarshalJSON(raw); err != nil {
			continue
		}
		alg := algorithmOf(jwk.Key)
		if alg == "" || jwk.Use != "" && jwk.Use != "sig" || jwk.Algorithm != "" && jwk.Algorithm != string(alg) {
			continue
		}
		if _, ok := keys[jwk.KeyID]; ok {
			return nil, errors.New("read key set: two keys have the same id")
		}
		keys[jwk.KeyID] = key{alg, jwk.Key}
	}
	return keys, nil
}

// algorithmOf returns the algorithm for a public key, "" if it is private, weak
// or of a kind that is not accepted.
func algorithmOf(public any) jose.SignatureAlgorithm {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); minRSABits <= bits && bits <= maxRSABits {
			return jose.RS256
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return jose.ES256
		}
	case ed25519.PublicKey:
		return jose.EdDSA
	}
	return ""
}
