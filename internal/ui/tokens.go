package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// Tokens is what the pages ask of personal access tokens. All of it concerns
// the tokens of one tenant; those of others are as if they did not exist.
type Tokens interface {
	// Tokens lists them, the oldest first.
	Tokens(tenant audit.TenantID) ([]Token, error)
	// CreateToken makes one, and returns the secret, which nobody can show again.
	// Bad members are an [audit.CodeValidationError].
	CreateToken(tenant audit.TenantID, t NewToken) (secret string, made Token, err error)
	// RevokeToken ends one; an unknown one is an [audit.CodeNotFound].
	RevokeToken(tenant audit.TenantID, id string, by audit.IdentityID) error
}

// Token is what is known of a personal access token; never the token.
type Token struct {
	ID         string
	Identity   audit.IdentityID
	Name       string
	Scopes     []audit.Scope
	Paths      []audit.Path // what it may read lies within them; none: everything
	LastFour   string       // characters of the token
	CreatedAt  audit.Time
	CreatedBy  audit.IdentityID
	ExpiresAt  audit.Time
	LastUsedAt *audit.Time // nil for never
	RevokedAt  *audit.Time // nil if it is not
	RevokedBy  audit.IdentityID
}

// NewToken says which token to make.
type NewToken struct {
	Identity  audit.IdentityID
	Name      string
	Scopes    []audit.Scope
	Paths     []audit.Path
	Lifetime  time.Duration
	CreatedBy audit.IdentityID
}

// tokensPage lists tokens and makes them.
type tokensPage struct {
	frame
	Live, Ended []tokenRow
	Form        tokenForm
	Lifetimes   []choice
	Scoped      []choice
	Made        *tokenRow
	Secret      string // of the one that was just made, shown once
	Problems    []audit.FieldError
}

// tokenForm is what somebody wrote into the form.
type tokenForm struct{ Identity, Name, Paths string }

// tokenRow is a token as the page shows it.
type tokenRow struct {
	ID, Name, Four string
	Who, By        *identity
	Scopes, Paths  []string
	Created, Ends  when
	Used           *when
	State          string // expired or revoked; "" if it is good
	Here           bool   // the one that this session was opened with
}

// tokenLifetimes are the lifetimes of the form, in days.
var tokenLifetimes = []struct {
	value, label string
	days         int
}{{"1", "1 day", 1}, {"7", "7 days", 7}, {"30", "30 days", 30}, {"90", "90 days", 90}, {"365", "1 year", 365}}

// scopeNotes say what a scope is for.
var scopeNotes = map[audit.Scope]string{
	audit.ScopeRead: "query and prove", audit.ScopeExport: "exports into buckets",
	audit.ScopeWrite: "append events", audit.ScopeAdmin: "tokens and settings",
}

// tokens answers GET /ui/tokens.
func (s *Server) tokens(p *page) error {
	x := &tokensPage{}
	if err := s.fillTokens(p, x); err != nil {
		return err
	}
	s.render(p.w, p.r, http.StatusOK, "tokens", x)
	return nil
}

// fillTokens fills what the page shows besides what was just made.
func (s *Server) fillTokens(p *page, x *tokensPage) error {
	if err := p.may(audit.ScopeAdmin); err != nil {
		return err
	}
	x.frame = p.frame("Tokens", "tokens")
	list, err := s.Tokens.Tokens(p.tenant)
	if err != nil {
		return err
	}
	slices.Reverse(list) // the newest first
	for i := range list {
		if !p.oversees(list[i].Paths) {
			continue
		}
		row := newTokenRow(&list[i], p, x.Now)
		if row.State == "" {
			x.Live = append(x.Live, row)
		} else {
			x.Ended = append(x.Ended, row)
		}
	}
	life, scopes := p.r.PostForm.Get("lifetime"), p.r.PostForm["scope"]
	if life == "" {
		life, scopes = "90", []string{string(audit.ScopeRead)}
	}
	for _, l := range tokenLifetimes {
		x.Lifetimes = append(x.Lifetimes, choice{Value: l.value, Label: l.label, On: l.value == life})
	}
	for _, scope := range audit.Scopes() {
		x.Scoped = append(x.Scoped, choice{Value: string(scope), Label: string(scope), Note: scopeNotes[scope],
			On: slices.Contains(scopes, string(scope))})
	}
	return nil
}

// oversees reports whether the session, which may be bound to paths itself,
// reaches as far as a token that is bound to some.
func (p *page) oversees(paths []audit.Path) bool {
	if len(p.who.PathPrefixes) == 0 {
		return true
	}
	outside := func(x audit.Path) bool { return !slices.ContainsFunc(p.who.PathPrefixes, x.Within) }
	return len(paths) > 0 && !slices.ContainsFunc(paths, outside)
}

func newTokenRow(t *Token, p *page, now audit.Time) tokenRow {
	x := tokenRow{ID: t.ID, Name: t.Name, Four: t.LastFour, Who: newIdentity(t.Identity, ""), By: newIdentity(t.CreatedBy, ""),
		Created: newWhen(t.CreatedAt, now), Ends: newWhen(t.ExpiresAt, now), Here: t.ID == p.who.TokenID}
	for _, s := range t.Scopes {
		x.Scopes = append(x.Scopes, strings.TrimPrefix(string(s), "audit:"))
	}
	for _, path := range t.Paths {
		x.Paths = append(x.Paths, string(path))
	}
	if t.LastUsedAt != nil {
		w := newWhen(*t.LastUsedAt, now)
		x.Used = &w
	}
	switch {
	case t.RevokedAt != nil:
		x.State, x.Ends, x.By = "revoked", newWhen(*t.RevokedAt, now), newIdentity(t.RevokedBy, "")
	case t.ExpiresAt <= now:
		x.State = "expired"
	}
	return x
}

// createToken answers POST /ui/tokens: it makes a token and shows it, once.
func (s *Server) createToken(p *page) error {
	if err := p.may(audit.ScopeAdmin); err != nil {
		return err
	}
	f := p.r.PostForm
	x := &tokensPage{Form: tokenForm{Identity: f.Get("identity"), Name: f.Get("name"), Paths: f.Get("paths")}}
	spec, bad := p.newToken(x.Form)
	status := http.StatusOK
	if len(bad) == 0 {
		var made Token
		var err error
		x.Secret, made, err = s.Tokens.CreateToken(p.tenant, spec)
		if e, ok := errors.AsType[*audit.Error](err); ok && len(e.Fields) > 0 {
			bad = e.Fields
		} else if err != nil {
			return err
		} else {
			row := newTokenRow(&made, p, audit.TimeOf(p.now))
			x.Made, x.Form, p.r.PostForm = &row, tokenForm{}, nil
		}
	}
	if x.Problems = bad; len(bad) > 0 {
		status = http.StatusUnprocessableEntity
	}
	if err := s.fillTokens(p, x); err != nil {
		return err
	}
	s.render(p.w, p.r, status, "tokens", x)
	return nil
}

// newToken reads the form. Who is bound to paths makes tokens within them only.
func (p *page) newToken(f tokenForm) (t NewToken, bad []audit.FieldError) {
	t = NewToken{Identity: audit.IdentityID(strings.TrimSpace(f.Identity)), Name: strings.TrimSpace(f.Name),
		CreatedBy: p.who.IdentityID}
	for _, scope := range p.r.PostForm["scope"] {
		t.Scopes = append(t.Scopes, audit.Scope(scope))
	}
	for _, l := range tokenLifetimes {
		if l.value == p.r.PostForm.Get("lifetime") {
			t.Lifetime = time.Duration(l.days) * 24 * time.Hour
		}
	}
	if t.Lifetime == 0 {
		bad = append(bad, audit.FieldError{Field: "lifetime", Message: "want one of the list"})
	}
	for line := range strings.Lines(f.Paths) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		path, err := audit.ParsePrefix(line)
		if err != nil {
			bad = append(bad, audit.FieldError{Field: "path_prefixes", Message: err.Error()})
			continue
		}
		t.Paths = append(t.Paths, path)
	}
	if !p.oversees(t.Paths) {
		bad = append(bad, audit.FieldError{Field: "path_prefixes", Message: "want paths within those of your own token"})
	}
	return t, bad
}

// revokeToken answers POST /ui/tokens/{id}/revoke.
func (s *Server) revokeToken(p *page) error {
	if err := p.may(audit.ScopeAdmin); err != nil {
		return err
	}
	id := p.r.PathValue("id")
	list, err := s.Tokens.Tokens(p.tenant)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(t Token) bool { return t.ID == id && p.oversees(t.Paths) }) {
		return audit.Errorf(audit.CodeNotFound, "there is no such token")
	}
	if err := s.Tokens.RevokeToken(p.tenant, id, p.who.IdentityID); err != nil {
		return err
	}
	http.Redirect(p.w, p.r, "/ui/tokens", http.StatusSeeOther)
	return nil
}
