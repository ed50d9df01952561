package ui

import (
	"context"
	"fmt"
	"net/http"

	"github.com/scaivault/audit"
)

// Sinks is what the pages ask of what sends events on to other systems. A sink
// of another tenant is like one that does not exist, an [audit.CodeNotFound].
type Sinks interface {
	// List returns the sinks of a tenant by name.
	List(ctx context.Context, tenant audit.TenantID) []audit.SinkStatus
	// SetAside returns the latest of what a sink could not deliver, the newest
	// first.
	SetAside(tenant audit.TenantID, name audit.SinkName) ([]audit.SetAside, error)
	// Pause and Resume append an event that says who did it.
	Pause(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName) (audit.SinkStatus, error)
	Resume(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName,
		start audit.SinkStart) (audit.SinkStatus, error)
}

// sinksPage shows what comes into the log and what goes on from it.
type sinksPage struct {
	frame
	AsOf  when
	Sinks []sinkRow
	Aside []asidePart // of the sinks that have set something aside
	Lines sourcePart
	Gaps  []gapRow
}

// sinkRow is a sink as the page shows it.
type sinkRow struct {
	Name, Type, Format string
	Where              string // the receiver; "" of files
	Configured         bool
	State              string
	Paused, Failing    bool
	InARow             int
	Lag                uint64 // events
	Waits              string // how long the first of them does; "" if there is none
	Delivered          uint64
	Rate               string // events a second
	Success            *when  // the last one; nil for none
	Failure            *when
	Error              string // of the last failure
	SetAside           int
}

// asidePart is what a sink has set aside.
type asidePart struct {
	Name  string
	Count int // of all
	Rows  []asideRow
}

// asideRow is one event, or a damaged range of the log.
type asideRow struct {
	ID, URL string // "" of a range
	Range   string
	At      when
	Reason  string
}

// maxAside is how many events the page shows of those that a sink has set aside.
const maxAside = 20

// overseesSinks refuses who may not see sinks; the rule is the API's: what a
// sink sends, and how much of it, is about the whole log.
func (p *page) overseesSinks() error {
	if err := p.may(audit.ScopeAdmin); err != nil {
		return err
	}
	if len(p.who.PathPrefixes) > 0 {
		return audit.Errorf(audit.CodeAccessDenied, "sinks send the whole log; the token sees a part of it")
	}
	return nil
}

// sinks answers GET /ui/sinks.
func (s *Server) sinks(p *page) error {
	if err := p.overseesSinks(); err != nil {
		return err
	}
	x := &sinksPage{frame: p.frame("Sources and sinks", "sinks"), Lines: s.sources(p)}
	x.AsOf = newWhen(x.Now, x.Now)
	list := s.Sinks.List(p.r.Context(), p.tenant)
	for i := range list {
		row := newSinkRow(&list[i], x.Now)
		x.Sinks = append(x.Sinks, row)
		if row.SetAside == 0 {
			continue
		}
		aside, err := s.Sinks.SetAside(p.tenant, list[i].Name)
		if audit.ErrorCode(err) == audit.CodeNotFound {
			continue // it was removed just now
		}
		if err != nil {
			return err
		}
		x.Aside = append(x.Aside, newAside(&row, aside, x.Now))
	}
	var err error
	if x.Gaps, err = s.gaps(p, x.Now); err != nil {
		return err
	}
	s.render(p.w, p.r, http.StatusOK, "sinks", x)
	return nil
}

func newSinkRow(st *audit.SinkStatus, now audit.Time) sinkRow {
	x := sinkRow{
		Name: string(st.Name), Type: string(st.Type), Format: string(st.Format), Where: st.URL, Configured: st.Configured,
		State: string(st.State), Paused: st.State == audit.SinkPaused, Failing: st.State == audit.SinkRetrying,
		InARow: st.InARow, Lag: st.LagEvents, Delivered: st.Delivered, Rate: fmt.Sprintf("%.1f", st.PerSecond),
		Success: maybeWhen(st.LastSuccessAt, now), Failure: maybeWhen(st.LastErrorAt, now), Error: st.LastError,
		SetAside: st.SetAside,
	}
	if st.LagEvents > 0 {
		x.Waits = lasting(st.LagSeconds)
	}
	return x
}

// maybeWhen returns an instant as pages show it; nil for none.
func maybeWhen(t *audit.Time, now audit.Time) *when {
	if t == nil {
		return nil
	}
	w := newWhen(*t, now)
	return &w
}

// lasting writes a number of seconds; from a minute on in the largest unit that
// fits.
func lasting(seconds float64) string {
	n := int64(seconds)
	switch {
	case n < 60:
		return fmt.Sprintf("%.1f s", seconds)
	case n < 3600:
		return fmt.Sprintf("%d min", n/60)
	case n < 86400:
		return fmt.Sprintf("%d h", n/3600)
	}
	return fmt.Sprintf("%d d", n/86400)
}

func newAside(row *sinkRow, list []audit.SetAside, now audit.Time) asidePart {
	x := asidePart{Name: row.Name, Count: row.SetAside}
	st := state{}
	for _, a := range list[:min(maxAside, len(list))] {
		r := asideRow{At: newWhen(a.At, now), Reason: a.Reason}
		if a.ID != "" {
			r.ID, r.URL = string(a.ID), st.url("event", string(a.ID))
		} else {
			r.Range = fmt.Sprintf("damaged: %d to %d", a.Index, a.To)
		}
		x.Rows = append(x.Rows, r)
	}
	return x
}

// pauseSink answers POST /ui/sinks/{name}/pause.
func (s *Server) pauseSink(p *page) error {
	return s.directSink(p, func(name audit.SinkName) error {
		_, err := s.Sinks.Pause(p.r.Context(), p.tenant, p.caller(), name)
		return err
	})
}

// resumeSink answers POST /ui/sinks/{name}/resume: it goes on where it was.
func (s *Server) resumeSink(p *page) error {
	return s.directSink(p, func(name audit.SinkName) error {
		_, err := s.Sinks.Resume(p.r.Context(), p.tenant, p.caller(), name, audit.SinkStart{})
		return err
	})
}

// directSink lets act change the sink that the address names.
func (s *Server) directSink(p *page, act func(audit.SinkName) error) error {
	if err := p.overseesSinks(); err != nil {
		return err
	}
	if err := act(audit.SinkName(p.r.PathValue("name"))); err != nil {
		return err
	}
	http.Redirect(p.w, p.r, "/ui/sinks", http.StatusSeeOther)
	return nil
}
