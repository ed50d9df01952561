package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/scaivault/audit"
)

// errActive says that a worker has the job.
var errActive = errors.New("export is at work")

// Cancel ends an export that is not finished and returns when nothing of it
// runs any more. It leaves the finished files where they are, no unfinished
// ones and no manifest. A finished export, and one whose manifest is being
// written, is an [audit.CodeExportConflict].
func (m *Manager) Cancel(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	id audit.ExportID) (audit.Export, error) {
	j, err := m.find(tenant, id, c.PathPrefixes)
	if err != nil {
		return audit.Export{}, err
	}
	for asked := false; ; asked = true {
		var a *active
		err := m.change(j, func(d *document) error {
			a = j.active
			switch {
			case d.Export.Status.Final() && !(asked && d.Export.Status == audit.ExportCancelled):
				return audit.Errorf(audit.CodeExportConflict, "the export is %s already", d.Export.Status)
			case d.Export.Status.Final():
				return errFinal
			case a != nil && d.Finishing:
				return audit.Errorf(audit.CodeExportConflict, "the export is being finished")
			case a != nil:
				a.cancel(errCancelled) // what it has begun it gives up, then it settles
				return errActive
			}
			d.end(audit.ExportCancelled, nil, m.Clock())
			return nil
		})
		switch {
		case err == nil:
			m.tidy(ctx, j, c)
			return m.shown(j), nil
		case errors.Is(err, errFinal):
			return m.shown(j), nil
		case !errors.Is(err, errActive):
			return audit.Export{}, err
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return audit.Export{}, fmt.Errorf("cancel export %s: %w", id, ctx.Err())
		}
	}
}

// tidy removes what a crash left of a job that no worker will look after again.
func (m *Manager) tidy(ctx context.Context, j *job, c audit.Caller) {
	d := m.document(j)
	if d.Export.StartedAt == nil {
		return
	}
	credentials, err := m.secret(ctx, d.Tenant, d.Export.Destination.Type, d.CredentialsPath, c.Bearer)
	if err == nil {
		bucket, openErr := m.Open(ctx, d.place(credentials))
		if err = openErr; err == nil {
			defer bucket.Close()
			m.sweep(ctx, bucket, d)
		}
	}
	if err != nil {
		m.Logger.Warn("unfinished uploads of an export may be left", "export", d.Export.ID, "tenant", d.Tenant,
			"error", err)
	}
}

// Resume lets an export go on that is paused because its credentials are not
// for the service itself. They are read with the caller's token; the errors
// are those of [Manager.Create]. An export that is not paused is an
// [audit.CodeExportConflict].
func (m *Manager) Resume(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	id audit.ExportID) (audit.Export, error) {
	j, err := m.find(tenant, id, c.PathPrefixes)
	if err != nil {
		return audit.Export{}, err
	}
	d := m.document(j)
	if err := paused(d); err != nil {
		return audit.Export{}, err
	}
	credentials, err := m.try(ctx, c, d)
	if err != nil {
		return audit.Export{}, err
	}
	err = m.change(j, func(d *document) error {
		if err := paused(d); err != nil {
			return err
		}
		d.Export.Status, d.Export.Error = audit.ExportPending, nil
		j.credentials = credentials
		return nil
	})
	if err != nil {
		return audit.Export{}, err
	}
	m.signal()
	return m.shown(j), nil
}

func paused(d *document) error {
	if d.Export.Status != audit.ExportPaused {
		return audit.Errorf(audit.CodeExportConflict, "the export is %s, not paused", d.Export.Status)
	}
	return nil
}
