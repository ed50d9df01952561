package source

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"time"

	"github.com/scaivault/audit"
)

// Options are the bounds of a [Pairer]; zero values stand for the defaults.
type Options struct {
	// Wait is how long a request waits for its answer, 10 s by default.
	Wait time.Duration
	// Now tells the time by which requests wait. Without it, as for a file
	// that is read after the fact, it is the time that the lines tell.
	Now func() time.Time
	// MaxOpen and MaxOpenBytes bound the requests that wait, by default 65,536
	// and 64 MiB. Past either the oldest is given up before its time.
	MaxOpen, MaxOpenBytes int
	// MaxKnown is how many finished requests are remembered, by default
	// 65,536, so that the lines of a second audit device are known as such.
	MaxKnown int
}

// Pairer joins the lines of a Vault or OpenBao server, as its audit devices
// write them, into events: a request and its answer become one, at the time of
// the request. A request whose answer does not come in time becomes an event
// that did not succeed, with the outcome unknown in its extra data; an answer
// that comes later is an event of its own that names the earlier one. An
// answer without a request is complete, as it repeats what was asked.
//
// Several devices may write the same lines: the first of each request id and
// type counts. The events have ids that are derived from the lines, so that
// the log knows a repeated event. A Pairer serves one tenant and one goroutine.
type Pairer struct {
	options Options
	lines   int        // that were added
	clock   audit.Time // the latest time seen; never goes back

	open  map[key]*list.Element
	queue *list.List // of *waiting, oldest first
	bytes int        // kept by the queue

	known map[key]fate
	order []key // of known, as a ring once it is full
	next  int   // where the ring goes on
}

// key stands for a request: the hash of its id.
type key [sha256.Size]byte

// waiting is a request without its answer.
type waiting struct {
	key   key
	entry *entry
	until audit.Time
}

// fate is what became of a request.
type fate bool

const (
	answered fate = true  // its event is complete
	givenUp  fate = false // its event says that the outcome is unknown
)

// NewPairer returns a Pairer that has seen nothing yet.
func NewPairer(o Options) *Pairer {
	orDefault(&o.Wait, 10*time.Second)
	orDefault(&o.MaxOpen, 1<<16)
	orDefault(&o.MaxOpenBytes, 64<<20)
	orDefault(&o.MaxKnown, 1<<16)
	return &Pairer{
		options: o,
		open:    make(map[key]*list.Element),
		queue:   list.New(),
		known:   make(map[key]fate),
	}
}

func orDefault[T int | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}

// Add takes the next line and returns the events that it completes, also those
// of requests whose time is up. A line that is no JSON object of type request
// or response is a [audit.CodeInvalidRequest] that names the line, counted
// from 1; nothing else is refused. Blank lines are passed over.
func (p *Pairer) Add(line []byte) ([]audit.Event, error) {
	p.lines++
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil, nil
	}
	e, err := parseVault(line)
	if err != nil {
		return nil, audit.Errorf(audit.CodeInvalidRequest, "read vault audit line %d: %w", p.lines, err)
	}
	p.tick(e.time)
	var events []audit.Event
	if e.response {
		events = p.answer(e)
	} else {
		events = p.request(e)
	}
	return append(events, p.expire()...), nil
}

// Flush returns the events of the requests whose time is up. Whoever gives a
// clock calls it now and then, as no line may come for long.
func (p *Pairer) Flush() []audit.Event {
	p.tick(audit.NoTime)
	return p.expire()
}

// Close returns the events of all requests that still wait: at the end of a
// file no answer follows.
func (p *Pairer) Close() []audit.Event {
	var events []audit.Event
	for p.queue.Len() > 0 {
		events = append(events, p.giveUp())
	}
	return events
}

// tick advances the clock. It never goes back, so that requests are given up
// in the order in which they came.
func (p *Pairer) tick(line audit.Time) {
	if p.options.Now != nil {
		line = audit.TimeOf(p.options.Now())
	}
	p.clock = max(p.clock, line)
}

func (p *Pairer) request(e *entry) []audit.Event {
	k := e.key()
	var events []audit.Event
	if el, ok := p.open[k]; ok {
		if e.request.id != "" {
			return nil // from another device
		}
		events = append(events, p.finish(el, lone, nil))
	}
	if _, ok := p.known[k]; ok {
		return nil
	}
	wait := audit.Time(p.options.Wait / time.Microsecond)
	p.open[k] = p.queue.PushBack(&waiting{key: k, entry: e, until: p.clock + wait})
	p.bytes += e.kept
	for p.queue.Len() > p.options.MaxOpen || p.bytes > p.options.MaxOpenBytes {
		events = append(events, p.giveUp())
	}
	return events
}

func (p *Pairer) answer(e *entry) []audit.Event {
	k := e.key()
	if el, ok := p.open[k]; ok {
		return []audit.Event{p.finish(el, pair, e)}
	}
	x := exchange{form: answerOnly, response: e}
	if fate, ok := p.known[k]; ok {
		if fate == answered {
			return nil // from another device
		}
		x.form, x.earlier = late, eventID(lone, x.key())
	}
	p.remember(k, answered, e)
	return []audit.Event{x.event()}
}

// expire gives up the requests whose time is up.
func (p *Pairer) expire() []audit.Event {
	var events []audit.Event
	for el := p.queue.Front(); el != nil; el = p.queue.Front() {
		if el.Value.(*waiting).until > p.clock {
			break
		}
		events = append(events, p.giveUp())
	}
	return events
}

// giveUp ends the wait of the oldest request.
func (p *Pairer) giveUp() audit.Event { return p.finish(p.queue.Front(), lone, nil) }

// finish makes an event of a waiting request and its answer, if there is one.
func (p *Pairer) finish(el *list.Element, f form, response *entry) audit.Event {
	w := p.queue.Remove(el).(*waiting)
	delete(p.open, w.key)
	p.bytes -= w.entry.kept
	p.remember(w.key, fate(response != nil), w.entry)
	x := exchange{form: f, request: w.entry, response: response}
	return x.event()
}

// remember keeps what became of a request; the oldest memory goes.
func (p *Pairer) remember(k key, f fate, e *entry) {
	if e.request.id == "" {
		return // nothing tells a repeated line from a repeated request
	}
	if _, ok := p.known[k]; !ok {
		if len(p.order) < p.options.MaxKnown {
			p.order = append(p.order, k)
		} else {
			delete(p.known, p.order[p.next])
			p.order[p.next] = k
			p.next = (p.next + 1) % len(p.order)
		}
	}
	p.known[k] = f
}

// key returns what a request and its answer have in common: the id or, as
// requests for help have none, who asked what over which connection.
func (e *entry) key() key {
	q := &e.request
	if q.id != "" {
		return sha256.Sum256([]byte("id " + q.id))
	}
	h := sha256.New()
	for _, s := range []string{q.operation, q.namespace, q.path, q.token, q.address, q.port} {
		h.Write(audit.AppendString(nil, s))
	}
	return key(h.Sum(nil))
}
