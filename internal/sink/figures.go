package sink

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/scaivault/audit"
)

// figures are what a sink tells of itself and no file keeps.
type figures struct {
	inARow  int // failures since the last success
	err     string
	errAt   *audit.Time
	rate    float64 // events per second
	ratedAt time.Time
}

// rateSpan is over how long a time the rate is evened out.
const rateSpan = time.Minute

// count adds events to the rate, which fades with time.
func (f *figures) count(events int, now time.Time) {
	f.rate = f.rateAt(now) + float64(events)/rateSpan.Seconds()
	f.ratedAt = now
}

func (f *figures) rateAt(now time.Time) float64 {
	return f.rate * math.Exp(-now.Sub(f.ratedAt).Seconds()/rateSpan.Seconds())
}

func (s *sink) noteSuccess(events int) {
	now := s.m.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.inARow = 0
	s.figures.count(events, now)
}

// noteFailure returns how many failures in a row there are now.
func (s *sink) noteFailure(err error) int {
	now := audit.TimeOf(s.m.Clock())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.Failures++ // on disk with the next change
	s.figures.inARow++
	s.figures.err, s.figures.errAt = err.Error(), &now
	return s.figures.inARow
}

// status returns the sink and how it does.
func (s *sink) status(ctx context.Context) audit.SinkStatus {
	st := s.snapshot()
	size := s.m.Log.Size(s.doc.Tenant)
	if st.NextIndex >= size {
		return st
	}
	st.LagEvents = size - st.NextIndex
	first, err := s.m.received(ctx, s.doc.Tenant, st.NextIndex)
	if err == nil && first != nil {
		waits := s.m.Clock().Sub(first.ReceivedAt.Std())
		st.LagSeconds = math.Round(max(0, waits.Seconds())*1000) / 1000
	}
	return st
}

func (s *sink) snapshot() audit.SinkStatus {
	now := s.m.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := audit.SinkStatus{
		Sink: s.doc.Sink, Configured: s.configured, CreatedBy: s.doc.CreatedBy,
		State: audit.SinkRunning, NextIndex: s.cursor.Next,
		Delivered: s.cursor.Delivered, PerSecond: math.Round(s.figures.rateAt(now)*10) / 10,
		Failures: s.cursor.Failures, InARow: s.figures.inARow, LastError: s.figures.err,
		LastErrorAt: s.figures.errAt, LastSuccessAt: s.cursor.SuccessAt, SetAside: s.aside.count,
	}
	if s.configured {
		st.SecretFile = "" // a name on the operator's machine
	} else {
		st.CreatedAt = &s.doc.CreatedAt
	}
	switch {
	case s.cursor.Paused:
		st.State = audit.SinkPaused
	case s.figures.inARow > 0:
		st.State = audit.SinkRetrying
	}
	return st
}

// health is how one sink does, in the detailed health of the service.
type health struct {
	Tenant        audit.TenantID  `json:"tenant"`
	Name          audit.SinkName  `json:"name"`
	State         audit.SinkState `json:"state"`
	LagEvents     uint64          `json:"lag_events"`
	LagSeconds    float64         `json:"lag_seconds"`
	Failures      uint64          `json:"failures"`
	InARow        int             `json:"failures_in_a_row"`
	LastSuccessAt *audit.Time     `json:"last_success_at"` // null for never
	SetAside      int             `json:"set_aside"`
}

// Health returns figures about the sinks of a tenant, of all for "": each of them,
// and the sums and worst that alarms are made of. A sink that fails does not make
// the service unready: events are safe in the log.
func (m *Manager) Health(ctx context.Context, tenant audit.TenantID) (map[string]any, error) {
	m.mu.Lock()
	all := m.all()
	m.mu.Unlock()
	each := []health{} // none is [] in JSON
	states := make(map[audit.SinkState]int)
	var setAside int
	var lag uint64
	var seconds float64
	for _, s := range all {
		if tenant != "" && s.doc.Tenant != tenant {
			continue
		}
		st := s.status(ctx)
		each = append(each, health{s.doc.Tenant, st.Name, st.State, st.LagEvents, st.LagSeconds,
			st.Failures, st.InARow, st.LastSuccessAt, st.SetAside})
		states[st.State]++
		setAside += st.SetAside
		lag, seconds = max(lag, st.LagEvents), max(seconds, st.LagSeconds)
	}
	slices.SortFunc(each, func(a, b health) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name))
	})
	return map[string]any{"sinks": each, "failing": states[audit.SinkRetrying], "paused": states[audit.SinkPaused],
		"set_aside": setAside, "most_lag_events": lag, "most_lag_seconds": seconds}, nil
}
