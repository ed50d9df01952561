// Package ui is the web pages of the log: who touched what, when, and did it
// work. They are made on the server, from the same questions that the API asks,
// and work without scripts; scripts add the chart, suggestions and keys.
//
// A request goes one way. ServeHTTP sets the headers that every answer has; the
// routes find a handler; member (session.go) finds the session, asks the
// [Authenticator] whether its token is still good, and checks the CSRF token of
// what is not a GET. The handler reads the state of the page from the URL
// (state.go), asks the [Log] and renders a template. Every value from the log
// is text: html/template escapes it where it stands.
package ui

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/scaivault/audit"
)

// QueryTimeout is how long the questions of one page may take.
const QueryTimeout = 10 * time.Second

// Log is what the pages ask of the store.
type Log interface {
	Query(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.Page, error)
	Event(ctx context.Context, tenant audit.TenantID, id audit.EventID,
		within []audit.Path) (audit.Record, error)
	Secret(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.SecretTrail, error)
	Identity(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.IdentityTrail, error)
	Accesses(ctx context.Context, tenant audit.TenantID, q audit.AccessQuery) (audit.AccessPage, error)
	Values(ctx context.Context, tenant audit.TenantID, q audit.ValuesQuery) (audit.Values, error)
	Branches(ctx context.Context, tenant audit.TenantID, q audit.BranchQuery) (audit.Branches, error)
	News(ctx context.Context, tenant audit.TenantID, q audit.NewsQuery) (audit.News, error)
	Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (audit.Summary, error)
	// Size is the first index that no event has; Wait returns it once it is
	// larger than size.
	Size(tenant audit.TenantID) uint64
	Wait(ctx context.Context, tenant audit.TenantID, size uint64) (uint64, error)
}

// Exports is what the pages ask of the jobs that write events into buckets.
type Exports interface {
	Create(ctx context.Context, tenant audit.TenantID, c audit.Caller,
		r audit.ExportRequest) (e audit.Export, replayed bool, err error)
	Plan(ctx context.Context, tenant audit.TenantID, c audit.Caller,
		r audit.ExportRequest) (audit.ExportPlan, error)
	List(ctx context.Context, tenant audit.TenantID, q audit.ExportQuery) (audit.ExportPage, error)
	Export(ctx context.Context, tenant audit.TenantID, id audit.ExportID,
		scope []audit.Path) (audit.Export, error)
	Cancel(ctx context.Context, tenant audit.TenantID, c audit.Caller, id audit.ExportID) (audit.Export, error)
}

// Authenticator turns a token into who holds it. Its errors carry one of the
// codes of a refused token; any other error is the server's own fault.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (*audit.Principal, error)
}

// Config is what a [Server] is made of; all members but Version, Settings,
// Login and Drain are required.
type Config struct {
	Log       Log
	Exports   Exports
	Evidence  Evidence
	Auth      Authenticator
	Login     Login // nil if there is no identity provider to sign in at
	Tokens    Tokens
	Tenants   Tenants
	Sinks     Sinks
	Sources   Sources
	Settings  []Setting // how the server was started
	CursorKey audit.CursorKey
	Clock     func() time.Time
	Logger    *slog.Logger
	Version   string // shown at the door
	// Drain is closed when the server goes away: live tails end.
	Drain <-chan struct{}
}

// Server answers everything below /ui/. It is an [http.Handler].
type Server struct {
	Config
	mux      *http.ServeMux
	pages    templates
	assets   map[string]asset
	sessions *sessions
	renewals singleflight.Group
}

// New returns a server.
func New(c Config) *Server {
	s := &Server{Config: c, mux: http.NewServeMux(), pages: parseTemplates(), assets: readAssets(),
		sessions: newSessions(c.Clock)}
	s.mux.HandleFunc("GET /ui/static/{file...}", s.static)
	s.mux.HandleFunc("GET /ui/signin", s.signinPage)
	s.mux.HandleFunc("POST /ui/signin", s.signin)
	s.mux.HandleFunc("GET /ui/stream", s.live)
	if c.Login != nil {
		s.mux.HandleFunc("GET /ui/signin/provider", s.login)
		s.mux.HandleFunc("GET "+LoginDone, s.loggedIn)
	}
	for pattern, handle := range map[string]func(*page) error{
		"GET /ui/{$}":                          s.explore,
		"GET /ui/rows":                         s.rows,
		"GET /ui/suggest":                      s.suggest,
		"GET /ui/secrets/{path...}":            s.secret,
		"GET /ui/identities/{id}":              s.identity,
		"GET /ui/identities/{id}/worklist.csv": s.worklistCSV,
		"GET /ui/overview":                     s.overview,
		"GET /ui/spark":                        s.spark,
		"GET /ui/new":                          s.news,
		"GET /ui/paths":                        s.paths,
		"GET /ui/evidence":                     s.evidence,
		"GET /ui/evidence/checkpoint":          s.checkpointFile,
		"GET /ui/evidence/keys":                s.keysFile,
		"GET /ui/proof":                        s.prove,
		"POST " + verifyURL:                    s.verify,
		"GET /ui/exports":                      s.exports,
		"GET /ui/exports/new":                  s.wizard,
		"POST /ui/exports/new":                 s.plan,
		"POST /ui/exports":                     s.createExport,
		"GET /ui/exports/{id}":                 s.export,
		"POST /ui/exports/{id}/cancel":         s.cancelExport,
		"GET /ui/tokens":                       s.tokens,
		"POST /ui/tokens":                      s.createToken,
		"POST /ui/tokens/{id}/revoke":          s.revokeToken,
		"GET /ui/sinks":                        s.sinks,
		"POST /ui/sinks/{name}/pause":          s.pauseSink,
		"POST /ui/sinks/{name}/resume":         s.resumeSink,
		"GET /ui/settings":                     s.settings,
		"POST /ui/tenant":                      s.switchTenant,
		"POST /ui/logout":                      s.signout,
		"/ui/":                                 s.missing,
	} {
		s.mux.HandleFunc(pattern, s.member(handle))
	}
	return s
}

// policy is the Content-Security-Policy: files of our own, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}
