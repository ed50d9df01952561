package export

import (
	"context"
	"errors"
	"time"

	"github.com/scaivault/audit"
)

// errCancelled ends the work on a job that somebody cancelled.
var errCancelled = errors.New("export was cancelled")

// errFinal says that a job has its final status already.
var errFinal = errors.New("export is final")

const (
	// maxTries is how often passing trouble is met in a row, without a file
	// being finished, until it is lasting.
	maxTries = 5
	// firstWait is the wait after the first of them; each next one is
	// waitFactor times as long, at most maxWait.
	firstWait  = 2 * time.Second
	waitFactor = 4
	maxWait    = 2 * time.Minute
)

// worker runs one job after the other until ctx ends.
func (m *Manager) worker(ctx context.Context) {
	for ctx.Err() == nil {
		j, work := m.next(ctx)
		if j == nil {
			select {
			case <-ctx.Done():
			case <-m.wake:
			}
			continue
		}
		m.signal() // there may be more
		m.settle(ctx, j, m.attempts(work, j))
		m.release(j)
	}
}

// next takes the job that has waited longest, of the tenants with the fewest
// running ones, so that none has to wait for the many of another. The context
// ends when the job is cancelled.
func (m *Manager) next(ctx context.Context) (*job, context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var first *job
	fewest := 0
	for _, of := range m.jobs {
		running := 0
		var oldest *job
		for _, j := range of {
			switch status := j.doc.Export.Status; {
			case j.active != nil:
				running++
			case status != audit.ExportPending && status != audit.ExportRunning:
			case oldest == nil || j.doc.Export.CreatedAt < oldest.doc.Export.CreatedAt:
				oldest = j
			}
		}
		if oldest != nil && (first == nil || running < fewest ||
			running == fewest && oldest.doc.Export.CreatedAt < first.doc.Export.CreatedAt) {
			first, fewest = oldest, running
		}
	}
	if first == nil {
		return nil, nil
	}
	work, cancel := context.WithCancelCause(ctx)
	first.active = &active{cancel: cancel, done: make(chan struct{})}
	return first, work
}

// release lets go of a job.
func (m *Manager) release(j *job) {
	m.mu.Lock()
	a := j.active
	j.active = nil
	if j.doc.Export.Status.Final() {
		j.credentials = nil
	}
	m.mu.Unlock()
	a.cancel(nil)
	close(a.done)
}

// attempts runs a job until it succeeds, is cancelled or meets lasting trouble.
func (m *Manager) attempts(ctx context.Context, j *job) error {
	for tries := 1; ; tries++ {
		before := len(m.document(j).Export.Files)
		err := m.run(ctx, j)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil || errors.Is(err, errFinal) || !passing(err) && !m.renewed(ctx, j, err) {
			return err
		}
		if len(m.document(j).Export.Files) > before {
			tries = 1
		}
		if tries == maxTries {
			return err
		}
		d := m.document(j)
		m.Logger.Warn("export is interrupted", "export", d.Export.ID, "tenant", d.Tenant,
			"try", tries, "error", err)
		if !sleep(ctx, tries) {
			return context.Cause(ctx)
		}
	}
}

// sleep waits before the next try and reports whether ctx goes on.
func sleep(ctx context.Context, tries int) bool {
	wait := firstWait
	for range tries - 1 {
		wait = min(maxWait, waitFactor*wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// settle notes how the work on a job ended. Without a note the job would run
// again, so it is tried until ctx ends, and then the next process does that.
func (m *Manager) settle(ctx context.Context, j *job, err error) {
	if errors.Is(err, errFinal) || ctx.Err() != nil && !errors.Is(err, errCancelled) {
		return
	}
	d := m.document(j)
	log := m.Logger.With("export", d.Export.ID, "tenant", d.Tenant)
	for tries := 1; ; tries++ {
		failed := m.change(j, func(d *document) error {
			switch {
			case err == nil:
				d.end(audit.ExportCompleted, nil, m.Clock())
			case errors.Is(err, errCancelled):
				d.end(audit.ExportCancelled, nil, m.Clock())
			case errors.Is(err, errCredentialsNeeded):
				d.Export.Status, d.Export.Error = audit.ExportPaused, d.reason(err)
			default:
				d.end(audit.ExportFailed, d.reason(err), m.Clock())
			}
			return nil
		})
		if failed == nil {
			d = m.document(j)
			log.Info("export settled", "status", d.Export.Status, "records", d.Export.RecordCount,
				"bytes", d.Export.SizeBytes, "cause", err)
			return
		}
		log.Error("the end of an export cannot be written", "error", failed)
		if !sleep(ctx, tries) {
			return
		}
	}
}
