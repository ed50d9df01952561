package export

import (
	"context"
	"io"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
)

// preflightTimeout is how long a destination may take to be tried.
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

// try finds out whether a place can be written to.
func (m *Manager) try(ctx context.Context, p Place) error {
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	bucket, err := m.Open(ctx, p)
	if err != nil {
		return err
	}
	defer bucket.Close()
	return bucket.Check(ctx)
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

// checks tries what is needed before an export.
func (m *Manager) checks(ctx context.Context, c audit.Caller, d *document) []audit.ExportCheck {
	bucket := audit.ExportCheck{Name: "bucket"}
	if d.Export.Destination.Type == audit.DestinationFile {
		return []audit.ExportCheck{m.checked(bucket, d, bucketError(m.try(ctx, d.place(nil))))}
	}
	credentials, err := m.secret(ctx, d.Tenant, d.Export.Destination.Type, d.CredentialsPath, c.Bearer)
	first := m.checked(audit.ExportCheck{Name: "credentials"}, d, secretError(err))
	if err != nil {
		bucket.Message = "was not tried without credentials"
		return []audit.ExportCheck{first, bucket}
	}
	return []audit.ExportCheck{first, m.checked(bucket, d, bucketError(m.try(ctx, d.place(credentials))))}
}

func (m *Manager) checked(c audit.ExportCheck, d *document, err error) audit.ExportCheck {
	if c.OK = err == nil; !c.OK {
		c.Message = reason(m.refuse(d.Export.ID, err)).Message
	}
	return c
}
