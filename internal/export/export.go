// Package export runs exports: jobs that write the events of one tenant which
// a filter selects into files of a bucket.
//
// A job is one JSON document on disk, replaced after every finished file, and
// a worker that does what the document says is still to do. Files have keys
// that follow from their number, and hold what follows from the document; the
// document says where in the log the last finished file ends. So a job that was
// cut off, by whatever, goes on behind its last finished file and writes the
// same objects that it would have written anyway.
//
// Documents never hold credentials. They are read from a secret when a job is
// made, and again after a restart; a job whose secret may only be read by
// people waits for one of them (paused).
package export

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/vfs"
)

// Log is what exports need of the store.
type Log interface {
	Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error)
	Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (audit.Summary, error)
	// Size returns the number of indexes of the tenant's log.
	Size(tenant audit.TenantID) uint64
	// Scan yields what the query selects in the order of time and index,
	// behind the place and below the size in q.After. A record is valid until
	// the next step. An error comes with nil and ends the walk.
	Scan(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[*audit.Record, error]
	// ScanLines is Scan for who wants canonical lines only.
	ScanLines(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[audit.Line, error]
	// Callers returns how many callers wait for an append or an answer of the
	// log at the moment.
	Callers() int
}

// Secrets has the credentials of destinations.
type Secrets interface {
	// Get returns the members of a secret. A secret that is missing or not for
	// whoever the bearer token stands for is an [audit.CodeAccessDenied]. With
	// the bearer "" the service asks for itself; where it may not, that is an
	// [audit.CodeAuthenticationRequired].
	Get(ctx context.Context, tenant audit.TenantID, path audit.Path, bearer string) (map[string]string, error)
}

// Place is where one export is written.
type Place struct {
	Tenant      audit.TenantID
	Export      audit.ExportID // the owner of what is written
	Destination audit.Destination
	Credentials blob.Credentials // nil for [audit.DestinationFile]
}

// Options are what a [Manager] works with. The first five are required.
type Options struct {
	Log     Log
	Secrets Secrets
	Open    func(ctx context.Context, p Place) (blob.Bucket, error)
	Clock   func() time.Time
	Logger  *slog.Logger
	// Evidence makes exports verifiable; nil makes none. A job that was begun with
	// evidence cannot go on without.
	Evidence Evidence
	// Workers is how many exports run at the same time; default 2.
	Workers int
	// Retention is how long the record of a finished export is kept; default
	// 90 days.
	Retention time.Duration
}

// Limits of exports.
const (
	// MaxUnfinished is how many exports of a tenant may be unfinished.
	MaxUnfinished = 100

	defaultWorkers   = 2
	defaultRetention = 90 * 24 * time.Hour
)

// Manager knows all exports and runs them. It is safe for concurrent use.
type Manager struct {
	Options
	fs   vfs.FS
	dir  string
	wake chan struct{} // there may be something to do

	creating sync.Mutex // held while a job is made

	mu   sync.Mutex // guards the following and every job; never held during I/O
	jobs map[audit.TenantID]map[audit.ExportID]*job
}

// Open reads the exports below the data directory dir. A document that cannot
// be read is logged and left alone. Nothing runs before [Manager.Run].
func Open(fsys vfs.FS, dir string, o Options) (*Manager, error) {
	if o.Workers == 0 {
		o.Workers = defaultWorkers
	}
	if o.Retention == 0 {
		o.Retention = defaultRetention
	}
	m := &Manager{
		Options: o,
		fs:      fsys,
		dir:     filepath.Join(dir, "exports"),
		wake:    make(chan struct{}, 1),
		jobs:    make(map[audit.TenantID]map[audit.ExportID]*job),
	}
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("open exports: %w", err)
	}
	return m, nil
}

// Run runs exports until ctx ends. It returns when all have stopped; those that
// are not finished go on when Run is called again, in this process or the next.
func (m *Manager) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range m.Workers {
		group.Go(func() { m.worker(ctx) })
	}
	group.Go(func() { m.janitor(ctx) })
	group.Wait()
}

// signal wakes a worker. Each one that finds something to do wakes the next.
func (m *Manager) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
