package export

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/scaivault/audit"
)

// find returns a job. One of another tenant, and one that the row scope does
// not allow to know of, are like one that does not exist.
func (m *Manager) find(tenant audit.TenantID, id audit.ExportID, scope []audit.Path) (*job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[tenant][id]; j != nil && j.doc.visible(scope) {
		return j, nil
	}
	return nil, audit.Errorf(audit.CodeExportNotFound, "no export has such an id")
}

// Export returns an export of the tenant that somebody with the row scope may
// know of: all it can hold lies within the scope.
func (m *Manager) Export(_ context.Context, tenant audit.TenantID, id audit.ExportID,
	scope []audit.Path) (audit.Export, error) {
	j, err := m.find(tenant, id, scope)
	if err != nil {
		return audit.Export{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return j.show(), nil
}

// List returns a page of the tenant's exports, the newest first.
func (m *Manager) List(_ context.Context, tenant audit.TenantID,
	q audit.ExportQuery) (audit.ExportPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*job
	for _, j := range m.jobs[tenant] {
		e := &j.doc.Export
		if (q.Status == "" || e.Status == q.Status) && j.doc.visible(q.Within) &&
			(q.After == nil || e.CreatedAt < q.After.Time) {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b *job) int {
		return cmp.Compare(b.doc.Export.CreatedAt, a.doc.Export.CreatedAt)
	})
	limit := cmp.Or(q.Limit, audit.DefaultLimit)
	page := audit.ExportPage{Exports: make([]audit.Export, 0, min(limit, len(list)))}
	for i, j := range list {
		if i == limit {
			page.Next = &audit.Cursor{Time: page.Exports[i-1].CreatedAt}
			break
		}
		page.Exports = append(page.Exports, j.show())
	}
	return page, nil
}

// purgeInterval is how often records are looked for that are old enough to go.
const purgeInterval = time.Hour

// janitor removes the records of exports that were finished long ago.
func (m *Manager) janitor(ctx context.Context) {
	tick := time.NewTicker(purgeInterval)
	defer tick.Stop()
	for {
		m.purge()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *Manager) purge() {
	before := audit.TimeOf(m.Clock().Add(-m.Retention))
	for _, d := range m.finished(before) {
		if err := m.remove(d); err != nil {
			m.Logger.Error("an old export stays", "export", d.Export.ID, "tenant", d.Tenant, "error", err)
			continue
		}
		m.mu.Lock()
		delete(m.jobs[d.Tenant], d.Export.ID)
		m.mu.Unlock()
	}
}

// finished returns the documents of jobs that were finished before a time.
func (m *Manager) finished(before audit.Time) []*document {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*document
	for _, of := range m.jobs {
		for _, j := range of {
			if at := j.doc.Export.CompletedAt; at != nil && *at < before {
				list = append(list, j.doc)
			}
		}
	}
	return list
}
