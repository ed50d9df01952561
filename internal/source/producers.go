package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// ProducerLog is the log of a tenant as producers fill it.
type ProducerLog interface {
	Appender
	// Size returns the number of indexes of the tenant's log.
	Size(tenant audit.TenantID) uint64
	// Lines yields the canonical lines of the indexes from ≤ index < to, in that
	// order. A line is valid until the next step; an error ends the walk.
	Lines(ctx context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error]
}

// ProducersOptions are the settings of [Producers].
type ProducersOptions struct {
	Clock  func() time.Time // required
	Logger *slog.Logger     // required
	// Wait is how long a number that is missing is waited for; 0 is [DefaultGapWait].
	Wait time.Duration
}

// DefaultGapWait is how long a number that is missing is waited for.
const DefaultGapWait = time.Minute

// Producers watches over producers that number their events or say how long they will
// be silent at most. Numbers that stay away, and silence that lasts longer, become
// [audit.ActionAuditGap] events. It is safe for concurrent use.
//
// It reads the log behind the producers. What it knows of a tenant follows from the
// events up to an index, its own among them; it is in a file together with that index.
// After a crash the rest of the log is read again, so a gap over a restart is seen and
// none is told twice.
type Producers struct {
	fs       vfs.FS
	dir      string
	log      ProducerLog
	silences *Silences
	options  ProducersOptions

	beginning sync.Mutex // held while a tenant is added
	checking  sync.Mutex // held while the log is read and told; guards what the tenants hold

	mu      sync.Mutex // guards the map; never held during I/O
	tenants map[audit.TenantID]*producers
}

// OpenProducers opens what is known of producers in dir. Silences will know whom to
// expect with the first [Producers.Check].
func OpenProducers(fsys vfs.FS, dir string, log ProducerLog, silences *Silences, o ProducersOptions) (*Producers, error) {
	orDefault(&o.Wait, DefaultGapWait)
	p := &Producers{fs: fsys, dir: dir, log: log, silences: silences, options: o,
		tenants: make(map[audit.TenantID]*producers)}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("open producers %s: %w", dir, err)
	}
	return p, nil
}

// Before must be called before events are appended: of a tenant whose first event with
// a number, or with a promise to be heard, is among them it notes, durably, where the
// log is to be read from.
func (p *Producers) Before(tenant audit.TenantID, events []audit.Event) error {
	if p.knows(tenant) || !slices.ContainsFunc(events, func(e audit.Event) bool { return mayClaim(e.ExtraData) }) {
		return nil
	}
	p.beginning.Lock()
	defer p.beginning.Unlock()
	if p.knows(tenant) { // since somebody else looked
		return nil
	}
	t := newProducers(tenant, p.log.Size(tenant))
	if err := p.save(t); err != nil {
		return &audit.Error{Code: audit.CodeUnavailable, Err: err,
			Message: "the disk takes no note of who numbers events; they were not taken"}
	}
	// Dying here: the events come later than the index, or never.
	p.mu.Lock()
	p.tenants[tenant] = t
	p.mu.Unlock()
	return nil
}

func (p *Producers) knows(tenant audit.TenantID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tenants[tenant] != nil
}

// Check reads what is new in the logs, and appends an event for each gap that is one
// by now and for each that was filled. What could not be read or appended is tried
// again next time.
func (p *Producers) Check(ctx context.Context) error {
	p.checking.Lock()
	defer p.checking.Unlock()
	var errs []error
	for _, t := range p.all() {
		err := p.read(ctx, t)
		if err == nil {
			p.expect(t)
			err = p.tell(ctx, t)
		}
		if err == nil && t.changed && p.options.Clock().Sub(t.savedAt) >= saveInterval {
			err = p.save(t)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("producers of %s: %w", t.tenant, err))
		}
	}
	return errors.Join(errs...)
}

func (p *Producers) all() []*producers {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.tenants))
}

// expect lets silences know of the promises, once the log was read to its end: what of
// them an earlier process has written may be long out of date.
func (p *Producers) expect(t *producers) {
	if t.expected {
		return
	}
	t.expected = true
	for source, w := range t.promises {
		p.silences.promised(Expectation{Tenant: t.tenant, Source: source, Within: w.Within}, w.Silent)
	}
}

// readIndexes is how many indexes are read at once: a walk keeps the files of its view
// from being removed.
const readIndexes = 1 << 16

// read takes the events since the last time.
func (p *Producers) read(ctx context.Context, t *producers) error {
	size := p.log.Size(t.tenant)
	if t.next > size {
		p.options.Logger.Warn("the log is shorter than it was: numbers of producers are read from its start", "tenant", t.tenant)
		*t = *newProducers(t.tenant, 0)
	}
	for t.next < size {
		for line, err := range p.log.Lines(ctx, t.tenant, t.next, min(size, t.next+readIndexes)) {
			switch damaged := damagedTo(err, t.next); {
			case err == nil:
				p.take(t, line)
				t.next++
			case damaged > t.next: // its numbers will be missing
				t.next = damaged
			default:
				return err
			}
			t.changed = true
		}
	}
	return nil
}

// damagedTo returns the index after the damage that an error tells of, 0 if it is
// not about an index.
func damagedTo(err error, index uint64) uint64 {
	e, ok := errors.AsType[*audit.Error](err)
	if !ok || e.Code != audit.CodeDataDamaged {
		return 0
	}
	for _, r := range e.Damaged {
		if r.From <= index && index < r.To {
			return r.To
		}
	}
	return 0
}

// take takes one event of the log.
func (p *Producers) take(t *producers, line []byte) {
	own := bytes.Contains(line, []byte(`"action":"audit_gap"`))
	if !own && !bytes.Contains(line, []byte(`sequence":`)) && !bytes.Contains(line, []byte(`heartbeat_seconds":`)) {
		return
	}
	e, err := audit.DecodeEvent(string(line))
	if err != nil {
		p.options.Logger.Error("an event of the log cannot be read", "tenant", t.tenant, "index", t.next, "error", err)
		return
	}
	if e.Action == audit.ActionAuditGap {
		t.told(&e)
		return
	}
	c := claimOf(&e)
	if c.source == "" {
		return
	}
	if c.sequence >= 0 {
		if s := t.sequence(&c, &e); s != nil {
			s.Heard = t.next
			s.note(c.sequence, &e, p.options.Clock())
		} else {
			p.options.Logger.Warn("too many sources have gaps: one is not watched", "tenant", t.tenant)
		}
	}
	if c.heartbeat >= 0 && t.promise(c.source, c.heartbeat) && t.expected {
		p.silences.promised(Expectation{Tenant: t.tenant, Source: c.source, Within: c.heartbeat}, 0)
	}
}

// tell appends events about gaps. What it knows of them changes when they are read
// again.
func (p *Producers) tell(ctx context.Context, t *producers) error {
	now := p.options.Clock()
	var events []audit.Event
	for _, s := range t.inOrder() {
		for _, m := range s.due(now, p.options.Wait) {
			events = append(events, GapEvent(now, reasonMissing, Fact{"source", s.Source}, Fact{"instance", s.Instance},
				Fact{"from", m.From}, Fact{"to", m.To}, Fact{"count", m.Count}, Fact{"next_id", string(m.Next)}))
		}
		for _, g := range s.Filled {
			events = append(events, GapEvent(now, reasonFilled, Fact{"source", s.Source}, Fact{"instance", s.Instance},
				Fact{"from", g.From}, Fact{"to", g.To}, Fact{"count", g.Count}, Fact{"gap", string(g.ID)}))
		}
	}
	for batch := range slices.Chunk(events, audit.MaxBatch) {
		receipt, err := p.log.Append(ctx, t.tenant, audit.Batch{Events: batch, Partial: true})
		if err != nil {
			return err
		}
		for _, r := range receipt.Rejected {
			if r.Code != audit.CodeIDConflict {
				return fmt.Errorf("append gap: %s: %s", r.Code, r.Message)
			}
			t.told(&batch[r.Line-1]) // the log has it, from before what was read
		}
	}
	return nil
}

// Run looks for gaps until ctx ends.
func (p *Producers) Run(ctx context.Context) {
	repeat(ctx, checkInterval, p.options.Logger, "gaps of producers are not yet in the log", p.Check)
}

// Close notes how far the logs were read.
func (p *Producers) Close() error {
	p.checking.Lock()
	defer p.checking.Unlock()
	var errs []error
	for _, t := range p.all() {
		if t.changed {
			errs = append(errs, p.save(t))
		}
	}
	return errors.Join(errs...)
}
