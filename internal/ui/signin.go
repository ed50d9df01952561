package ui

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/scaivault/audit"
)

// maxForm is the longest form in bytes.
const maxForm = 64 << 10

// door is what the sign-in page shows.
type door struct {
	frame
	Next    string // where to go then, a target below /ui/
	Host    string
	Version string
	Login   string // host of the identity provider; "" for none
	Problem string
	Ended   bool // a session ended
}

// signinPage shows the form for a token.
func (s *Server) signinPage(w http.ResponseWriter, r *http.Request) {
	s.showDoor(w, r, http.StatusOK, "")
}

func (s *Server) showDoor(w http.ResponseWriter, r *http.Request, status int, problem string) {
	csrf, ok := doorSecret(r)
	if !ok {
		csrf = newSecret()
		http.SetCookie(w, cookie(r, doorCookie, csrf.String()))
	}
	d := &door{
		frame: frame{Title: "Sign in", Theme: theme(r), CSRF: csrf.mask()},
		Next:  target(r.FormValue("next")), Host: r.Host, Version: s.Version,
		Problem: problem, Ended: problem == "" && r.FormValue("ended") != "",
	}
	if s.Login != nil {
		d.Login = s.Login.Host()
	}
	s.render(w, r, status, "signin", d)
}

// doorSecret returns the CSRF token of a browser without a session, from its
// cookie: a page of somebody else can neither read nor set it.
func doorSecret(r *http.Request) (csrf secret, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(readCookie(r, doorCookie))
	return csrf, err == nil && copy(csrf[:], b) == len(csrf) && len(b) == len(csrf)
}

// signin exchanges a token for a session.
func (s *Server) signin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	csrf, ok := doorSecret(r)
	if !ok || !csrf.unmasks(r.PostFormValue("csrf")) || foreign(r) {
		s.showDoor(w, r, http.StatusForbidden, "The form was too old. Try again; cookies must be allowed.")
		return
	}
	token := strings.TrimSpace(r.PostFormValue("token"))
	if token == "" {
		s.showDoor(w, r, http.StatusUnauthorized, "A token is needed.")
		return
	}
	if _, err := s.Auth.Authenticate(r.Context(), token); err != nil {
		problem, status := refusal(err)
		if status == http.StatusInternalServerError {
			s.Logger.Error("sign-in", "error", err)
		}
		s.showDoor(w, r, status, problem)
		return
	}
	s.begin(w, r, token, "", r.PostFormValue("next"))
}

// begin begins a session and leads to where the browser wanted to go.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, token, refresh, next string) {
	if old := readCookie(r, sessionCookie); old != "" {
		s.sessions.end(old) // a new session has a new id: nobody can have planted it
	}
	http.SetCookie(w, cookie(r, sessionCookie, s.sessions.create(token, refresh)))
	http.Redirect(w, r, target(next), http.StatusSeeOther)
}

// refusal says why a token does not open the door.
func refusal(err error) (problem string, status int) {
	switch audit.ErrorCode(err) {
	case audit.CodeTokenExpired:
		return "This token has expired. Make a new one.", http.StatusUnauthorized
	case audit.CodeTokenRevoked:
		return "This token was revoked.", http.StatusUnauthorized
	case audit.CodeTokenInvalid, audit.CodeAuthenticationRequired:
		return "This is not a token of this server. Check that all of it was copied.", http.StatusUnauthorized
	}
	return "The token could not be checked. Try again in a minute.", http.StatusInternalServerError
}

// signout ends the session.
func (s *Server) signout(p *page) error {
	s.sessions.end(readCookie(p.r, sessionCookie))
	http.SetCookie(p.w, cookie(p.r, sessionCookie, ""))
	http.Redirect(p.w, p.r, "/ui/signin", http.StatusSeeOther)
	return nil
}

// target returns next if it is a place below /ui/ on this server, else the
// first page.
func target(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/ui/") ||
		strings.ContainsAny(next, "\\\r\n") || strings.HasPrefix(next, "/ui/signin") {
		return "/ui/"
	}
	return next
}

// foreign reports whether a browser says that another site made the request
// (the Fetch Metadata headers of the W3C).
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none"
}
