package sink

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// Log is what sinks need of the store.
type Log interface {
	Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error)
	Query(ctx context.Context, tenant audit.TenantID, q audit.Query) (audit.Page, error)
	// Size returns the number of indexes of the tenant's log.
	Size(tenant audit.TenantID) uint64
	// Lines yields the canonical lines, without line ends, of the indexes
	// from ≤ index < to, in that order. All of them are durable. A line is valid
	// until the next step; an error comes with a nil line and ends the walk.
	Lines(ctx context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error]
}

// Secrets has the credentials of receivers.
type Secrets interface {
	// Get returns the members of a secret. With the bearer "" the service asks
	// for itself; where it may not, that is an [audit.CodeAuthenticationRequired].
	Get(ctx context.Context, tenant audit.TenantID, path audit.Path, bearer string) (map[string]string, error)
}

// Egress says which receivers may be reached, and reaches them.
type Egress interface {
	// DialContext connects to HOST:PORT, if the address that it has now is allowed.
	DialContext(ctx context.Context, network, hostport string) (net.Conn, error)
	// AllowsPlain reports whether a receiver may be reached without TLS.
	AllowsPlain(u *url.URL) bool
}

// Configured is a sink of the operator's settings.
type Configured struct {
	Tenant audit.TenantID
	audit.SinkRequest
}

// Options are what a [Manager] works with. All but Files, Configured and Version
// are required.
type Options struct {
	Log     Log
	Secrets Secrets
	Egress  Egress
	Clock   func() time.Time
	Logger  *slog.Logger
	// Files is the directory below which file sinks write; "" allows none.
	Files string
	// Configured are the sinks of the operator's settings.
	Configured []Configured
	// Version is that of the program, which some formats name.
	Version string
}

// Manager knows all sinks and runs them. It is safe for concurrent use.
type Manager struct {
	Options
	fs  vfs.FS
	dir string

	changing sync.Mutex // held while a sink is made or removed

	mu      sync.Mutex // guards the following; never held during I/O
	sinks   map[audit.TenantID]map[audit.SinkName]*sink
	running context.Context // of Run; nil before and after it
	group   sync.WaitGroup  // of the sinks at work
}

// Open reads the sinks below the data directory dir. A document that cannot be
// read is logged and left alone. Nothing is sent before [Manager.Run].
func Open(fsys vfs.FS, dir string, o Options) (*Manager, error) {
	m := &Manager{Options: o, fs: fsys, dir: filepath.Join(dir, "sinks"),
		sinks: make(map[audit.TenantID]map[audit.SinkName]*sink)}
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("open sinks: %w", err)
	}
	return m, nil
}

// Run sends events until ctx ends, and returns when all sinks have stopped. In
// the next process each goes on behind what was acknowledged.
func (m *Manager) Run(ctx context.Context) {
	m.mu.Lock()
	m.running = ctx
	all := m.all()
	m.mu.Unlock()
	for _, s := range all {
		s.changing.Lock()
		s.start()
		s.changing.Unlock()
	}
	<-ctx.Done()
	m.mu.Lock()
	m.running = nil
	m.mu.Unlock()
	m.group.Wait()
}

// all returns every sink. m.mu is held.
func (m *Manager) all() []*sink {
	var all []*sink
	for _, of := range m.sinks {
		for _, s := range of {
			all = append(all, s)
		}
	}
	return all
}

// find returns a sink. One of another tenant is like one that does not exist.
func (m *Manager) find(tenant audit.TenantID, name audit.SinkName) (*sink, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sinks[tenant][name]; s != nil {
		return s, nil
	}
	return nil, audit.Errorf(audit.CodeNotFound, "no sink has such a name")
}

// add makes a sink known.
func (m *Manager) add(s *sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.sinks[s.doc.Tenant]
	if of == nil {
		of = make(map[audit.SinkName]*sink)
		m.sinks[s.doc.Tenant] = of
	}
	of[s.doc.Sink.Name] = s
}
