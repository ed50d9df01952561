package ui

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// Limits of sessions.
const (
	// IdleTime is how long a session lasts without a request.
	IdleTime = 30 * time.Minute
	// MaxAge is how long a session lasts at most.
	MaxAge = 12 * time.Hour
	// MaxSessions is how many sessions there may be at a time; the one that
	// was idle longest makes room for the next.
	MaxSessions = 10_000
)

// session is a browser that showed a token. The token stays in memory, so that
// each request can ask whether it is still good; the browser never has it.
type session struct {
	token         string
	refresh       string         // what renews the token; "" for none
	tenant        audit.TenantID // that was chosen; "" for the token's own
	csrf          secret
	created, seen time.Time
}

// sessions are the sessions of this process, by their ids. A restart ends all.
type sessions struct {
	clock func() time.Time
	mu    sync.Mutex
	byID  map[string]*session
}

func newSessions(clock func() time.Time) *sessions {
	return &sessions{clock: clock, byID: make(map[string]*session)}
}

// create returns the id of a new session.
func (s *sessions) create(token, refresh string) string {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.byID, func(_ string, x *session) bool { return x.ended(now) })
	if len(s.byID) >= MaxSessions {
		delete(s.byID, s.idlest())
	}
	id := newSecret().String()
	s.byID[id] = &session{token: token, refresh: refresh, csrf: newSecret(), created: now, seen: now}
	return id
}

// idlest returns the id of the session that was idle longest.
func (s *sessions) idlest() (id string) {
	for k, x := range s.byID {
		if id == "" || x.seen.Before(s.byID[id].seen) {
			id = k
		}
	}
	return id
}

// find returns a copy of a session that has not ended, and notes that it was
// used.
func (s *sessions) find(id string) (session, bool) {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.byID[id]
	if !ok {
		return session{}, false
	}
	if x.ended(now) {
		delete(s.byID, id)
		return session{}, false
	}
	x.seen = now
	return *x, true
}

// show lets a session show the log of a tenant.
func (s *sessions) show(id string, tenant audit.TenantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.byID[id]; x != nil {
		x.tenant = tenant
	}
}

// keep gives a session a newer token, and what renews that.
func (s *sessions) keep(id, token, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.byID[id]; x != nil {
		x.token, x.refresh = token, refresh
	}
}

// end ends a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

func (x *session) ended(now time.Time) bool {
	return now.Sub(x.seen) >= IdleTime || now.Sub(x.created) >= MaxAge
}

// secret is 256 random bits: an id that nobody guesses, or a CSRF token.
type secret [32]byte

func newSecret() (s secret) {
	rand.Read(s[:]) // never fails
	return s
}

// String returns the secret as text for a cookie.
func (s secret) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// mask returns the secret as text for a page: other text each time, so that
// the size of a compressed page that also holds what someone else chose does
// not tell it (the attack called BREACH).
func (s secret) mask() string {
	pad := newSecret()
	var b [64]byte
	copy(b[:32], pad[:])
	subtle.XORBytes(b[32:], pad[:], s[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// unmasks reports whether text is the secret, masked.
func (s secret) unmasks(text string) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 64 {
		return false
	}
	subtle.XORBytes(b[32:], b[:32], b[32:])
	return subtle.ConstantTimeCompare(b[32:], s[:]) == 1
}

// Names of cookies. Under TLS they have the prefix that lets nobody but this
// host set them (RFC 6265bis, section 4.1.3.2).
const (
	sessionCookie = "scaivault_audit"
	doorCookie    = "scaivault_audit_door"  // the CSRF token of whoever has no session yet
	loginCookie   = "scaivault_audit_login" // a sign-in at the identity provider
	themeCookie   = "theme"                 // set by the script, light or dark
	hostPrefix    = "__Host-"
)

// cookie returns a cookie for r's browser; "" removes it.
func cookie(r *http.Request, name, value string) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if r.TLS != nil {
		c.Name, c.Secure = hostPrefix+name, true
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// readCookie returns the value of a cookie that [cookie] made.
func readCookie(r *http.Request, name string) string {
	if r.TLS != nil {
		name = hostPrefix + name
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
