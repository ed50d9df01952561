package ui

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/scaivault/audit"
)

// Login signs users in at an identity provider: the authorization code flow
// with PKCE. What it brings are tokens for the [Authenticator].
type Login interface {
	// Host is the provider's, for people.
	Host() string
	URL(ctx context.Context, state, verifier string) (string, error)
	Exchange(ctx context.Context, code, verifier string) (token, refresh string, err error)
	Refresh(ctx context.Context, old string) (token, refresh string, err error)
}

// LoginDone is where the provider sends the browser back to.
const LoginDone = "/ui/signin/done"

// attempt is a sign-in at the provider that is under way. It lives in a cookie,
// so that only the browser that began it can end it, and nothing is kept here
// for the many that never do.
type attempt struct{ state, verifier, next string }

func (a attempt) String() string {
	return a.state + "." + a.verifier + "." + base64.RawURLEncoding.EncodeToString([]byte(a.next))
}

func parseAttempt(text string) (a attempt, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] == "" {
		return a, false
	}
	next, err := base64.RawURLEncoding.DecodeString(parts[2])
	return attempt{parts[0], parts[1], string(next)}, err == nil
}

// login sends the browser to the provider.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	a := attempt{newSecret().String(), newSecret().String(), target(r.FormValue("next"))}
	there, err := s.Login.URL(r.Context(), a.state, a.verifier)
	if err != nil {
		s.Logger.Error("sign-in at the identity provider", "error", err)
		s.showDoor(w, r, http.StatusServiceUnavailable,
			"The identity provider does not answer. Try again in a minute, or use a token.")
		return
	}
	http.SetCookie(w, cookie(r, loginCookie, a.String()))
	http.Redirect(w, r, there, http.StatusSeeOther)
}

// loggedIn takes the browser back from the provider, with a code that is
// exchanged for a session.
func (s *Server) loggedIn(w http.ResponseWriter, r *http.Request) {
	a, ok := parseAttempt(readCookie(r, loginCookie))
	http.SetCookie(w, cookie(r, loginCookie, ""))
	if !ok || subtle.ConstantTimeCompare([]byte(a.state), []byte(r.FormValue("state"))) != 1 {
		s.showDoor(w, r, http.StatusForbidden,
			"This sign-in did not begin in this browser, or took too long. Try again; cookies must be allowed.")
		return
	}
	r.Form.Set("next", a.next) // where the door leads, if it stays closed
	code := r.FormValue("code")
	if code == "" {
		s.Logger.Warn("sign-in at the identity provider was refused", "error", fmt.Sprintf("%.100s", r.FormValue("error")))
		s.showDoor(w, r, http.StatusUnauthorized, "The identity provider did not let you in.")
		return
	}
	token, refresh, err := s.Login.Exchange(r.Context(), code, a.verifier)
	if err != nil {
		s.Logger.Error("sign-in at the identity provider", "error", err)
		s.showDoor(w, r, http.StatusBadGateway, "The identity provider gave no token. Try again.")
		return
	}
	if _, err := s.Auth.Authenticate(r.Context(), token); err != nil {
		s.Logger.Error("token of the identity provider", "error", err)
		s.showDoor(w, r, http.StatusForbidden,
			"You are known to the identity provider, but its token is not for this log. Ask who runs it.")
		return
	}
	s.begin(w, r, token, refresh, a.next)
}

// renew gets a session whose token has expired another one. Requests that come
// at the same time wait for one renewal: a provider may take a refresh token
// once only.
func (s *Server) renew(ctx context.Context, id string, x session) (session, error) {
	v, err, _ := s.renewals.Do(id, func() (any, error) {
		if now, ok := s.sessions.find(id); ok && now.token != x.token {
			return now, nil // renewed since x was looked up
		}
		token, refresh, err := s.Login.Refresh(context.WithoutCancel(ctx), x.refresh)
		if err != nil {
			return x, &audit.Error{Code: audit.CodeTokenExpired, Message: "the token cannot be renewed", Err: err}
		}
		if refresh == "" {
			refresh = x.refresh
		}
		x.token, x.refresh = token, refresh
		s.sessions.keep(id, token, refresh)
		return x, nil
	})
	return v.(session), err
}
