package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/vfs"
)

// job is one export.
type job struct {
	changing sync.Mutex // held while its document is replaced

	// The following is guarded by [Manager.mu].
	doc         *document
	credentials blob.Credentials // nil if they are not known
	active      *active          // nil unless a worker has it
}

// active is a job in the hands of a worker.
type active struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the worker has let go of it
	// What is written, the unfinished file included.
	records atomic.Uint64
	size    atomic.Int64
}

const documentSuffix = ".json"

func (m *Manager) path(d *document) string {
	return filepath.Join(m.dir, string(d.Tenant), string(d.Export.ID)+documentSuffix)
}

// load reads all documents and removes files that a crash left unfinished.
func (m *Manager) load() error {
	if err := m.fs.MkdirAll(m.dir); err != nil {
		return err
	}
	tenants, err := m.fs.List(m.dir)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		dir := filepath.Join(m.dir, tenant)
		names, err := m.fs.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := m.loadFile(filepath.Join(dir, name)); err != nil {
				m.Logger.Error("an export cannot be read", "file", filepath.Join(dir, name), "error", err)
			}
		}
	}
	return nil
}

func (m *Manager) loadFile(name string) error {
	if strings.HasSuffix(name, vfs.TempSuffix) {
		return m.fs.Remove(name)
	}
	data, err := vfs.ReadFile(m.fs, name)
	if err != nil {
		return err
	}
	d, err := decodeDocument(data)
	if err != nil {
		return err
	}
	if m.path(d) != name {
		return fmt.Errorf("it is that of %s of tenant %s", d.Export.ID, d.Tenant)
	}
	m.add(&job{doc: d})
	return nil
}

// add makes a job known.
func (m *Manager) add(j *job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.jobs[j.doc.Tenant]
	if of == nil {
		of = make(map[audit.ExportID]*job)
		m.jobs[j.doc.Tenant] = of
	}
	of[j.doc.Export.ID] = j
}

// write puts a document on disk, durably.
func (m *Manager) write(d *document) error {
	data, err := json.Marshal(d)
	if err == nil {
		err = vfs.WriteFile(m.fs, m.path(d), data)
	}
	if err != nil {
		return fmt.Errorf("write export %s: %w", d.Export.ID, err)
	}
	return nil
}

// remove takes a document from the disk, durably.
func (m *Manager) remove(d *document) error {
	name := m.path(d)
	err := m.fs.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = m.fs.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("remove export %s: %w", d.Export.ID, err)
	}
	return nil
}

// change replaces a job's document by one that edit has changed, on disk first.
// edit is called with [Manager.mu] held; its error leaves everything as it is.
func (m *Manager) change(j *job, edit func(d *document) error) error {
	j.changing.Lock()
	defer j.changing.Unlock()
	m.mu.Lock()
	next := *j.doc
	err := edit(&next)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	if err := m.write(&next); err != nil {
		return err
	}
	// A crash here: the next process finds the new document.
	m.mu.Lock()
	j.doc = &next
	m.mu.Unlock()
	return nil
}

// document returns a job's document as it is now.
func (m *Manager) document(j *job) *document {
	m.mu.Lock()
	defer m.mu.Unlock()
	return j.doc
}

// show returns what is known of a job. [Manager.mu] is held.
func (j *job) show() audit.Export {
	e := j.doc.Export
	if a := j.active; a != nil {
		e.RecordCount = max(e.RecordCount, a.records.Load())
		e.SizeBytes = max(e.SizeBytes, a.size.Load())
	}
	switch {
	case e.Status == audit.ExportCompleted:
		e.Progress = 1
	case e.EstimatedRecords > 0:
		const nearly = 0.999 // the manifest is missing yet
		e.Progress = min(nearly, float64(e.RecordCount)/float64(e.EstimatedRecords))
	}
	return e
}
