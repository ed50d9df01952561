package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
)

// errNoEvidence ends a job that was begun with evidence.
var errNoEvidence = &audit.Error{Code: audit.CodeDataDamaged, Message: "the export was begun with evidence"}

// run does what is left of a job, once.
func (m *Manager) run(ctx context.Context, j *job) error {
	again, err := m.begin(j)
	if err != nil {
		return err
	}
	d := m.document(j)
	if d.Signed && m.Evidence == nil {
		return errNoEvidence
	}
	credentials, err := m.credentials(ctx, j, d)
	if err != nil {
		return err
	}
	bucket, err := m.Open(ctx, d.place(credentials))
	if err != nil {
		return &destinationError{err: err}
	}
	defer bucket.Close()
	if again {
		m.sweep(ctx, bucket, d)
	}
	if err := m.announce(ctx, d); err != nil {
		return fmt.Errorf("append event about export: %w", err)
	}
	w := &writing{manager: m, job: j, bucket: bucket}
	if !d.Finishing {
		if err := w.records(ctx, d); err != nil {
			return err
		}
	}
	return w.finish(ctx)
}

// begin marks a job as running, unless it got its final status meanwhile. again
// says that it has run before.
func (m *Manager) begin(j *job) (again bool, err error) {
	err = m.change(j, func(d *document) error {
		if d.Export.Status.Final() {
			return errFinal
		}
		again = d.Export.StartedAt != nil
		d.start(m.Clock())
		j.active.records.Store(d.Export.RecordCount)
		j.active.size.Store(d.Export.SizeBytes)
		return nil
	})
	return again, err
}

// credentials returns those of a job, by the service's own rights if nobody
// has given any since the start of the process.
func (m *Manager) credentials(ctx context.Context, j *job, d *document) (blob.Credentials, error) {
	m.mu.Lock()
	c := j.credentials
	m.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := m.secret(ctx, d.Tenant, d.Export.Destination.Type, d.CredentialsPath, "")
	switch err := secretError(err); {
	case audit.ErrorCode(err) == audit.CodeAccessDenied:
		return nil, errCredentialsNeeded
	case err != nil:
		return nil, err
	}
	m.mu.Lock()
	j.credentials = c
	m.mu.Unlock()
	return c, nil
}

// renewed reports whether credentials that were refused have been replaced in
// their secret since the job has read them, and lets the job go on with the new
// ones: those of a session end while a long job runs.
func (m *Manager) renewed(ctx context.Context, j *job, refused error) bool {
	d := m.document(j)
	if !errors.Is(refused, blob.ErrDenied) || d.Export.Destination.Type == audit.DestinationFile {
		return false
	}
	c, err := m.secret(ctx, d.Tenant, d.Export.Destination.Type, d.CredentialsPath, "")
	if err != nil { // the refusal is what is to be told
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if maps.Equal(c, j.credentials) {
		return false
	}
	j.credentials = c
	return true
}

// sweep removes uploads of the job that a crash left unfinished. Whoever may
// write may not be allowed to look for them, so that is not an error.
func (m *Manager) sweep(ctx context.Context, bucket blob.Bucket, d *document) {
	if err := bucket.Sweep(ctx, d.Export.Destination.Prefix+"/"); err != nil {
		m.Logger.Warn("unfinished uploads of an export may be left", "export", d.Export.ID, "tenant", d.Tenant,
			"error", err)
	}
}

// writing is a job being written.
type writing struct {
	manager *Manager
	job     *job
	bucket  blob.Bucket
	resumed time.Time // when the work went on after the latest rest

	file    *PartWriter // nil between two files
	proof   PartProof   // of file; nil if it has none
	object  *object
	last    position // of the last record of file
	written uint64   // records of the job
	inFile  uint64   // records of file
}

// records writes what is still to be exported, file by file.
func (w *writing) records(ctx context.Context, d *document) error {
	defer w.discard()
	w.written = d.Export.RecordCount
	w.resumed = w.manager.Clock()
	each := w.rows
	if d.Export.Format == audit.FormatJSONL {
		each = w.lines
	}
	if err := each(ctx, d); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || w.file == nil {
		return err
	}
	return w.endFile(ctx)
}

// lines writes canonical lines, as the log has them, and proves them.
func (w *writing) lines(ctx context.Context, d *document) error {
	for line, err := range w.manager.Log.ScanLines(ctx, d.Tenant, d.query()) {
		if err == nil {
			err = w.ready(ctx)
		}
		if err == nil {
			err = w.file.AppendLine(line)
		}
		if err != nil {
			return err
		}
		if w.proof != nil {
			w.proof.Add(line.Index, line.Text)
		}
		if err := w.added(ctx, position{line.Timestamp, line.Index}); err != nil {
			return err
		}
	}
	return nil
}

// rows writes events in another format.
func (w *writing) rows(ctx context.Context, d *document) error {
	for r, err := range w.manager.Log.Scan(ctx, d.Tenant, d.query()) {
		if err == nil {
			err = w.ready(ctx)
		}
		if err == nil {
			err = w.file.Append(r)
		}
		if err == nil {
			err = w.added(ctx, position{r.Timestamp, r.Index})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ready begins a file if there is none.
func (w *writing) ready(ctx context.Context) error {
	if w.file != nil {
		return nil
	}
	return w.beginFile(ctx)
}

// added counts an event of the file, and ends a file that is full.
func (w *writing) added(ctx context.Context, at position) error {
	w.last = at
	w.written++
	w.inFile++
	w.job.active.records.Store(w.written)
	if w.written%paceRecords == 0 {
		if err := w.giveWay(ctx); err != nil {
			return err
		}
	}
	if w.file.Full() || w.proof != nil && w.inFile == maxProved {
		return w.endFile(ctx)
	}
	return nil
}

func (w *writing) beginFile(ctx context.Context) error {
	d := w.manager.document(w.job)
	var err error
	if w.object, err = create(ctx, w.bucket, d.partKey()); err != nil {
		return err
	}
	w.object.size, w.object.count = d.Export.SizeBytes, w.job.active.size.Store
	w.inFile, w.proof = 0, nil
	if d.proves() {
		w.proof = w.manager.Evidence.NewPart(d.Tenant, d.Export.AsOf)
	}
	w.file, err = NewPartWriter(w.object, d.Export.Format, d.Export.Compression, d.PartSize)
	return err
}

// endFile finishes a file and notes that.
func (w *writing) endFile(ctx context.Context) error {
	part, err := w.file.Close()
	w.file = nil
	if err != nil {
		return err
	}
	if err := w.object.commit(ctx); err != nil {
		return err
	}
	key := w.object.key
	proof, err := w.writeProof(ctx, w.manager.document(w.job))
	if err != nil {
		return err
	}
	// A crash here: the same objects are written again, and are equal.
	return w.manager.change(w.job, func(d *document) error {
		d.addPart(key, part, w.last, proof)
		return nil
	})
}

// discard gives up an unfinished file.
func (w *writing) discard() {
	if w.file != nil {
		_, _ = w.file.Close() // lets go of what the encoder holds
		w.file = nil
	}
	if w.object != nil {
		w.object.abort(w.manager)
	}
}

// finish writes the manifest and its signature. It is too late to cancel once
// that has begun, or a cancelled export could have one.
func (w *writing) finish(ctx context.Context) error {
	checkpoint, seen, err := w.checkpoint(ctx)
	if err != nil {
		return err
	}
	err = w.manager.change(w.job, func(d *document) error {
		d.Finishing, d.Checkpoint, d.Witnessed = true, checkpoint, seen
		return ctx.Err() // whoever has cancelled it was in time
	})
	if err != nil {
		return err
	}
	d := w.manager.document(w.job)
	text, err := d.manifest().Encode()
	if err != nil {
		return err
	}
	defer w.discard()
	if err := w.put(ctx, d.key(ManifestName), text); err != nil {
		return err
	}
	return w.sign(ctx, d, text)
}
