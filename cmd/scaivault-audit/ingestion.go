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
	batchEvents = 500
	batchBytes  = 1 << 20
	// A stream without end is stored too. Batches of a file must not depend on
	// time, or a repetition would cut it in other places.
	batchAge = time.Second
)

// ingestion appends the events of one input in their order, one batch after
// the other: a batch that is not stored ends it, so that nothing is left out.
type ingestion struct {
	p        *process
	api      *client.Client
	name     string // of the input, in messages
	place    string // of the input, in Idempotency-Keys; "" for random ones
	format   format
	keep     bool // rejections are kept in result, not printed
	progress *progress

	batch    batch
	result   ingestResult
	rejected int
}

// batch is what is sent at once.
type batch struct {
	body       []byte
	lines      []int // of the input, of each event
	start, end int64 // in bytes of the input
	last       int   // the last line that is part of it
}

// run reads and sends until the input or the process ends. A read from a
// terminal or a pipe cannot be given up: its goroutine ends with the process.
func (g *ingestion) run(in *input) error {
	lines := make(chan line, batchEvents)
	var tick <-chan time.Time
	if g.place == "" {
		tick = time.Tick(batchAge)
	}
	var readErr error
	go func() {
		defer close(lines)
		readErr = readLines(in, g.format.longest(), func(l line) bool {
			select {
			case lines <- l:
				return true
			case <-g.p.ctx.Done():
				return false
			}
		})
	}()
	for {
		select {
		case l, ok := <-lines:
			if !ok {
				return g.finish(readErr)
			}
			if err := g.take(l); err != nil {
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
		g.reject(audit.Rejection{Line: l.number, Code: audit.CodePayloadTooLarge,
			Message: fmt.Sprintf("line is longer than %d bytes", g.format.longest())})
		return g.add(nil, l)
	}
	events, err := g.format.events(l.text)
	if err != nil {
		r := audit.Rejection{Line: l.number, Code: audit.ErrorCode(err), Message: err.Error()}
		g.reject(r)
	}
	return g.add(events, l)
}

// add adds the events of a line to the batch and sends what is full.
func (g *ingestion) add(events [][]byte, l line) error {
	for _, e := range events {
		if len(g.batch.lines) == batchEvents || len(g.batch.lines) > 0 && len(g.batch.body)+len(e) >= batchBytes {
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

// send appends the batch to the log and begins the next.
func (g *ingestion) send() error {
	b := &g.batch
	if len(b.lines) > 0 {
		receipt, err := g.api.AppendLines(g.p.ctx, b.body, client.AppendOptions{Partial: true, Key: g.key()})
		if err != nil {
			return err
		}
		g.count(&receipt)
	}
	g.result.Lines = b.last
	g.progress.reach(b.end)
	*b = batch{body: b.body[:0], lines: b.lines[:0], start: b.end, end: b.end, last: b.last}
	return nil
}

// count adds a receipt to the result. The receipt of a repeated batch tells of
// events that were stored before.
func (g *ingestion) count(r *audit.Receipt) {
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
		if 1 <= bad.Line && bad.Line <= len(g.batch.lines) {
			bad.Line = g.batch.lines[bad.Line-1]
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
func (g *ingestion) key() string {
	if g.place == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %d ", g.place, g.batch.start)
	h.Write(g.batch.body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
