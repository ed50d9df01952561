package source_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/vfs"
)

// traffic is bodies of lines as servers send them: pairs, crossed and in one
// go, requests that are never answered, an answer alone, a second device.
var traffic = []string{
	ask("a", 0), reply("a", 1),
	ask("b", 2), ask("c", 3), reply("c", 4), reply("b", 5),
	ask("d", 6) + reply("d", 7) + ask("e", 8),
	ask("lone", 9), ask("lone", 9),
	reply("alone", 10),
	ask("f", 11), reply("e", 12), ask("f", 11), reply("f", 13), reply("f", 13),
}

// oracle knows what was sent and what was acknowledged, by request id and type.
type oracle struct {
	mu          sync.Mutex
	sent, acked map[string]bool
}

func newOracle() *oracle { return &oracle{sent: make(map[string]bool), acked: make(map[string]bool)} }

// lines returns the ids and types of the lines of a body.
func linesOf(body string) (keys []string) {
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "lone", "alone"} {
		for _, kind := range []string{"request", "response"} {
			for line := range strings.Lines(body) {
				if strings.Contains(line, `"id":"`+id+`"`) && strings.Contains(line, `"type":"`+kind+`"`) {
					keys = append(keys, id+" "+kind)
				}
			}
		}
	}
	return keys
}

func (o *oracle) note(m map[string]bool, body string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, key := range linesOf(body) {
		m[key] = true
	}
}

func (o *oracle) clone() *oracle {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &oracle{sent: maps.Clone(o.sent), acked: maps.Clone(o.acked)}
}

// check compares the log, in which every request has ended, with what is known.
func (o *oracle) check(t *testing.T, what string, s *system) {
	t.Helper()
	got := make(map[string][]string) // what the events of a request are
	for _, e := range s.events(t, "tnt_a") {
		kind := "whole"
		switch x := extra(t, e); {
		case x["outcome"] != nil:
			kind = "lone"
		case x["late_for"] != nil:
			kind = "late"
		}
		got[e.RequestID] = append(got[e.RequestID], kind)
		if kind != "lone" && !o.sent[e.RequestID+" response"] || kind == "lone" && !o.sent[e.RequestID+" request"] {
			t.Errorf("%s: %s has the event %s, and no such line was sent", what, e.RequestID, kind)
		}
	}
	for id, kinds := range got {
		if story := strings.Join(kinds, " "); story != "whole" && story != "lone" && story != "lone late" {
			t.Errorf("%s: %s is told as %s", what, id, story)
		}
	}
	for key := range o.acked {
		id, kind, _ := strings.Cut(key, " ")
		story := strings.Join(got[id], " ")
		if story == "" || kind == "response" && story == "lone" {
			t.Errorf("%s: the %s of %s was acknowledged and is told as %q", what, kind, id, story)
		}
	}
}

// send sends the traffic and notes what is acknowledged.
func (o *oracle) send(t *testing.T, s *system) (err error) {
	for _, body := range traffic {
		o.note(o.sent, body)
		if e := s.intake.Take(t.Context(), "tnt_a", strings.NewReader(body)); e != nil {
			err = e
			continue
		}
		o.note(o.acked, body)
	}
	return err
}

// finish lets every request end: in some runs the servers first send again what
// came last.
func (o *oracle) finish(t *testing.T, what string, s *system, again bool) {
	t.Helper()
	if again {
		last := traffic[len(traffic)-1]
		o.note(o.sent, last)
		s.take(t, "tnt_a", last)
		o.note(o.acked, last)
	}
	s.advance(source.DefaultWait)
	s.giveUp(t)
	o.check(t, what, s)
	if err := s.close(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestPowerCut cuts the power before every operation of the disk.
func TestPowerCut(t *testing.T) {
	type cut struct {
		op     vfs.Op
		disk   *vfs.Mem
		oracle *oracle
	}
	var cuts []cut
	disk, o := vfs.NewMem(), newOracle()
	n := int64(0)
	var mu sync.Mutex
	disk.OnOp(func(op vfs.Op) {
		mu.Lock()
		defer mu.Unlock()
		known := o.clone() // before the disk, which can only be ahead of it
		for _, keep := range []float64{0, 0.5, 1} {
			n++
			cuts = append(cuts, cut{op, disk.CrashClone(keep, n), known.clone()})
		}
	})
	s := mustOpen(t, disk, newClock())
	for range 2 {
		if err := o.send(t, s); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, disk, newClock())
	}
	o.finish(t, "without a cut", s, false)
	disk.OnOp(nil)
	if len(cuts) < 100 {
		t.Fatalf("inconclusive: %d cuts", len(cuts))
	}
	for i, c := range cuts {
		// The line that was under way may have come, and so may its answer.
		for _, body := range traffic {
			c.oracle.note(c.oracle.sent, body)
		}
		what := fmt.Sprintf("cut %d before %s %s", i, c.op.Kind, c.op.Name)
		c.oracle.finish(t, what, mustOpen(t, c.disk, newClock()), i%2 == 0)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d power cuts", len(cuts))
}

// TestFailures fails the n-th operation, for each n and for good, then restarts.
func TestFailures(t *testing.T) {
	broken := errors.New("broken disk")
	for _, sticky := range []bool{false, true} {
		for n := 0; ; n++ {
			disk, o := vfs.NewMem(), newOracle()
			failing := vfs.Fail(disk, n, broken)
			failing.Sticky = sticky
			what := fmt.Sprintf("failure %d, sticky %t", n, sticky)
			if s, err := open(failing, newClock()); err == nil {
				err := o.send(t, s)
				if err != nil && !errors.Is(err, broken) && audit.ErrorCode(err) != audit.CodeUnavailable {
					t.Errorf("%s: %v", what, err)
				}
				s.advance(source.DefaultWait)
				s.intake.GiveUp(t.Context()) // its failure is what a restart mends
				s.close()
			}
			o.finish(t, what, mustOpen(t, disk, newClock()), n%2 == 0)
			if t.Failed() {
				return
			}
			if !failing.Fired() {
				t.Logf("%d failures, sticky %t", n, sticky)
				break
			}
		}
	}
}
