package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

const (
	// pollInterval is how often a sink that has nothing to send looks again.
	pollInterval = time.Second
	// firstWait is the wait after a failure; each next one in a row is twice as
	// long, at most maxWait. Half of it is left to chance, so that sinks whose
	// receiver comes back do not all come at once. A receiver may ask for more
	// time, at most maxAsked.
	firstWait = time.Second
	maxWait   = 5 * time.Minute
	maxAsked  = time.Hour
)

// sink is one sink at work.
type sink struct {
	m          *Manager
	doc        document
	configured bool
	form       form
	filter     audit.Filter

	changing sync.Mutex // held while it is started, stopped, or told where to go on
	cancel   context.CancelFunc
	done     chan struct{} // closed when the goroutine has ended; nil if there is none

	sending chan struct{} // holds one token while the receiver is talked to
	conn    transport     // nil if there is none; of whoever is sending

	mu      sync.Mutex       // guards the following; never held during I/O
	from    *audit.SinkStart // where to begin, if there is no cursor yet
	cursor  cursor
	durable uint64 // cursor.Next on disk
	aside   aside
	figures figures
}

func newSink(m *Manager, d document, configured bool) *sink {
	return &sink{
		m: m, doc: d, configured: configured, filter: audit.Filter(d.Sink.Filters),
		form:    form{format: d.Sink.Format, ocsf: d.Sink.OCSFVersion, tenant: d.Tenant, version: m.Version},
		sending: make(chan struct{}, 1),
		cursor:  cursor{Version: documentVersion},
	}
}

func (s *sink) file(suffix string) string { return s.m.path(s.doc.Tenant, s.doc.Sink.Name, suffix) }

// start lets the sink send, if the manager runs and the sink is not paused.
// s.changing is held.
func (s *sink) start() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.running == nil || s.m.running.Err() != nil || s.done != nil || s.paused() {
		return
	}
	ctx, cancel := context.WithCancel(s.m.running)
	done := make(chan struct{})
	s.cancel, s.done = cancel, done
	s.m.group.Go(func() {
		defer close(done)
		s.run(ctx)
	})
}

// stop ends what the sink is doing and returns when it has ended. What was
// sent and not acknowledged is sent again. s.changing is held.
func (s *sink) stop() {
	if s.done == nil {
		return
	}
	s.cancel()
	<-s.done
	s.done = nil
}

func (s *sink) paused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.Paused
}

// run sends events until ctx ends.
func (s *sink) run(ctx context.Context) {
	defer s.hangUp(ctx)
	for ctx.Err() == nil {
		more, err := s.pass(ctx)
		wait := pollInterval
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = s.failed(err)
		case more:
			continue
		}
		if sleep(ctx, wait) != nil {
			return
		}
	}
}

// failed notes a failure and returns how long to wait.
func (s *sink) failed(err error) time.Duration {
	n := s.noteFailure(err)
	wait := min(maxWait, firstWait<<min(n-1, 20))
	wait = wait/2 + rand.N(wait/2)
	if asked := asked(err); asked > wait {
		wait = min(asked, maxAsked)
	}
	s.m.Logger.Warn("a sink waits to try again", "sink", s.doc.Sink.Name, "tenant", s.doc.Tenant,
		"failures", n, "wait", wait, "error", err)
	return wait
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// next returns the index that is due. A sink of the settings that runs for the
// first time looks up where it begins.
func (s *sink) next(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	from, next := s.from, s.cursor.Next
	s.mu.Unlock()
	if from == nil {
		return next, nil
	}
	next, err := s.m.begin(ctx, s.doc.Tenant, *from)
	if err == nil {
		err = s.m.fs.MkdirAll(s.dir())
	}
	if err == nil {
		err = s.change(func(c *cursor) { c.Next = next })
	}
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.from = nil
	s.mu.Unlock()
	return next, nil
}

// change replaces the cursor by one that edit has changed, on disk first. Only
// one of the sink's goroutine and whoever has stopped it calls it.
func (s *sink) change(edit func(*cursor)) error {
	s.mu.Lock()
	c := s.cursor
	s.mu.Unlock()
	edit(&c)
	if err := s.m.writeJSON(s.file(cursorSuffix), &c); err != nil {
		return fmt.Errorf("write the cursor of sink %s: %w", s.doc.Sink.Name, err)
	}
	// A crash here: the next process finds the new cursor.
	s.mu.Lock()
	s.cursor, s.durable = c, c.Next
	s.mu.Unlock()
	return nil
}

// errShorter says that the log has fewer events than were delivered.
var errShorter = errors.New("the log ends before what was delivered already, as after a backup was restored; " +
	"resume the sink with the index to go on from")
