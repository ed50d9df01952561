package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// documentVersion is the format of documents and cursors.
const documentVersion = 1

// The names of a sink's files are its own and one of these.
const (
	documentSuffix = ".json"   // what it is, but for those of the settings
	cursorSuffix   = ".cursor" // how far it is
	asideSuffix    = ".aside"  // what it could not deliver
)

// document is what is kept of a sink. It does not change.
type document struct {
	Version   int              `json:"version"`
	Tenant    audit.TenantID   `json:"tenant"`
	Sink      audit.Sink       `json:"sink"`
	CreatedBy audit.IdentityID `json:"created_by"`
	CreatedAt audit.Time       `json:"created_at"`
}

// cursor is how far a sink is, replaced after every acknowledged batch.
type cursor struct {
	Version   int         `json:"version"`
	Paused    bool        `json:"paused"`
	Next      uint64      `json:"next"` // everything below it is delivered, not selected, or set aside
	Delivered uint64      `json:"delivered"`
	Failures  uint64      `json:"failures"`
	Refused   int         `json:"refused"` // events in a row, none taken in between
	SuccessAt *audit.Time `json:"success_at"`
}

func (m *Manager) path(tenant audit.TenantID, name audit.SinkName, suffix string) string {
	return filepath.Join(m.dir, string(tenant), string(name)+suffix)
}

// load reads all sinks and those of the settings, and removes files that a
// crash left unfinished.
func (m *Manager) load() error {
	if err := m.fs.MkdirAll(m.dir); err != nil {
		return err
	}
	tenants, err := m.fs.List(m.dir)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		names, err := m.fs.List(filepath.Join(m.dir, tenant))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := m.loadFile(filepath.Join(m.dir, tenant, name)); err != nil {
				m.Logger.Error("a sink cannot be read and sends nothing", "file", name, "tenant", tenant, "error", err)
			}
		}
	}
	for i := range m.Configured {
		if err := m.configure(&m.Configured[i]); err != nil {
			return fmt.Errorf("sink %s of %s: %w", m.Configured[i].Sink.Name, m.Configured[i].Tenant, err)
		}
	}
	return nil
}

func (m *Manager) loadFile(name string) error {
	if strings.HasSuffix(name, vfs.TempSuffix) {
		return m.fs.Remove(name)
	}
	if !strings.HasSuffix(name, documentSuffix) {
		return nil
	}
	var d document
	if err := m.readJSON(name, &d); err != nil {
		return err
	}
	if d.Version != documentVersion || m.path(d.Tenant, d.Sink.Name, documentSuffix) != name {
		return fmt.Errorf("version %d, sink %s of %s: is not what its name says", d.Version, d.Sink.Name, d.Tenant)
	}
	s := newSink(m, d, false)
	if err := s.loadCursor(); err != nil {
		return err
	}
	m.add(s)
	return nil
}

// configure makes a sink of the settings known. Its cursor is made when it is
// seen for the first time, and kept when it is not there any more.
func (m *Manager) configure(c *Configured) error {
	d := document{Version: documentVersion, Tenant: c.Tenant, Sink: c.Sink}
	if _, err := m.find(c.Tenant, c.Sink.Name); err == nil {
		return errors.New("another one has this name")
	}
	if err := m.allowed(&c.Sink); err != nil {
		return err
	}
	s := newSink(m, d, true)
	err := s.loadCursor()
	if errors.Is(err, fs.ErrNotExist) {
		s.from = &c.Start // looked up when it runs, as that asks the log
		err = nil
	}
	if err != nil {
		return err
	}
	m.add(s)
	return nil
}

func (m *Manager) readJSON(name string, v any) error {
	data, err := vfs.ReadFile(m.fs, name)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// writeJSON puts a document in the place of the one before, durably.
func (m *Manager) writeJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		err = vfs.WriteFile(m.fs, name, data)
	}
	return err
}

// loadCursor reads how far a sink is, and what it has set aside.
func (s *sink) loadCursor() error {
	var c cursor
	if err := s.m.readJSON(s.file(cursorSuffix), &c); err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	if c.Version != documentVersion {
		return fmt.Errorf("cursor: version %d; this program reads %d", c.Version, documentVersion)
	}
	s.cursor, s.durable = c, c.Next
	return s.loadAside()
}

// remove takes a file from the disk, if it is there.
func (m *Manager) remove(name string) error {
	if err := m.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
