package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

const (
	// A batch ends with whichever comes first.
	batchEvents = 1000
	batchBytes  = 1 << 20
	// A stream without end is stored too. Batches of a file must not depend on
	// time, or a repetition would cut it in other places.
	batchAge = time.Second
)

// ingestion appends the events of one input in their order, one batch after
// the other: a batch that is not stored ends it, so that nothing is left out.
// While one is on its way, the next is made.
type ingestion struct {
	p        *process
	api      *client.Client
	name     string // of the input, in messages
	place    string // of the input, in Idempotency-Keys; "" for random ones
	format   format
	keep     bool // rejections are kept in result, not printed
	progress *progress

	batch    *batch // that lines are added to
	sending  *batch // that is on its way; nil for none
	spare    *batch // that was there; room for another
	answers  chan answer
	result   ingestResult
	rejected int
}

// batch is what is sent at once.
type batch struct {
	body       []byte
	lines      []int             // of the input, of each event
	bad        []audit.Rejection // lines that are none
	start, end int64             // in bytes of the input
	last       int               // the last line that is part of it
}

// answer is what became of a batch.
type answer struct {
	receipt audit.Receipt
	err     error
}

// run reads and sends until the input or the process ends. A read from a
// terminal or a pipe cannot be given up: its goroutine ends with the process.
func (g *ingestion) run(in *input) error {
	g.batch, g.spare, g.answers = new(batch), new(batch), make(chan answer, 1)
	blocks := make(chan []line, 1)
	var tick <-chan time.Time
	if g.place == "" {
		tick = time.Tick(batchAge)
	}
	var readErr error
	go func() {
		defer close(blocks)
		readErr = readLines(in, g.format.longest(), func(lines []line) bool {
			select {
			case blocks <- lines:
				return true
			case <-g.p.ctx.Done():
				return false
			}
		})
	}()
	for {
		select {
		case lines, ok := <-blocks:
			if !ok {
				return g.finish(readErr)
			}
			for _, l := range lines {
				if err := g.take(l); err != nil {
					return err
				}
			}
		case a := <-g.answers:
			if err := g.sent(a); err != nil {
				return err
			}
		case <-tick:
			if err := g.addAndSend(g.format.idle()); err != nil {
				return err
			}
		case <-g.p.ctx.Done():
			return context.Cause(g.p.ctx)
		}
	}
}

// finish sends what is left at the end of the input.
func (g *ingestion) finish(readErr error) error {
	if err := g.addAndSend(g.format.end()); err != nil {
		return err
	}
	if err := g.settle(); err != nil {
		return err
	}
	if readErr != nil {
		return fmt.Errorf("read %s: %w", g.name, readErr)
	}
	return nil
}

// addAndSend sends the batch, with events that no new line has completed.
func (g *ingestion) addAndSend(events [][]byte) error {
	if err := g.add(events, line{number: g.batch.last, start: g.batch.end, end: g.batch.end}); err != nil {
		return err
	}
	return g.send()
}

// take turns one line into events of the batch.
func (g *ingestion) take(l line) error {
	if l.cut {
		g.batch.bad = append(g.batch.bad, audit.Rejection{Line: l.number, Code: audit.CodePayloadTooLarge,
			Message: fmt.Sprintf("line is longer than %d bytes", g.format.longest())})
		return g.add(nil, l)
	}
	events, err := g.format.events(l.text)
	if err != nil {
		g.batch.bad = append(g.batch.bad, audit.Rejection{Line: l.number, Code: audit.ErrorCode(err), Message: err.Error()})
	}
	return g.add(events, l)
}

// add adds the events of a line to the batch and sends what is full.
func (g *ingestion) add(events [][]byte, l line) error {
	for _, e := range events {
		if b := g.batch; len(b.lines) == batchEvents || len(b.lines) > 0 && len(b.body)+len(e) >= batchBytes {
			if err := g.send(); err != nil {
				return err
			}
		}
		if len(g.batch.lines) == 0 {
			g.batch.start = l.start
		}
		g.batch.body = append(append(g.batch.body, e...), '\n')
		g.batch.lines = append(g.batch.lines, l.number)
	}
	g.batch.end, g.batch.last = l.end, l.number
	return nil
}

// send sends the batch on its way to the log, once the one before it is there, and
// begins the next.
func (g *ingestion) send() error {
	if err := g.settle(); err != nil {
		return err
	}
	b, next := g.batch, g.spare
	*next = batch{body: next.body[:0], lines: next.lines[:0], bad: next.bad[:0], start: b.end, end: b.end, last: b.last}
	g.sending, g.batch = b, next
	if len(b.lines) == 0 {
		return g.sent(answer{})
	}
	go func() {
		receipt, err := g.api.AppendLines(g.p.ctx, b.body, client.AppendOptions{Partial: true, Key: g.key(b)})
		g.answers <- answer{receipt, err}
	}()
	return nil
}

// settle waits until no batch is on its way.
func (g *ingestion) settle() error {
	if g.sending == nil {
		return nil
	}
	return g.sent(<-g.answers)
}

// sent takes the answer to the batch that is on its way.
func (g *ingestion) sent(a answer) error {
	b := g.sending
	g.sending, g.spare = nil, b
	for _, bad := range b.bad {
		g.reject(bad)
	}
	if a.err != nil {
		return a.err
	}
	g.count(b, &a.receipt)
	g.result.Lines = b.last
	g.progress.reach(b.end)
	return nil
}

// count adds the receipt of a batch to the result. The receipt of a repeated
// batch tells of events that were stored before.
func (g *ingestion) count(b *batch, r *audit.Receipt) {
	if r.Replayed {
		g.result.Duplicates += r.Accepted
	} else {
		g.result.Accepted += r.Accepted
	}
	g.result.Duplicates += r.Duplicates
	for _, bad := range r.Rejected {
		if bad.Code == audit.CodeIDConflict && g.format.firstWins() {
			g.result.Duplicates++
			continue
		}
		if 1 <= bad.Line && bad.Line <= len(b.lines) {
			bad.Line = b.lines[bad.Line-1]
		}
		g.reject(bad)
	}
}

// reject names an event that is not stored.
func (g *ingestion) reject(r audit.Rejection) {
	g.rejected++
	if g.keep {
		g.result.Rejected = append(g.result.Rejected, r)
		return
	}
	fmt.Fprintf(g.progress, "%s:%d: %s\n", visible(g.name), r.Line, visible(r.Message))
}

// key names the batch by where it stands and what it holds: a repetition has
// the same key, an equal batch elsewhere in the input does not.
func (g *ingestion) key(b *batch) string {
	if g.place == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %d ", g.place, b.start)
	h.Write(b.body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
