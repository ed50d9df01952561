package source

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/scaivault/audit"
)

// DefaultWait is how long a request waits for its answer (contract §5).
const DefaultWait = 10 * time.Second

// Options are the bounds of a [Pairer]; zero values stand for the defaults.
type Options struct {
	// Wait is how long a request waits for its answer, [DefaultWait] by default.
	Wait time.Duration
	// Now tells the time by which requests wait. Without it, as for a file
	// that is read after the fact, it is the time that the lines tell.
	Now func() time.Time
	// MaxOpen and MaxOpenBytes bound the requests that wait, by default 65,536
	// and 64 MiB. Past either the oldest is given up before its time.
	MaxOpen, MaxOpenBytes int
	// Trusted are the proxies whose X-Forwarded-For is believed, if the device
	// records that header.
	Trusted []netip.Prefix
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
	backed  bool       // a journal and the log back the memory, which may then forget
	lines   int        // that were added
	clock   audit.Time // the latest time seen; never goes back

	open  map[key]*list.Element
	queue *list.List // of *waiting, oldest first
	bytes int        // kept by the queue

	known map[key]fate
	order []key // of known, as a ring once it is full
	next  int   // where the ring goes on

	spare []*entry // whose events were made
}

// key stands for a request: the hash of its id.
type key [sha256.Size]byte

// waiting is a request without its answer.
type waiting struct {
	key   key
	entry *entry
	until audit.Time
	line  int    // its number
	group *group // that makes it durable; nil without a journal
}

// fate is what became of a request.
type fate bool

const (
	answered fate = true  // its event is complete
	givenUp  fate = false // its event says that the outcome is unknown
)

// NewPairer returns a Pairer that has seen nothing yet.
func NewPairer(o Options) *Pairer {
	orDefault(&o.Wait, DefaultWait)
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
	e := p.blank()
	if err := e.parse(line, p.options.Trusted); err != nil {
		return nil, audit.Errorf(audit.CodeInvalidRequest, "read vault audit line %d: %w", p.lines, err)
	}
	return p.eventsOf(p.take(e)), nil
}

// maxSpare bounds the entries that are used again, and spareLine the bytes of the
// line that each of them keeps meanwhile.
const (
	maxSpare  = 64
	spareLine = 16 << 10
)

// blank returns an entry to read a line into.
func (p *Pairer) blank() *entry {
	n := len(p.spare)
	if n == 0 {
		return new(entry)
	}
	e := p.spare[n-1]
	p.spare = p.spare[:n-1]
	return e
}

// take takes the next line and returns what is complete with it.
func (p *Pairer) take(e *entry) []exchange {
	p.tick(e.time)
	var done []exchange
	if e.response {
		done = p.answer(e)
	} else {
		done = p.request(e)
	}
	return append(done, p.expire()...)
}

// eventsOf returns the events of exchanges, whose entries nobody asks for afterwards.
func (p *Pairer) eventsOf(done []exchange) []audit.Event {
	if len(done) == 0 {
		return nil
	}
	events := make([]audit.Event, len(done))
	for i := range done {
		x := &done[i]
		events[i] = x.event()
		for _, e := range []*entry{x.request, x.response} {
			if e != nil && len(p.spare) < maxSpare && e.size <= spareLine {
				p.spare = append(p.spare, e)
			}
		}
	}
	return events
}

// Flush returns the events of the requests whose time is up. Whoever gives a
// clock calls it now and then, as no line may come for long.
func (p *Pairer) Flush() []audit.Event {
	p.tick(audit.NoTime)
	return p.eventsOf(p.expire())
}

// Close returns the events of all requests that still wait: at the end of a
// file no answer follows.
func (p *Pairer) Close() []audit.Event {
	var done []exchange
	for p.queue.Len() > 0 {
		done = append(done, p.giveUp())
	}
	return p.eventsOf(done)
}

// tick advances the clock. It never goes back, so that requests are given up
// in the order in which they came.
func (p *Pairer) tick(line audit.Time) {
	if p.options.Now != nil {
		line = audit.TimeOf(p.options.Now())
	}
	p.clock = max(p.clock, line)
}

func (p *Pairer) request(e *entry) []exchange {
	k := e.key()
	var done []exchange
	if el, ok := p.open[k]; ok {
		if e.request.id != "" {
			return nil // from another device
		}
		done = append(done, p.finish(el, lone, nil))
	}
	if _, ok := p.known[k]; ok {
		return nil
	}
	wait := audit.Time(p.options.Wait / time.Microsecond)
	p.open[k] = p.queue.PushBack(&waiting{key: k, entry: e, until: p.clock + wait, line: p.lines})
	p.bytes += e.kept
	for p.queue.Len() > p.options.MaxOpen || p.bytes > p.options.MaxOpenBytes {
		done = append(done, p.giveUp())
	}
	return done
}

func (p *Pairer) answer(e *entry) []exchange {
	k := e.key()
	if el, ok := p.open[k]; ok {
		return []exchange{p.finish(el, pair, e)}
	}
	x := exchange{form: answerOnly, response: e}
	if fate, ok := p.known[k]; ok {
		switch {
		case fate == givenUp:
			x.form, x.earlier = late, eventID(false, e.idKey())
		case !p.backed:
			return nil // from another device
		}
		// The event of the first may not be durable yet: the log says when it
		// is, and which of the two it keeps.
	}
	p.remember(k, answered, e)
	return []exchange{x}
}

// expire gives up the requests whose time is up.
func (p *Pairer) expire() []exchange {
	var done []exchange
	for el := p.queue.Front(); el != nil; el = p.queue.Front() {
		if el.Value.(*waiting).until > p.clock {
			break
		}
		done = append(done, p.giveUp())
	}
	return done
}

// giveUp ends the wait of the oldest request.
func (p *Pairer) giveUp() exchange { return p.finish(p.queue.Front(), lone, nil) }

// finish ends the wait of a request, with its answer if there is one.
func (p *Pairer) finish(el *list.Element, f form, response *entry) exchange {
	w := p.queue.Remove(el).(*waiting)
	delete(p.open, w.key)
	p.bytes -= w.entry.kept
	p.remember(w.key, fate(response != nil), w.entry)
	return exchange{form: f, request: w.entry, response: response, waited: w}
}

// OldestLine returns the number of the first line, counted from 1, of which
// something is still to come, 0 if there is none: whoever begins anew with it
// misses nothing.
func (p *Pairer) OldestLine() int {
	if el := p.queue.Front(); el != nil {
		return el.Value.(*waiting).line
	}
	return 0
}

// waiting returns the request of that key, nil if none waits.
func (p *Pairer) waiting(k key) *waiting {
	if el, ok := p.open[k]; ok {
		return el.Value.(*waiting)
	}
	return nil
}

// reopen lets a request wait on whose event was not stored, or which an earlier
// process has left.
func (p *Pairer) reopen(w *waiting) {
	if _, ok := p.open[w.key]; ok {
		return // it came again meanwhile
	}
	delete(p.known, w.key)
	before := p.queue.Front()
	for before != nil && before.Value.(*waiting).until <= w.until {
		before = before.Next()
	}
	if before == nil {
		p.open[w.key] = p.queue.PushBack(w)
	} else {
		p.open[w.key] = p.queue.InsertBefore(w, before)
	}
	p.bytes += w.entry.kept
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
		var room [64]byte // for most ids
		return sha256.Sum256(append(append(room[:0], "id "...), q.id...))
	}
	h := sha256.New()
	for _, s := range []string{q.operation, q.namespace, q.path, q.token, q.address, q.port} {
		h.Write(audit.AppendString(nil, s))
	}
	return key(h.Sum(nil))
}
