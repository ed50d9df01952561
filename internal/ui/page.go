package ui

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// frame is what every page shows around its own part.
type frame struct {
	Title   string
	Section string // of the navigation
	Theme   string // light, dark, or "" for what the system says
	CSRF    string
	Who     *identity
	Tenant  audit.TenantID
	Tenants []option // to switch to
	Scopes  string
	Export  bool // whether exports are shown
	Admin   bool // whether tokens and settings are
	Flows   bool // whether sources and sinks are
	Seal    seal
	Now     audit.Time
	Printed string // when this was; a script sets it when it is printed
	Address string // of the page; a script sets it too
}

// page is a request of somebody who is signed in.
type page struct {
	w       http.ResponseWriter
	r       *http.Request
	session session
	tenant  audit.TenantID // whose log is shown
	who     *audit.Principal
	now     time.Time
	seal    seal
	tenants []audit.TenantID // that the session may show; none if only its own
}

// member wraps a handler for those who are signed in.
func (s *Server) member(handle func(*page) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := &page{w: w, r: r, now: s.Clock()}
		ctx, cancel := context.WithTimeout(r.Context(), QueryTimeout)
		defer cancel()
		p.r = r.WithContext(ctx)
		if err := s.admit(p); err != nil {
			s.refuse(p, err)
			return
		}
		p.seal = newSeal(s.Evidence.Sealed(p.tenant), audit.TimeOf(p.now))
		if err := handle(p); err != nil {
			s.fail(p, err)
		}
	}
}

// errNoSession is the error of a browser without a session.
var errNoSession = errors.New("no session")

// errForged is the error of a form that a page of ours did not send.
var errForged = audit.Errorf(audit.CodeAccessDenied, "the form did not come from this page; load it again")

// admit finds the session and asks whether its token is still good.
func (s *Server) admit(p *page) (err error) {
	id := readCookie(p.r, sessionCookie)
	var ok bool
	if p.session, ok = s.sessions.find(id); !ok {
		return errNoSession
	}
	p.who, err = s.Auth.Authenticate(p.r.Context(), p.session.token)
	if audit.ErrorCode(err) == audit.CodeTokenExpired && p.session.refresh != "" {
		if p.session, err = s.renew(p.r.Context(), id, p.session); err == nil {
			p.who, err = s.Auth.Authenticate(p.r.Context(), p.session.token)
		}
	}
	if err != nil {
		switch audit.ErrorCode(err) {
		case audit.CodeTokenExpired, audit.CodeTokenRevoked, audit.CodeTokenInvalid,
			audit.CodeAuthenticationRequired:
			s.sessions.end(id)
			return errNoSession
		}
		return err
	}
	if err := s.choose(p); err != nil {
		return err
	}
	if p.r.Method == http.MethodGet || p.r.Method == http.MethodHead {
		return nil
	}
	most := int64(maxForm)
	if p.r.URL.Path == verifyURL {
		most = MaxVerified
	}
	p.r.Body = http.MaxBytesReader(p.w, p.r.Body, most)
	if foreign(p.r) || !p.session.csrf.unmasks(p.r.PostFormValue("csrf")) {
		return errForged
	}
	return nil
}

// refuse sends a browser without a session to the door, and back afterwards.
// To htmx it says so by a header: a redirect would put the door into the page.
func (s *Server) refuse(p *page, err error) {
	if !errors.Is(err, errNoSession) {
		p.who = &audit.Principal{}
		s.fail(p, err)
		return
	}
	v := url.Values{"next": {"/ui/"}}
	if p.r.Method == http.MethodGet {
		v.Set("next", p.r.URL.RequestURI())
	}
	if readCookie(p.r, sessionCookie) != "" {
		v.Set("ended", "1")
	}
	if p.fragment() {
		if here, err := url.Parse(p.r.Header.Get("HX-Current-URL")); err == nil {
			v.Set("next", target(here.RequestURI()))
		}
		p.w.Header().Set("HX-Redirect", "/ui/signin?"+v.Encode())
		p.w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(p.w, p.r, "/ui/signin?"+v.Encode(), http.StatusSeeOther)
}

// may returns an error unless the token has the scope.
func (p *page) may(scope audit.Scope) error {
	if !p.who.May(scope) {
		return audit.Errorf(audit.CodeInsufficientScope, "the token lacks the scope %q", scope)
	}
	return nil
}

// fragment reports whether htmx asks for a part of a page.
func (p *page) fragment() bool {
	return p.r.Header.Get("HX-Request") == "true" && p.r.Header.Get("HX-History-Restore-Request") != "true"
}

// frame returns what is around the page.
func (p *page) frame(title, section string) frame {
	scopes := make([]string, 0, len(p.who.Scopes))
	for _, s := range p.who.Scopes {
		scopes = append(scopes, string(s))
	}
	f := frame{
		Title: title, Section: section, Theme: theme(p.r), CSRF: p.session.csrf.mask(),
		Who: newIdentity(p.who.IdentityID, p.who.IdentityType), Tenant: p.tenant, Seal: p.seal,
		Scopes: strings.Join(scopes, ", "), Export: p.who.May(audit.ScopeExport),
		Admin: p.who.May(audit.ScopeAdmin), Flows: p.overseesSinks() == nil, Now: audit.TimeOf(p.now),
		Printed: p.now.UTC().Format("2006-01-02 15:04:05 UTC"), Address: p.r.Host + p.r.URL.RequestURI(),
	}
	for _, t := range p.tenants {
		f.Tenants = append(f.Tenants, option{Label: string(t), On: t == p.tenant})
	}
	return f
}

// theme returns the scheme that the browser's user chose.
func theme(r *http.Request) string {
	c, err := r.Cookie(themeCookie)
	if err != nil || c.Value != "light" && c.Value != "dark" {
		return ""
	}
	return c.Value
}

// minGzip is the size in bytes from which on pages are compressed.
const minGzip = 1 << 10

// render answers with a template.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.pages.execute(&b, name, data); err != nil {
		s.Logger.Error("render page", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "HX-Request, Accept-Encoding, Cookie")
	if b.Len() < minGzip || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(status)
		w.Write(b.Bytes())
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is one of gzip's own
	z.Write(b.Bytes())
	z.Close()
}
