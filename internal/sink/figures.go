package sink

import (
	"context"
	"math"
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

// Health returns figures about the sinks of a tenant, of all for "". A sink that
// fails does not make the service unready: events are safe in the log.
func (m *Manager) Health(ctx context.Context, tenant audit.TenantID) (map[string]any, error) {
	m.mu.Lock()
	all := m.all()
	m.mu.Unlock()
	var n, failing, paused, setAside int
	var lag uint64
	var seconds float64
	for _, s := range all {
		if tenant != "" && s.doc.Tenant != tenant {
			continue
		}
		st := s.status(ctx)
		n++
		setAside += st.SetAside
		switch st.State {
		case audit.SinkPaused:
			paused++
		case audit.SinkRetrying:
			failing++
		}
		lag, seconds = max(lag, st.LagEvents), max(seconds, st.LagSeconds)
	}
	return map[string]any{"sinks": n, "failing": failing, "paused": paused, "set_aside": setAside,
		"most_lag_events": lag, "most_lag_seconds": seconds}, nil
}
