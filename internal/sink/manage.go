package sink

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// Create makes a sink and lets it send. One whose name is taken is an
// [audit.CodeIDConflict]; one that the operator does not allow, or more than
// [audit.MaxSinks], an [audit.CodeValidationError]. A secret that cannot be read is an
// [audit.CodeAccessDenied], one that lacks something an
// [audit.CodeDestinationUnavailable].
func (m *Manager) Create(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	r audit.SinkRequest) (audit.SinkStatus, error) {
	m.changing.Lock()
	defer m.changing.Unlock()
	if err := m.free(tenant, r.Sink.Name); err != nil {
		return audit.SinkStatus{}, err
	}
	if err := m.allowed(&r.Sink); err != nil {
		return audit.SinkStatus{}, err
	}
	next, err := m.begin(ctx, tenant, r.Start)
	if err != nil {
		return audit.SinkStatus{}, err
	}
	s := newSink(m, document{Version: documentVersion, Tenant: tenant, Sink: r.Sink,
		CreatedBy: c.IdentityID, CreatedAt: audit.TimeOf(m.Clock())}, false)
	if err := s.tryCredentials(ctx); err != nil {
		return audit.SinkStatus{}, err
	}
	if err := m.announce(ctx, tenant, c, "sink_created", &r.Sink); err != nil {
		return audit.SinkStatus{}, err
	}
	if err := s.establish(next); err != nil {
		return audit.SinkStatus{}, fmt.Errorf("create sink %s: %w", r.Sink.Name, err)
	}
	m.add(s)
	s.changing.Lock()
	defer s.changing.Unlock()
	s.start()
	return s.status(ctx), nil
}

// free checks that a tenant may have another sink, of that name.
func (m *Manager) free(tenant audit.TenantID, name audit.SinkName) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sinks[tenant][name] != nil {
		return audit.Errorf(audit.CodeIDConflict, "there is a sink of this name already; remove it first")
	}
	if len(m.sinks[tenant]) >= audit.MaxSinks {
		return audit.Invalid([]audit.FieldError{{Field: "name",
			Message: fmt.Sprintf("there are %d sinks already, as many as a tenant may have", audit.MaxSinks)}})
	}
	return nil
}

// establish puts a sink on disk. The document is last: without it, what is left
// of a crash means nothing and is replaced when the name is used again.
func (s *sink) establish(next uint64) error {
	err := s.m.fs.MkdirAll(s.dir())
	if err == nil {
		err = s.m.remove(s.file(asideSuffix))
	}
	if err == nil {
		err = s.change(func(c *cursor) { c.Next = next })
	}
	if err == nil {
		err = s.m.writeJSON(s.file(documentSuffix), &s.doc)
	}
	return err
}

func (s *sink) dir() string { return filepath.Dir(s.file("")) }

// List returns the sinks of a tenant by name.
func (m *Manager) List(ctx context.Context, tenant audit.TenantID) []audit.SinkStatus {
	m.mu.Lock()
	var all []*sink
	for _, s := range m.sinks[tenant] {
		all = append(all, s)
	}
	m.mu.Unlock()
	list := make([]audit.SinkStatus, 0, len(all))
	for _, s := range all {
		list = append(list, s.status(ctx))
	}
	slices.SortFunc(list, func(a, b audit.SinkStatus) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Sink returns one sink of a tenant.
func (m *Manager) Sink(ctx context.Context, tenant audit.TenantID, name audit.SinkName) (audit.SinkStatus, error) {
	s, err := m.find(tenant, name)
	if err != nil {
		return audit.SinkStatus{}, err
	}
	return s.status(ctx), nil
}

// SetAside returns the latest of what a sink has set aside, the newest first.
func (m *Manager) SetAside(tenant audit.TenantID, name audit.SinkName) ([]audit.SetAside, error) {
	s, err := m.find(tenant, name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append([]audit.SetAside{}, s.aside.latest...)
	slices.Reverse(list)
	return list, nil
}

// Remove ends a sink and forgets how far it was. One of the operator's settings
// is an [audit.CodeAccessDenied].
func (m *Manager) Remove(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	s, err := m.find(tenant, name)
	if err != nil {
		return err
	}
	if s.configured {
		return audit.Errorf(audit.CodeAccessDenied, "the sink is one of the server's settings; remove it there")
	}
	if err := m.announce(ctx, tenant, c, "sink_removed", &s.doc.Sink); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	s.stop()
	if err := m.forget(s); err != nil {
		s.start()
		return fmt.Errorf("remove sink %s: %w", name, err)
	}
	m.mu.Lock()
	delete(m.sinks[tenant], name)
	m.mu.Unlock()
	return nil
}

// forget takes a sink from the disk, durably, the document first.
func (m *Manager) forget(s *sink) error {
	err := m.remove(s.file(documentSuffix))
	if err == nil {
		err = m.fs.SyncDir(s.dir())
	}
	// A crash here leaves files that nobody reads.
	if err != nil {
		return err
	}
	for _, suffix := range []string{cursorSuffix, asideSuffix} {
		if err := m.remove(s.file(suffix)); err != nil {
			m.Logger.Warn("a file of a sink that was removed stays", "sink", s.doc.Sink.Name, "error", err)
		}
	}
	return nil
}

// Pause lets a sink send no more until it is resumed.
func (m *Manager) Pause(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	name audit.SinkName) (audit.SinkStatus, error) {
	return m.direct(ctx, tenant, c, name, "sink_paused", func(cur *cursor) { cur.Paused = true })
}

// Resume lets a sink go on, from another place if start names one.
func (m *Manager) Resume(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName,
	start audit.SinkStart) (audit.SinkStatus, error) {
	elsewhere := start != audit.SinkStart{}
	var next uint64
	if elsewhere {
		var err error
		if next, err = m.begin(ctx, tenant, start); err != nil {
			return audit.SinkStatus{}, err
		}
	}
	return m.direct(ctx, tenant, c, name, "sink_resumed", func(cur *cursor) {
		cur.Paused, cur.Refused = false, 0
		if elsewhere {
			cur.Next = next
		}
	})
}

// direct changes the cursor of a sink that it has stopped, and starts it again.
func (m *Manager) direct(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName,
	what string, edit func(*cursor)) (audit.SinkStatus, error) {
	s, err := m.find(tenant, name)
	if err != nil {
		return audit.SinkStatus{}, err
	}
	if err := m.announce(ctx, tenant, c, what, &s.doc.Sink); err != nil {
		return audit.SinkStatus{}, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	s.stop()
	defer s.start()
	if _, err = s.next(ctx); err == nil { // it may never have run
		err = s.change(edit)
	}
	if err != nil {
		return audit.SinkStatus{}, err
	}
	s.mu.Lock()
	s.figures.inARow = 0
	s.mu.Unlock()
	return s.status(ctx), nil
}

// Test sends one synthetic event, which is in no log, and returns what the
// receiver answered.
func (m *Manager) Test(ctx context.Context, tenant audit.TenantID, c audit.Caller,
	name audit.SinkName) (audit.SinkTest, error) {
	s, err := m.find(tenant, name)
	if err != nil {
		return audit.SinkTest{}, err
	}
	began := m.Clock()
	r := record{Event: audit.Event{
		ID: "log_sink-test", Timestamp: audit.TimeOf(began), Action: audit.ActionSystemChange,
		IdentityType: c.IdentityType, IdentityID: c.IdentityID, Success: true,
		RequestID: c.RequestID, ExtraData: `{"change":"sink_test","synthetic":true}`,
	}}
	r.text = s.form.append(nil, &r)
	answer, err := s.send(ctx, []record{r})
	t := audit.SinkTest{OK: err == nil, Message: answer, TookMS: m.Clock().Sub(began).Milliseconds()}
	if err != nil {
		t.Message = err.Error()
	}
	return t, nil
}

// announce appends the event about what somebody does to a sink, before it is
// done: no change goes unrecorded.
func (m *Manager) announce(ctx context.Context, tenant audit.TenantID, c audit.Caller, what string,
	s *audit.Sink) error {
	var b strings.Builder
	b.WriteString(`{"change":`)
	b.Write(audit.AppendString(nil, what))
	for _, member := range [][2]string{{"sink", string(s.Name)}, {"type", string(s.Type)},
		{"format", string(s.Format)}, {"url", s.URL}} {
		b.WriteByte(',')
		b.Write(audit.AppendString(nil, member[0]))
		b.WriteByte(':')
		b.Write(audit.AppendString(nil, member[1]))
	}
	b.WriteByte('}')
	e := audit.Event{
		Timestamp: audit.NoTime, Action: audit.ActionSystemChange, IdentityType: c.IdentityType,
		IdentityID: c.IdentityID, Success: true, RequestID: c.RequestID, ExtraData: b.String(),
	}
	_, err := m.Log.Append(ctx, tenant, audit.Batch{Events: []audit.Event{e}})
	return err
}

// begin returns the index at which a sink begins. An index behind the end of
// the log is an [audit.CodeValidationError].
func (m *Manager) begin(ctx context.Context, tenant audit.TenantID, start audit.SinkStart) (uint64, error) {
	size := m.Log.Size(tenant)
	switch {
	case start.Index != nil && *start.Index > size:
		return 0, audit.Invalid([]audit.FieldError{{Field: "from_index",
			Message: fmt.Sprintf("the log ends before it, at %d", size)}})
	case start.Index != nil:
		return *start.Index, nil
	case start.Time == nil:
		return size, nil
	}
	// The time of receipt never decreases with the index: look for it by halves.
	low, high := uint64(0), size
	for low < high {
		mid := low + (high-low)/2
		r, err := m.received(ctx, tenant, mid)
		if err != nil {
			return 0, err
		}
		if r == nil || r.ReceivedAt >= *start.Time {
			high = mid
		} else {
			low = r.Index + 1
		}
	}
	return low, nil
}

// received returns the first record at an index or behind it; nil if there is
// none.
func (m *Manager) received(ctx context.Context, tenant audit.TenantID, index uint64) (*audit.Record, error) {
	page, err := m.Log.Query(ctx, tenant, audit.Query{Order: audit.OrderIndex, FromIndex: index, Limit: 1})
	if err != nil || len(page.Records) == 0 {
		return nil, err
	}
	return &page.Records[0], nil
}
