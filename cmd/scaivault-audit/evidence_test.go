package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// signing is a store whose logs are signed, in the bubble of a test.
type signing struct {
	*evidence
	disk *vfs.Mem
	out  *bytes.Buffer // what is logged; read after stop
	stop func()
}

// newSigning opens log and evidence on a disk and signs until stop.
func newSigning(t *testing.T, disk *vfs.Mem, ranges ...proof.RangeShape) *signing {
	t.Helper()
	s := &signing{disk: disk, out: new(bytes.Buffer)}
	logger := slog.New(slog.NewTextHandler(s.out, nil))
	if err := disk.MkdirAll("data"); err != nil {
		t.Fatal(err)
	}
	log, err := store.Open(disk, "data/log", store.Options{Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if s.evidence, err = openEvidence(disk, &serveCommand{Data: "data", SealTrails: true}, log, time.Now, logger); err != nil {
		t.Fatal(err)
	}
	if len(ranges) > 0 {
		s.Ranges = ranges[0]
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.run(ctx) }()
	s.stop = func() {
		cancel()
		for _, err := range []error{<-done, s.Close(), log.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	return s
}

func (s *signing) append(t *testing.T, tenant audit.TenantID, n int) {
	t.Helper()
	var b audit.Batch
	for i := range n {
		b.Events = append(b.Events, audit.Event{Timestamp: audit.TimeOf(time.Now()), Action: audit.ActionRead,
			IdentityType: audit.TypeUser, IdentityID: audit.IdentityID(fmt.Sprintf("user:%d", i)), ExtraData: "{}"})
	}
	if _, err := s.store.Append(t.Context(), tenant, b); err != nil {
		t.Fatal(err)
	}
}

// latest returns the size of the latest checkpoint, -1 if there is none.
func (s *signing) latest(tenant audit.TenantID) int {
	c, _, err := s.Latest(tenant)
	if err != nil {
		return -1
	}
	return int(c.Size)
}

// TestSignedWithinASecond appends to several logs: a second later a checkpoint
// covers each, those that did not grow have none, and figures say so.
func TestSignedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		for round := 1; round <= 3; round++ {
			for i := range 20 {
				s.append(t, audit.TenantID(fmt.Sprintf("tnt_%d", i)), 5)
			}
			time.Sleep(time.Second)
			for i := range 20 {
				if got := s.latest(audit.TenantID(fmt.Sprintf("tnt_%d", i))); got != 5*round {
					t.Errorf("round %d: the checkpoint of log %d has %d events", round, i, got)
				}
			}
		}
		if got := s.latest("tnt_none"); got != -1 {
			t.Errorf("an empty log has a checkpoint of %d events", got)
		}
		time.Sleep(10 * time.Second)
		figures, err := s.health(t.Context(), "tnt_3")
		if err != nil || figures["signed_events"] != uint64(15) || figures["unsigned_events"] != uint64(0) ||
			figures["checkpoint_age_seconds"].(float64) < 9 || len(figures["not_signed"].(map[string]string)) > 0 {
			t.Errorf("figures %v, %v", figures, err)
		}
		if figures, _ := s.health(t.Context(), ""); figures["signed_events"] != uint64(300) {
			t.Errorf("of all logs: %v", figures)
		}
	})
}

// TestGoneBack takes the log of one of two tenants away: the other one is signed
// on, of the one health and the server's log tell, not at every turn, and the
// operator has the last word.
func TestGoneBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		s.append(t, "tnt_a", 10)
		time.Sleep(time.Second)
		s.stop()

		after := vfs.NewMem()
		for _, name := range []string{"proof.key", "proof/tnt_a/checkpoint"} {
			text, err := vfs.ReadFile(s.disk, "data/"+name)
			if err != nil {
				t.Fatal(err)
			}
			if err := after.MkdirAll("data/proof/tnt_a"); err != nil {
				t.Fatal(err)
			}
			if err := vfs.WriteFile(after, "data/"+name, text); err != nil {
				t.Fatal(err)
			}
		}
		s = newSigning(t, after)
		s.append(t, "tnt_b", 3)
		time.Sleep(90 * time.Second)
		if a, b := s.latest("tnt_a"), s.latest("tnt_b"); a != 10 || b != 3 {
			t.Errorf("checkpoints of %d and %d events, want 10 and 3", a, b)
		}
		figures, err := s.health(t.Context(), "")
		refused := figures["not_signed"].(map[string]string)
		if err != nil || !strings.HasPrefix(refused["tnt_a"], "rollback: ") || len(refused) != 1 {
			t.Errorf("figures %v, %v", figures, err)
		}
		if err := s.acceptRollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, size := s.latest("tnt_a"), s.store.Size("tnt_a"); a != 1 || size != 1 {
			t.Errorf("after the restart the checkpoint has %d of %d events, want that of the restart", a, size)
		}
		page, err := s.store.Query(t.Context(), "tnt_a", audit.Query{})
		if err != nil || len(page.Records) != 1 || page.Records[0].Action != audit.ActionAuditGap ||
			!strings.Contains(page.Records[0].ExtraData, `"verdict":"rollback","had_size":10,`) {
			t.Errorf("events %+v, %v", page.Records, err)
		}
		s.stop()
		if n := strings.Count(s.out.String(), proof.ErrRollback.Error()); n != 3 { // the last one accepts it
			t.Errorf("told %d times in 90 seconds\n%s", n, s.out)
		}
	})
}
