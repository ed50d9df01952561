package source

import (
	"context"

	"github.com/scaivault/audit"
)

// events are on their way to the log of one tenant. A device sends its lines one by
// one, over many connections: those that are complete at about the same time are
// appended at once.
type events struct {
	turns[waitingEvents]
	work func(context.Context, []exchange) error
}

// waitingEvents are appended in one turn.
type waitingEvents struct {
	done []exchange
	ctx  context.Context // of whoever came first, without its end
}

// fewEvents is how many wait for others; more are worth an append of their own.
const fewEvents = 32

// newEvents returns events that work appends. It ends with shut.
func newEvents(work func(context.Context, []exchange) error) *events {
	e := &events{turns: newTurns[waitingEvents](), work: work}
	go e.run()
	return e
}

func (e *events) run() {
	defer close(e.stopped)
	for e.next(e.flush) {
	}
}

func (e *events) flush(w *waitingEvents) error {
	err := e.work(w.ctx, w.done)
	w.done = nil // whoever remembers them needs the error only
	return err
}

// append appends the events of exchanges, and returns when they are durable. An error
// holds for all that are appended with them.
func (e *events) append(ctx context.Context, done []exchange) error {
	if len(done) > fewEvents {
		return e.work(ctx, done)
	}
	turn, err := e.add(ctx, done)
	if err != nil {
		return err
	}
	return turn.wait(ctx)
}

func (e *events) add(ctx context.Context, done []exchange) (*turn[waitingEvents], error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, audit.Errorf(audit.CodeUnavailable, "no more events are taken")
	}
	t := e.join()
	if t.of.ctx == nil {
		t.of.ctx = context.WithoutCancel(ctx)
	}
	t.of.done = append(t.of.done, done...)
	return t, nil
}
