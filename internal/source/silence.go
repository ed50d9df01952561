package source

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// Expectation is that a source of a tenant does not stay silent for longer than
// Within. An event is of a source if its extra data name it, as a string in the
// member "source" or "audit.source".
type Expectation struct {
	Tenant audit.TenantID
	Source string
	Within time.Duration
}

// Appender is where the events about silence go. Append returns when they are on
// stable storage.
type Appender interface {
	Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error)
}

// Silences notices sources that fell silent: a producer that died looks like one
// that has nothing to tell. It is safe for concurrent use.
//
// What was heard is in memory only. A new process gives each source its whole
// time again, and tells anew of one that stays silent.
type Silences struct {
	log    Appender
	clock  func() time.Time
	logger *slog.Logger

	mu       sync.Mutex // guards the watches; never held during I/O
	watches  []*watch
	byTenant map[audit.TenantID][]*watch
}

// watch is what is known of a source.
type watch struct {
	Expectation
	heard  time.Time // the last time; or when the process began
	silent time.Time // the heard of a silence that is in the log; zero for none
}

// NewSilences returns a watch over sources, which begins now.
func NewSilences(expected []Expectation, log Appender, clock func() time.Time, logger *slog.Logger) *Silences {
	s := &Silences{log: log, clock: clock, logger: logger, byTenant: make(map[audit.TenantID][]*watch)}
	for _, e := range expected {
		w := &watch{Expectation: e, heard: clock()}
		s.watches = append(s.watches, w)
		s.byTenant[e.Tenant] = append(s.byTenant[e.Tenant], w)
	}
	return s
}

// Heard notes the sources of events that came now, whatever time they bear. It
// does no I/O.
func (s *Silences) Heard(tenant audit.TenantID, events []audit.Event) {
	watches := s.byTenant[tenant] // never changes
	if len(watches) == 0 {
		return
	}
	now := s.clock()
	for i := range events {
		name := sourceOf(events[i].ExtraData)
		if name == "" {
			continue
		}
		s.mu.Lock()
		for _, w := range watches {
			if w.Source == name {
				w.heard = now
			}
		}
		s.mu.Unlock()
	}
}

// sourceOf returns the source that extra data name, "" for none.
func sourceOf(extra string) (name string) {
	if !strings.Contains(extra, `source":"`) {
		return ""
	}
	r := newReader([]byte(extra))
	err := r.object(func(member string) error {
		if member == "source" || member == "audit.source" {
			return r.text(&name)
		}
		return r.dec.SkipValue()
	})
	if err != nil {
		return ""
	}
	return name
}

// change is an event about a source, and what is known of it once that is durable.
type change struct {
	watch  *watch
	event  audit.Event
	silent time.Time
}

// Check appends an [audit.ActionAuditGap] for each source that fell silent, and
// one for each that is back. What could not be appended is tried again next time.
func (s *Silences) Check(ctx context.Context) error {
	for _, c := range s.changes() {
		b := audit.Batch{Events: []audit.Event{c.event}}
		_, err := s.log.Append(ctx, c.watch.Tenant, b)
		if err != nil && audit.ErrorCode(err) != audit.CodeIDConflict { // that: an append that seemed to fail did not
			return err
		}
		s.mu.Lock()
		c.watch.silent = c.silent
		s.mu.Unlock()
	}
	return nil
}

// changes returns what is to be appended now.
func (s *Silences) changes() (list []change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, w := range s.watches {
		facts := []Fact{{"silent_source", w.Source}, {"expected_seconds", int64(w.Within / time.Second)}}
		switch {
		case !w.silent.IsZero() && w.heard.After(w.silent):
			facts = append(facts, Fact{"silent_since", audit.TimeOf(w.silent).String()},
				Fact{"heard_at", audit.TimeOf(w.heard).String()})
			list = append(list, change{w, GapEvent(now, "silence_ended", facts...), time.Time{}})
		case w.silent.IsZero() && now.Sub(w.heard) > w.Within:
			facts = append(facts, Fact{"silent_since", audit.TimeOf(w.heard).String()})
			list = append(list, change{w, GapEvent(now, "silence", facts...), w.heard})
		}
	}
	return list
}

// checkInterval is how often Run looks for silence.
const checkInterval = time.Second

// Run looks for silence until ctx ends.
func (s *Silences) Run(ctx context.Context) {
	if len(s.watches) == 0 {
		return
	}
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.Check(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.logger.Error("a silent source is not yet in the log", "error", err)
		}
		failing = err != nil
	}
}
