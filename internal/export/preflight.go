package export

import (
	"context"
	"io"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
)

// preflightTimeout is how long it may take to try a destination.
const preflightTimeout = 20 * time.Second

// secret returns the credentials of a destination: nil for one that needs none.
func (m *Manager) secret(ctx context.Context, tenant audit.TenantID, kind audit.DestinationType,
	path audit.Path, bearer string) (blob.Credentials, error) {
	if kind == audit.DestinationFile {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	members, err := m.Secrets.Get(ctx, tenant, path, bearer)
	return blob.Credentials(members), err
}

// trial finds out, step by step, whether a job can be written.
type trial struct {
	manager *Manager
	doc     *document
	bearer  string // of who asks

	credentials blob.Credentials
	bucket      blob.Bucket // nil before it is open
}

// step is something that is tried. Its name is that of the check of a plan.
type step struct {
	name string
	try  func(ctx context.Context) error
}

// steps returns what is to be tried, in that order, until something fails.
func (t *trial) steps() []step {
	all := []step{{"credentials", t.secret}, {"bucket", t.open}, {"prefix", t.free}}
	if t.doc.Export.Destination.Type == audit.DestinationFile {
		return all[1:]
	}
	return all
}

func (t *trial) secret(ctx context.Context) error {
	d := t.doc
	var err error
	t.credentials, err = t.manager.secret(ctx, d.Tenant, d.Export.Destination.Type, d.CredentialsPath, t.bearer)
	return secretError(err)
}

func (t *trial) open(ctx context.Context) error {
	var err error
	if t.bucket, err = t.manager.Open(ctx, t.doc.place(t.credentials)); err == nil {
		err = t.bucket.Check(ctx)
	}
	return bucketError(t.doc.Export.Destination.Type, err)
}

// free looks for objects of others where the next file and the manifest will
// be. Those that come later, and others, are met by the job.
func (t *trial) free(ctx context.Context) error {
	for _, key := range []string{t.doc.partKey(), t.doc.key(ManifestName)} {
		taken, err := t.bucket.Taken(ctx, key)
		if err == nil && taken {
			err = &destinationError{key, blob.ErrConflict}
		}
		if err != nil {
			return bucketError(t.doc.Export.Destination.Type, err)
		}
	}
	return nil
}

func (t *trial) close() {
	if t.bucket != nil {
		t.bucket.Close()
	}
}

// try finds out whether a job can be written, and returns the credentials.
func (m *Manager) try(ctx context.Context, c audit.Caller, d *document) (blob.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	t := &trial{manager: m, doc: d, bearer: c.Bearer}
	defer t.close()
	for _, s := range t.steps() {
		if err := s.try(ctx); err != nil {
			return nil, m.refuse(d.Export.ID, err)
		}
	}
	return t.credentials, nil
}

// Plan says what [Manager.Create] would make of the same request, and makes
// nothing.
func (m *Manager) Plan(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	r audit.ExportRequest) (audit.ExportPlan, error) {
	r.Filter.Within = c.PathPrefixes
	e, err := m.estimate(ctx, tenant, &r.Filter)
	if err != nil {
		return audit.ExportPlan{}, err
	}
	d := newDocument(planID, tenant, c, &r, e)
	plan := audit.ExportPlan{EstimatedRecords: e.records}
	sample, err := m.sample(ctx, d)
	if err != nil {
		return audit.ExportPlan{}, err
	}
	if sample.Records > 0 {
		plan.EstimatedBytes = uint64(float64(sample.Size) / float64(sample.Records) * float64(e.records))
		plan.EstimatedParts = 1 + (plan.EstimatedBytes-1)/uint64(d.PartSize)
	}
	plan.Checks = m.checks(ctx, c, d)
	return plan, nil
}

// planID is the owner of nothing: a bucket that is only tried needs one.
const planID audit.ExportID = "exp_00000000000000000000000000"

// sampleSize is how many records tell how large the others are.
const sampleSize = 1000

// sample writes the first records to nowhere.
func (m *Manager) sample(ctx context.Context, d *document) (Part, error) {
	w, err := NewPartWriter(io.Discard, d.Export.Format, d.Export.Compression, d.PartSize)
	if err != nil {
		return Part{}, err
	}
	n := 0
	for r, err := range m.Log.Scan(ctx, d.Tenant, d.query()) {
		if err == nil {
			err = w.Append(r)
		}
		if err != nil {
			w.Close()
			return Part{}, err
		}
		if n++; n == sampleSize {
			break
		}
	}
	return w.Close()
}

// checks tries what an export needs; nothing is tried after what has failed.
func (m *Manager) checks(ctx context.Context, c audit.Caller, d *document) []audit.ExportCheck {
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	t := &trial{manager: m, doc: d, bearer: c.Bearer}
	defer t.close()
	var list []audit.ExportCheck
	failed := ""
	for _, s := range t.steps() {
		check := audit.ExportCheck{Name: s.name}
		if failed != "" {
			check.Message = "was not tried without " + failed
		} else if err := s.try(ctx); err != nil {
			failed, check.Message = s.name, d.reason(m.refuse(d.Export.ID, err)).Message
		} else {
			check.OK = true
		}
		list = append(list, check)
	}
	return list
}
