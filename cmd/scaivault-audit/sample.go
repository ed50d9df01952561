package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/sample"
)

// sampling says which sample events to make.
type sampling struct {
	Events      eventCount `default:"1m" placeholder:"N" help:"As 500k, 10m or 1g (default ${default})."`
	Seed        uint64     `default:"1" placeholder:"N" help:"Others make other events (default ${default})."`
	End         *string    `placeholder:"TIME" help:"All happened before; RFC 3339 or 7d (ago)."`
	Period      string     `default:"90d" placeholder:"TIME" help:"Over how long, as 12h (default ${default})."`
	Cardinality string     `enum:"normal,high" default:"normal" help:"normal (default) or high."`
}

// What high cardinality means. By default identities, paths and addresses grow
// with the root of the number of events.
const (
	highIdentities = 150_000
	highPaths      = 380_000
)

// options returns what the flags ask for.
func (s *sampling) options(now time.Time) (sample.Options, error) {
	o := sample.Options{Events: int(s.Events), End: now}
	var err error
	if o.Period, err = auth.ParseLifetime(s.Period); err != nil {
		return o, fmt.Errorf("--period %q: want a number with s, m, h or d, as 90d", s.Period)
	}
	if end := absolute(s.End, now); end != nil {
		t, err := audit.ParseTime(*end)
		if err != nil {
			return o, fmt.Errorf("--end: %w", err)
		}
		o.End = t.Std()
	}
	if o.End.Add(-o.Period).Before(time.Unix(0, 0)) {
		return o, fmt.Errorf("--period %s: begins before 1970", s.Period)
	}
	if s.Cardinality == "high" {
		o.Identities, o.Paths, o.UUIDs, o.OwnIDs = highIdentities, highPaths, true, true
	}
	return o, nil
}

type sampleCommand struct {
	sampling
	TenantFree bool `help:"Leave out ids that a log derives, so that every log takes the lines."`
}

// Help is shown by sample --help.
func (sampleCommand) Help() string {
	return `Prints the events of a company that does not exist, as canonical lines in the
order of their times: a few identities and secrets are busy and most are not,
people work in office hours, rotation runs at night, failures come in bursts.
The same flags make the same lines, if --end is given.

Ids are those that a log with nothing else in it derives; other logs refuse
them, and take the lines of --tenant-free. With --cardinality high there are
150,000 identities and 380,000 paths, request ids are random UUIDs, and events
bring ids of their own.

Examples:

    scaivault-audit sample --events 3 --end 2026-01-01T00:00:00Z
    scaivault-audit sample --events 100k --tenant-free | scaivault-audit ingest -
    scaivault-audit sample --events 10m --cardinality high > events.jsonl`
}

// Run prints sample events.
func (c *sampleCommand) Run(p *process) error {
	o, err := c.options(p.now())
	if err != nil {
		return usageError{err}
	}
	bar := &progress{Writer: p.stderr}
	if p.width == 0 { // else the lines themselves are seen
		bar = newProgress(p, "sample", int64(o.Events), eventsUnit())
	}
	defer bar.end()
	return c.print(p, o, bar)
}

// every is how many events are made between looks at the clock and the signals.
const every = 4096

func (c *sampleCommand) print(p *process, o sample.Options, bar *progress) error {
	out := bufio.NewWriterSize(p.stdout, 256<<10)
	var line []byte
	i := 0
	for e := range sample.New(c.Seed, o).Events() {
		line = append(c.appendLine(line[:0], &e, uint64(i)), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
		if i++; i%every == 0 {
			if err := p.ctx.Err(); err != nil {
				return err
			}
			bar.add(every)
		}
	}
	return out.Flush()
}

// appendLine appends the line of the i-th event.
func (c *sampleCommand) appendLine(dst []byte, e *audit.Event, i uint64) []byte {
	if c.TenantFree {
		return client.AppendEvent(dst, e)
	}
	if e.ID == "" {
		e.ID = audit.DerivedID(0, i)
	}
	return e.AppendLine(dst)
}

// maxEvents is more than a disk holds.
const maxEvents = 1_000 * 1_000_000_000

// eventCount is a number of events, which may end in k, m or g for thousands,
// millions or billions.
type eventCount int

// UnmarshalText reads the number from a flag.
func (c *eventCount) UnmarshalText(b []byte) error {
	units := map[string]int{"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
	digits := strings.TrimRight(string(b), "kmg")
	unit, ok := units[string(b)[len(digits):]]
	if digits == string(b) {
		unit, ok = 1, true
	}
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > maxEvents/unit {
		return fmt.Errorf("%q: want a number, or one with k, m or g, from 1 to %d", b, maxEvents)
	}
	*c = eventCount(n * unit)
	return nil
}
