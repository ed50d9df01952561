package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/source"
)

// stepBatch is what a step sends.
type stepBatch struct {
	start int64
	body  []byte
	lines []line // of each event
	gaps  []audit.Event
}

func (f *follower) add(events [][]byte, l line) {
	for _, e := range events {
		f.batch.body = append(append(f.batch.body, e...), '\n')
		f.batch.lines = append(f.batch.lines, l)
	}
}

// gap lets the next step send that something is missing.
func (f *follower) gap(reason string, id fileID, offset int64, sum string, more ...source.Fact) {
	facts := []source.Fact{{Name: "file", Value: f.path}, {Name: "file_head", Value: id.Head},
		{Name: "offset", Value: offset}}
	if sum != "" {
		facts = append(facts, source.Fact{Name: "sha256", Value: sum})
	}
	f.batch.gaps = append(f.batch.gaps, source.GapEvent(f.now(), reason, append(facts, more...)...))
}

// store sends the batch and notes how far everything is in the log.
func (f *follower) store() error {
	b, p := &f.batch, f.reading()
	if f.exact && len(b.body) > 0 && f.state.Sending == 0 {
		if err := f.note(p, b.start, p.start); err != nil {
			return err
		}
	}
	if len(b.body) > 0 {
		receipt, err := f.send(b.body, f.key(p))
		if err != nil {
			return err
		}
		f.refused(p, &receipt)
	}
	if len(b.gaps) > 0 {
		if _, err := f.send(linesOf(b.gaps), ""); err != nil {
			return err
		}
	}
	file, start := f.position()
	changed := f.state.Sending > 0 || file.id.Ino != f.state.File.Ino || start != f.state.Offset
	*b = stepBatch{body: b.body[:0], lines: b.lines[:0]}
	if !changed {
		return nil
	}
	return f.note(file, start, 0)
}

func linesOf(events []audit.Event) (body []byte) {
	for i := range events {
		body = append(client.AppendEvent(body, &events[i]), '\n')
	}
	return body
}

// refused keeps, as gaps, the events that the log refuses.
func (f *follower) refused(p *place, r *audit.Receipt) {
	for _, bad := range r.Rejected {
		if bad.Code == audit.CodeIDConflict && f.format.firstWins() || bad.Line < 1 || bad.Line > len(f.batch.lines) {
			continue
		}
		f.bad(p, f.batch.lines[bad.Line-1], bad.Message)
	}
}

// key names a batch by its file, its place and what it holds.
func (f *follower) key(p *place) string {
	if !f.exact {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d %d ", f.path, p.id.Dev, p.id.Ino, f.batch.start)
	h.Write(f.batch.body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
