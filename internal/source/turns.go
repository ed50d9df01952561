package source

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

// turns lets all who come while slow work is under way share the next turn of it: a
// sync of a file, an append to the log. Whoever does the work embeds it, has one
// goroutine call next again and again, and guards its own members by mu, too.
type turns[T any] struct {
	wake    chan struct{} // a turn waits, or something else does; closed by shut
	stopped chan struct{} // that goroutine has ended

	mu     sync.Mutex // never held during I/O
	open   *turn[T]   // nil if nobody waits
	last   *turn[T]   // the latest, over or not; nil if there was none
	err    error      // why no turn is taken any more; set once
	closed bool

	began time.Time // the latest turn; of that goroutine
}

// turn is work that is to come.
type turn[T any] struct {
	of   T
	done chan struct{}
	err  error // set before done is closed
}

// turnRest is the time between the beginnings of two turns, at least. A device sends
// a line whenever it has one; without a rest each would have a sync of its own, and a
// disk that may do so many operations a second, or a processor that pays for each of
// them, would let some lines wait for much longer than this.
const turnRest = 2 * time.Millisecond

func newTurns[T any]() turns[T] {
	return turns[T]{wake: make(chan struct{}, 1), stopped: make(chan struct{})}
}

// join returns the open turn. The caller holds mu and fills in what the turn is to do
// before it lets go of it.
func (t *turns[T]) join() *turn[T] {
	if t.open == nil {
		t.open = &turn[T]{done: make(chan struct{})}
		t.last = t.open
		t.poke()
	}
	return t.open
}

// poke wakes whoever calls next. The caller holds mu.
func (t *turns[T]) poke() {
	if t.closed {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default: // the last wake-up was not yet taken, and all will be found with it
	}
}

// next waits until there is work, does that of the open turn, if any, and tells those
// who wait for it. It returns false after the last turn.
func (t *turns[T]) next(work func(*T) error) (more bool) {
	if _, more = <-t.wake; more {
		time.Sleep(time.Until(t.began.Add(turnRest)))
	}
	t.mu.Lock()
	g, err := t.open, t.err
	t.open = nil
	t.mu.Unlock()
	if g == nil {
		return more
	}
	t.began = time.Now()
	if err == nil {
		err = work(&g.of)
	}
	g.err = err
	close(g.done)
	return more
}

// latest returns the turn after which all that was added is done.
func (t *turns[T]) latest() *turn[T] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// fail ends the turns for the life of the process if err is one: after a failed write
// or sync nobody knows what the disk holds. It returns what those who wait are told,
// and logs more.
func (t *turns[T]) fail(err error, logger *slog.Logger, what, loss string) error {
	if err == nil {
		return nil
	}
	logger.Error(what+" failed: "+loss+"; restart to recover", "error", err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = &audit.Error{Code: audit.CodeUnavailable, Err: err,
		Message: "the disk of " + what + " failed; restart the server"}
	return t.err
}

// failure returns why no turn is taken any more, or nil.
func (t *turns[T]) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// shut lets the open turn be the last, and returns when it is over; false if that
// was done before.
func (t *turns[T]) shut() bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	t.closed = true
	t.mu.Unlock()
	close(t.wake)
	<-t.stopped
	return true
}

// wait returns nil once the turn is over. No turn is.
func (g *turn[T]) wait(ctx context.Context) error {
	if g == nil {
		return nil
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return audit.Errorf(audit.CodeUnavailable, "the disk did not answer in time; the line may or may not be kept")
	}
}
