package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// Log is where events go and what knows them. Append returns when they are on
// stable storage.
type Log interface {
	Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error)
	Event(ctx context.Context, tenant audit.TenantID, id audit.EventID, within []audit.Path) (audit.Record, error)
}

// IntakeOptions are the settings of an [Intake].
type IntakeOptions struct {
	Clock  func() time.Time // required
	Logger *slog.Logger     // required
	// Wait is how long a request waits for its answer; 0 is [DefaultWait].
	Wait time.Duration
	// Trusted are the proxies whose X-Forwarded-For is believed.
	Trusted []netip.Prefix
	// Originals keeps lines as they came; nil keeps none. The intake closes it.
	Originals *Originals
}

// Intake takes the audit lines that running servers send, for all tenants, and
// appends the events to the log. It is safe for concurrent use.
//
// What it has taken is durable: a lone request is in the journal, an answer in
// the log. A request whose answer is not appended waits on, and is given up in
// its time; whether the log knows a line already is asked of the log, by the id
// that is derived from the line, so that neither a crash nor a second device
// makes an event twice.
type Intake struct {
	log     Log
	options IntakeOptions
	journal *journal
	long    chan struct{}
	readers sync.Pool // of *bufio.Reader
	space   *space

	mu    sync.Mutex // guards desks
	desks map[audit.TenantID]*desk
}

// desk is where the lines of one tenant meet.
type desk struct {
	tenant audit.TenantID
	mu     sync.Mutex // guards pairer; never held during I/O
	pairer *Pairer
	events *events
}

// OpenIntake opens the intake, whose journal is in dir, and takes up the
// requests that waited when an earlier process ended.
func OpenIntake(fsys vfs.FS, dir string, log Log, o IntakeOptions) (*Intake, error) {
	orDefault(&o.Wait, DefaultWait)
	j, records, err := openJournal(fsys, dir, o.Logger)
	if err != nil {
		return nil, fmt.Errorf("open journal of open requests %s: %w", dir, err)
	}
	i := &Intake{log: log, options: o, journal: j,
		long: make(chan struct{}, longLines), desks: make(map[audit.TenantID]*desk),
		space: &space{fs: fsys, dir: dir}}
	i.space.look()
	latest := audit.TimeOf(o.Clock()) + audit.Time(o.Wait/time.Microsecond)
	for _, r := range records {
		w := &waiting{key: r.entry.key(), entry: r.entry, until: min(r.until, latest), group: j.last}
		i.desk(r.tenant).pairer.reopen(w)
	}
	return i, nil
}

// desk returns the desk of a tenant.
func (i *Intake) desk(tenant audit.TenantID) *desk {
	i.mu.Lock()
	defer i.mu.Unlock()
	d := i.desks[tenant]
	if d == nil {
		d = &desk{tenant: tenant, pairer: NewPairer(Options{Wait: i.options.Wait, Now: i.options.Clock})}
		d.pairer.backed = true
		d.events = newEvents(func(ctx context.Context, done []exchange) error { return i.append(ctx, d, done) })
		i.desks[tenant] = d
	}
	return d
}

// all returns the desks.
func (i *Intake) all() []*desk {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Collect(maps.Values(i.desks))
}

// Take takes the lines of a stream and returns when all of them are durable, or
// with the first error. A line that is none is an [audit.CodeInvalidRequest] or
// [audit.CodePayloadTooLarge] that names it; the others are taken all the same.
func (i *Intake) Take(ctx context.Context, tenant audit.TenantID, lines io.Reader) error {
	r := i.reader(tenant, lines)
	defer i.readers.Put(r.in)
	t := taking{intake: i, desk: i.desk(tenant), ctx: ctx}
	for {
		e, err := r.next(ctx)
		var ofLine *audit.Error
		switch {
		case errors.Is(err, io.EOF):
			return t.end(r.number)
		case errors.As(err, &ofLine) && ofLine.Code != audit.CodeUnavailable:
			t.refuse(r.number, ofLine)
		case err != nil:
			return errors.Join(err, t.end(r.number))
		case e != nil:
			t.add(e)
		}
	}
}

func (i *Intake) reader(tenant audit.TenantID, lines io.Reader) *lineReader {
	in, ok := i.readers.Get().(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(nil, shortLine)
	}
	in.Reset(lines)
	return &lineReader{in: in, trusted: i.options.Trusted, long: i.long,
		originals: i.options.Originals, tenant: tenant}
}

// taking is the lines of one call, on their way.
type taking struct {
	intake *Intake
	desk   *desk
	ctx    context.Context

	lines int
	done  []exchange // not yet appended
	last  *group     // what the requests that wait are durable with; groups become so in turn
	err   error      // the first that kept a line from being taken
	bad   int        // lines that are none
	first *audit.Error
}

// takenEvents is how many events are appended at once, at most.
const takenEvents = 500

// add takes one line.
func (t *taking) add(e *entry) {
	t.lines++
	done, group, err := t.intake.meet(t.desk, e)
	if err != nil && t.err == nil {
		t.err = err
	}
	if group != nil {
		t.last = group
	}
	if t.done = append(t.done, done...); len(t.done) >= takenEvents {
		t.append()
	}
}

// refuse notes a line that is none.
func (t *taking) refuse(number int, err *audit.Error) {
	if t.bad++; t.first == nil {
		t.first = &audit.Error{Code: err.Code, Message: fmt.Sprintf("line %d: %s", number, err.Message)}
	}
}

// append appends the events that are complete. Requests whose answers the log
// does not take wait on.
func (t *taking) append() {
	if len(t.done) == 0 {
		return
	}
	for n := range t.done {
		if x := &t.done[n]; x.form == answerOnly {
			t.intake.recall(t.ctx, t.desk.tenant, x)
		}
	}
	if err := t.desk.events.append(t.ctx, t.done); err != nil && t.err == nil {
		t.err = err
	}
	t.done = nil
}

// end waits until all that was taken is durable.
func (t *taking) end(lines int) error {
	t.append()
	if t.err == nil {
		t.err = t.last.wait(t.ctx)
	}
	if t.err == nil {
		t.err = t.intake.options.Originals.wait(t.ctx)
	}
	switch {
	case t.err != nil:
		return t.err
	case t.first != nil && t.bad > 1:
		t.first.Message += fmt.Sprintf(" (and %d more of %d lines)", t.bad-1, lines)
		return t.first
	case t.first != nil:
		return t.first
	case t.lines == 0:
		return audit.Errorf(audit.CodeInvalidRequest, "no line; want the JSON of a request or a response")
	}
	return nil
}

// meet brings a line together with those before it, and returns what is
// complete then and, of a request, the group that it is durable with.
func (i *Intake) meet(d *desk, e *entry) ([]exchange, *group, error) {
	if err := i.space.err(); err != nil {
		return nil, nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pairer
	p.tick(audit.NoTime)
	if e.response {
		return p.answer(e), nil, nil
	}
	done := p.request(e)
	w := p.waiting(e.key())
	if w == nil {
		// Its answer is on the way to the log or there. Or there is no room for
		// it, and it is among those done.
		return done, i.journal.latest(), nil
	}
	var err error
	if w.group == nil {
		w.group, err = i.journal.add(&record{tenant: d.tenant, until: w.until, entry: w.entry})
	}
	return done, w.group, err
}

// append appends the events of exchanges, in the log's order of things: of
// several lines of the same request and type the log keeps the first.
func (i *Intake) append(ctx context.Context, d *desk, done []exchange) error {
	events := make([]audit.Event, len(done))
	for n := range done {
		x := &done[n]
		x.keeper = i.options.Originals
		events[n] = x.event()
	}
	receipt, err := i.log.Append(ctx, d.tenant, audit.Batch{Events: events, Partial: true})
	for _, r := range receipt.Rejected {
		if r.Code != audit.CodeIDConflict && err == nil {
			err = fmt.Errorf("append vault event: %s: %s", r.Code, r.Message)
		}
	}
	for n := range done {
		w := done[n].waited
		switch {
		case w == nil:
		case err != nil:
			d.reopen(w)
		case w.group != nil:
			i.journal.finish(w.group)
		}
	}
	return err
}

// recall looks in the log for the lone request to which an answer without a
// request comes late: an earlier process may have given it up. The search may
// touch the disk, so it is given up with ctx, as everything is.
func (i *Intake) recall(ctx context.Context, tenant audit.TenantID, x *exchange) {
	id := eventID(false, x.response.idKey())
	found := make(chan bool, 1)
	go func() {
		_, err := i.log.Event(ctx, tenant, id, nil)
		found <- err == nil
	}()
	select {
	case ok := <-found:
		if ok {
			x.form, x.earlier = late, id
		}
	case <-ctx.Done():
	}
}

// reopen lets a request wait on.
func (d *desk) reopen(w *waiting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pairer.reopen(w)
}

// GiveUp appends the events of the requests whose time is up.
func (i *Intake) GiveUp(ctx context.Context) error {
	var errs []error
	for _, d := range i.all() {
		d.mu.Lock()
		d.pairer.tick(audit.NoTime)
		done := d.pairer.expire()
		d.mu.Unlock()
		for len(done) > 0 {
			n := min(len(done), takenEvents)
			errs = append(errs, i.giveUp(ctx, d, done[:n]))
			done = done[n:]
		}
	}
	return errors.Join(errs...)
}

// giveUp appends the events of lone requests, but for those that the log has
// with their answers: a second device may have repeated them, and what an
// earlier process did with them only the log knows.
func (i *Intake) giveUp(ctx context.Context, d *desk, done []exchange) error {
	owed := done[:0]
	for _, x := range done {
		if x.request.request.id != "" && i.answered(ctx, d.tenant, x.request) {
			if x.waited.group != nil {
				i.journal.finish(x.waited.group)
			}
			continue
		}
		owed = append(owed, x)
	}
	if len(owed) == 0 {
		return nil
	}
	return i.append(ctx, d, owed)
}

// answered reports whether the log has the answer to a request, and it is not
// one that came late: that names the event of the lone request. If the log
// cannot tell, an event too many is better than none.
func (i *Intake) answered(ctx context.Context, tenant audit.TenantID, request *entry) bool {
	r, err := i.log.Event(ctx, tenant, eventID(true, request.idKey()), nil)
	return err == nil && !isLate(&r.Event)
}

// giveUpInterval is how often Run looks for requests whose time is up.
const giveUpInterval = 250 * time.Millisecond

// Run gives up requests in their time, until ctx ends.
func (i *Intake) Run(ctx context.Context) {
	repeat(ctx, giveUpInterval, i.options.Logger, "requests that were not answered are not yet in the log", func(ctx context.Context) error {
		i.space.look()
		i.options.Originals.Look()
		return i.GiveUp(ctx)
	})
}

// Health returns how many requests of a tenant, of all for "", wait for their
// answers, and why no lines are taken until a restart, or nil. For a moment after
// a start some wait whose answers the log has: the journal forgets by the file.
func (i *Intake) Health(_ context.Context, tenant audit.TenantID) (map[string]any, error) {
	waiting := 0
	for _, d := range i.all() {
		if tenant == "" || d.tenant == tenant {
			d.mu.Lock()
			waiting += d.pairer.queue.Len()
			d.mu.Unlock()
		}
	}
	return map[string]any{"waiting_requests": waiting}, errors.Join(i.journal.failure(), i.options.Originals.health())
}

// Close makes what was taken durable. Requests that wait are taken up by the
// next process.
func (i *Intake) Close() error {
	for _, d := range i.all() {
		d.events.shut()
	}
	return errors.Join(i.journal.close(), i.options.Originals.Close())
}
