package source

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// Expectation is that a source of a tenant does not stay silent for longer than
// Within. An event is of a source if its extra data name it: see [claim].
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
// time again. It tells anew of one that stays silent, unless that is one which has
// promised to be heard: see [Producers].
type Silences struct {
	log    Appender
	clock  func() time.Time
	logger *slog.Logger

	mu      sync.Mutex                           // guards the watches; never held during I/O
	watches map[audit.TenantID]map[string]*watch // by source
}

// watch is what is known of a source.
type watch struct {
	Expectation
	promise bool      // of the source itself, not of the operator
	heard   time.Time // the last time; or when the process began
	silent  time.Time // the heard of a silence that is in the log; zero for none
}

// NewSilences returns a watch over sources, which begins now.
func NewSilences(expected []Expectation, log Appender, clock func() time.Time, logger *slog.Logger) *Silences {
	s := &Silences{log: log, clock: clock, logger: logger, watches: make(map[audit.TenantID]map[string]*watch)}
	for _, e := range expected {
		s.add(&watch{Expectation: e, heard: clock()})
	}
	return s
}

func (s *Silences) add(w *watch) {
	of := s.watches[w.Tenant]
	if of == nil {
		of = make(map[string]*watch)
		s.watches[w.Tenant] = of
	}
	of[w.Source] = w
}

// promised expects what a source has promised; within 0 seconds, nothing any more.
// What the operator expects of it goes before. Silent is since when the log says that
// the source is silent, 0 if it does not.
func (s *Silences) promised(e Expectation, silent audit.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watches[e.Tenant][e.Source]
	switch {
	case w != nil && !w.promise:
	case e.Within == 0:
		delete(s.watches[e.Tenant], e.Source)
	case w != nil:
		w.Within = e.Within
	case silent != 0:
		since := silent.Std()
		s.add(&watch{Expectation: e, promise: true, heard: since, silent: since})
	default:
		s.add(&watch{Expectation: e, promise: true, heard: s.clock()})
	}
}

// Heard notes the sources of events that came now, whatever time they bear. It
// does no I/O.
func (s *Silences) Heard(tenant audit.TenantID, events []audit.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	watches := s.watches[tenant]
	if len(watches) == 0 {
		return
	}
	now := s.clock()
	for i := range events {
		if w := watches[sourceOf(&events[i])]; w != nil {
			w.heard = now
		}
	}
}

// sourceOf returns the source that an event names, "" for none.
func sourceOf(e *audit.Event) string {
	if !strings.Contains(e.ExtraData, `source":"`) && !strings.Contains(e.ExtraData, `resource.service.name":"`) {
		return ""
	}
	return claimOf(e).source
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

const (
	reasonSilence      = "silence"
	reasonSilenceEnded = "silence_ended"
)

// inOrder returns the watches by tenant and source. s.mu is held.
func (s *Silences) inOrder() (list []*watch) {
	for _, of := range s.watches {
		list = slices.AppendSeq(list, maps.Values(of))
	}
	slices.SortFunc(list, func(a, b *watch) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Source, b.Source))
	})
	return list
}

// changes returns what is to be appended now.
func (s *Silences) changes() (list []change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, w := range s.inOrder() {
		facts := []Fact{{"silent_source", w.Source}, {"expected_seconds", int64(w.Within / time.Second)}}
		switch {
		case !w.silent.IsZero() && w.heard.After(w.silent):
			facts = append(facts, Fact{"silent_since", audit.TimeOf(w.silent).String()},
				Fact{"heard_at", audit.TimeOf(w.heard).String()})
			list = append(list, change{w, GapEvent(now, reasonSilenceEnded, facts...), time.Time{}})
		case w.silent.IsZero() && now.Sub(w.heard) > w.Within:
			facts = append(facts, Fact{"silent_since", audit.TimeOf(w.heard).String()})
			list = append(list, change{w, GapEvent(now, reasonSilence, facts...), w.heard})
		}
	}
	return list
}

// checkInterval is how often Run looks for silence.
const checkInterval = time.Second

// Run looks for silence until ctx ends.
func (s *Silences) Run(ctx context.Context) {
	repeat(ctx, checkInterval, s.logger, "a silent source is not yet in the log", s.Check)
}
