package export

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
)

// keyLifetime is how long a request with a key can be repeated.
const keyLifetime = 24 * audit.Hour

// Create makes an export of what the caller may see of the tenant's log, as it
// is now, and appends one event about it. The destination is tried first: a
// secret that is missing or forbidden is an [audit.CodeAccessDenied], a bucket
// that cannot be written to an [audit.CodeDestinationUnavailable], an object of
// somebody else in the way an [audit.CodeDestinationConflict]. replayed says
// that the export was made by an earlier request with the same key.
func (m *Manager) Create(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	r audit.ExportRequest) (e audit.Export, replayed bool, err error) {
	r.Filter.Within = c.PathPrefixes
	if j, err := m.earlier(tenant, c, &r); j != nil || err != nil {
		return m.shown(j), j != nil, err
	}
	d, credentials, err := m.prepare(ctx, tenant, c, &r)
	if err != nil {
		return audit.Export{}, false, err
	}
	m.creating.Lock()
	defer m.creating.Unlock()
	if j, err := m.earlier(tenant, c, &r); j != nil || err != nil {
		return m.shown(j), j != nil, err
	}
	if d.Export.CreatedAt, err = m.creation(tenant); err != nil {
		return audit.Export{}, false, err
	}
	if err := m.establish(ctx, d); err != nil {
		return audit.Export{}, false, err
	}
	j := &job{doc: d, credentials: credentials}
	m.add(j)
	m.signal()
	return m.shown(j), false, nil
}

// prepare counts the events and tries the destination.
func (m *Manager) prepare(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	r *audit.ExportRequest) (*document, blob.Credentials, error) {
	id := audit.ExportID("exp_" + ulid.MustNew(ulid.Timestamp(m.Clock()), rand.Reader).String())
	// Counting fixes the size of the log, and comes before the event about the
	// export, which is not part of it.
	e, err := m.estimate(ctx, tenant, &r.Filter)
	if err != nil {
		return nil, nil, err
	}
	d := newDocument(id, tenant, c, r, e)
	d.Signed = m.Evidence != nil
	credentials, err := m.try(ctx, c, d)
	return d, credentials, err
}

// establish puts a job on disk and the event about it into the log. It does both
// or neither, so a client that goes away does not end it: an event that was not
// waited for may be there all the same.
func (m *Manager) establish(ctx context.Context, d *document) error {
	ctx = context.WithoutCancel(ctx)
	err := m.fs.MkdirAll(filepath.Dir(m.path(d)))
	if err == nil {
		err = m.write(d)
	}
	// A crash here: whoever runs the job appends the event before anything else.
	if err == nil {
		err = m.announce(ctx, d)
	}
	if err == nil {
		return nil
	}
	if gone := m.remove(d); gone != nil {
		m.Logger.Error("an export that was refused may run at the next start", "error", gone)
	}
	return err
}

// announce appends the event about a job. Its id and its time follow from the
// document, so that the log keeps one, however often it is appended.
func (m *Manager) announce(ctx context.Context, d *document) error {
	e := &d.Export
	event := audit.Event{
		ID: audit.EventID("log_" + e.ID), Timestamp: e.CreatedAt, Action: audit.ActionExportCreated,
		IdentityType: d.CreatorType, IdentityID: e.CreatedBy, Success: true,
		RequestID: d.RequestID, ExtraData: string(d.extraData()),
	}
	_, err := m.Log.Append(ctx, d.Tenant, audit.Batch{Events: []audit.Event{event}})
	return err
}

// extraData returns what the event about a job tells of it: canonical JSON.
func (d *document) extraData() []byte {
	e := &d.Export
	b := []byte{'{'}
	text := func(name, value string) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(audit.AppendString(b, name), ':')
		b = audit.AppendString(b, value)
	}
	text("export_id", string(e.ID))
	text("format", string(e.Format))
	if e.From != nil {
		text("from", e.From.String())
	}
	if e.To != nil {
		text("to", e.To.String())
	}
	filters, _ := e.Filters.MarshalJSON() // never fails
	b = append(append(b, `,"filters":`...), filters...)
	b = append(b, `,"destination":{`...)
	text("type", string(e.Destination.Type))
	text("bucket", e.Destination.Bucket)
	text("prefix", e.Destination.Prefix)
	return append(b, '}', '}')
}

// earlier returns the job that an earlier request with the same key made, nil
// if there is none.
func (m *Manager) earlier(tenant audit.TenantID, c audit.Caller, r *audit.ExportRequest) (*job, error) {
	if r.Key == "" {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	since := audit.TimeOf(m.Clock()) - keyLifetime
	for _, j := range m.jobs[tenant] {
		if d := j.doc; d.Key == r.Key && d.Export.CreatedBy == c.IdentityID && d.Export.CreatedAt >= since {
			if d.Digest != hex.EncodeToString(r.Digest[:]) {
				return nil, audit.Errorf(audit.CodeIDConflict, "the Idempotency-Key was used with another body")
			}
			return j, nil
		}
	}
	return nil, nil
}

// creation returns the time of a new job, which no other of the tenant has.
func (m *Manager) creation(tenant audit.TenantID) (audit.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, unfinished := audit.TimeOf(m.Clock()), 0
	for _, j := range m.jobs[tenant] {
		now = max(now, j.doc.Export.CreatedAt+1)
		if !j.doc.Export.Status.Final() {
			unfinished++
		}
	}
	if unfinished >= MaxUnfinished {
		return 0, audit.Errorf(audit.CodeRateLimited,
			"%d exports are unfinished; wait for one of them or cancel it", unfinished)
	}
	return now, nil
}

func (m *Manager) shown(j *job) audit.Export {
	if j == nil {
		return audit.Export{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return j.show()
}

// estimate is how many events an export holds, and of which log.
type estimate struct{ records, asOf uint64 }

// estimateTimeout is how long the events are counted before a request.
const estimateTimeout = 3 * time.Second

// estimate counts what the filter selects. If that takes too long it returns
// the size of the log, which is the most there can be.
func (m *Manager) estimate(ctx context.Context, tenant audit.TenantID, f *audit.Filter) (estimate, error) {
	from, to := audit.Time(0), audit.MaxTime+1
	q := audit.SummaryQuery{Filter: *f, Top: 1}
	if q.From == nil {
		q.From = &from
	}
	if q.To == nil {
		q.To = &to
	}
	short, cancel := context.WithTimeout(ctx, estimateTimeout)
	defer cancel()
	s, err := m.Log.Summary(short, tenant, q)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		size := m.Log.Size(tenant)
		return estimate{size, size}, nil
	}
	return estimate{s.TotalEvents, s.AsOf}, err
}
