// Package api is the HTTP API of the log: it says which requests exist, who
// may make them and how often, reads them strictly and writes the answers.
//
// A request goes one way. The route table ([routes]) finds its handler; what
// is not in the table does not exist, and a row without a scope admits nobody.
// Then the pipeline (request.go) authenticates, counts against the rate limit,
// selects the tenant and checks the scope; the handler reads parameters, asks
// the [Log] and writes the answer at its very end, so that an error always
// finds the response unwritten. error.go maps codes to statuses, alone.
//
// What another system keeps is behind the interfaces that the package
// declares: [Log], [Vault], [Exports], [Sinks], [Evidence], [Authenticator] and
// [Tenants].
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// Limits of requests; each has a test at the limit and one past it.
const (
	// MaxHeader is the longest request line with its headers, in bytes.
	MaxHeader = 32 << 10
	// MaxURL is the longest request target in bytes.
	MaxURL = 8 << 10
	// MaxEncodedBody is the largest compressed body of a batch in bytes.
	MaxEncodedBody = 4 << 20
	// MaxDecodedBody is the largest body of a batch in bytes, decompressed.
	MaxDecodedBody = 16 << 20
	// QueryTimeout is how long a query may take.
	QueryTimeout = 10 * time.Second
	// SinkTestTimeout is how long the test of a sink may take.
	SinkTestTimeout = 20 * time.Second
	// HeaderTimeout is how long a client may take to send the headers.
	HeaderTimeout = 5 * time.Second
	// ReadTimeout is how long a client may take to send the whole request.
	ReadTimeout = 30 * time.Second
	// WriteTimeout is how long a client may take to receive the answer.
	WriteTimeout = 60 * time.Second
	// IdleTimeout is how long a connection may wait for its next request.
	IdleTimeout = 60 * time.Second

	// headerSlop is what net/http adds to its MaxHeaderBytes.
	headerSlop = 4 << 10
)

// Log is what the API needs of the store. All methods are safe for concurrent
// use. Append returns when every accepted event is on stable storage; once it has
// returned no error, nobody looks at the texts of the batch any more.
type Log interface {
	Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error)
	Query(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.Page, error)
	Event(ctx context.Context, tenant audit.TenantID, id audit.EventID,
		within []audit.Path) (audit.Record, error)
	Secret(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.SecretTrail, error)
	Identity(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.IdentityTrail, error)
	Accesses(ctx context.Context, tenant audit.TenantID, q audit.AccessQuery) (audit.AccessPage, error)
	Values(ctx context.Context, tenant audit.TenantID, q audit.ValuesQuery) (audit.Values, error)
	Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (audit.Summary, error)
	// Size is the first index that no event has; Wait returns it once it is
	// larger than size.
	Size(tenant audit.TenantID) uint64
	Wait(ctx context.Context, tenant audit.TenantID, size uint64) (uint64, error)
}

// Authenticator turns a bearer token into who sent it. Its errors carry one of
// the codes of a refused token; any other error is the server's own fault.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (*audit.Principal, error)
}

// Tenants knows which tenants exist and which partner each belongs to, "" for
// none.
type Tenants interface {
	Lookup(id audit.TenantID) (partner string, ok bool)
}

// Config is what a [Server] is made of. Log, Vault, OTLP, Exports, Sinks, Evidence, Auth, Tenants,
// CursorKey, Clock and Logger are required.
type Config struct {
	Log       Log
	Vault     Vault
	OTLP      DecodeOTLP
	Exports   Exports
	Sinks     Sinks
	Evidence  Evidence
	Auth      Authenticator
	Tenants   Tenants
	CursorKey audit.CursorKey
	Clock     func() time.Time
	Logger    *slog.Logger
	Version   Version
	// QueryRate and ExportRate are requests per minute and identity; 0 is
	// DefaultQueryRate and DefaultExportRate.
	QueryRate, ExportRate int
	// AnyFuture accepts events whose time lies more than [audit.MaxFuture]
	// ahead: a switch for imports.
	AnyFuture bool
	// Drain is closed when the server goes away: it ends the streams, for which
	// a server that finishes its requests would wait in vain. nil ends none.
	Drain <-chan struct{}
	// Checks are what /v1/health/ready asks, in this order.
	Checks []Check
}

// Server answers the requests of the API. It is an [http.Handler].
type Server struct {
	Config
	routes  []route
	limits  map[class]*limiter
	streams streams
	rooms   sync.Pool // of *room
	started time.Time
}

// New returns a server.
func New(c Config) *Server {
	asked := newLimiter(c.QueryRate, DefaultQueryRate)
	return &Server{
		Config: c,
		routes: expand(routes),
		limits: map[class]*limiter{
			queries:   asked,
			streaming: asked,
			exports:   newLimiter(c.ExportRate, DefaultExportRate),
		},
		streams: streams{count: make(map[caller]int)},
		started: c.Clock(),
	}
}

// NewHTTPServer returns an [http.Server] for h with the limits of the contract
// on headers and times; the caller adds the address, TLS and the base context.
func NewHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: HeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeader - headerSlop,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),

		DisableGeneralOptionsHandler: true, // OPTIONS * is a path like others
	}
}
