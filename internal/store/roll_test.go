package store

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// TestBurst appends to a log that seals nothing and looks where its tails end.
func TestBurst(t *testing.T) {
	now := time.Unix(1_767_323_045, 0)
	s, err := Open(vfs.NewMem(), "/data", Options{SealEvents: 8, Burst: 10 * time.Second, readOnly: true,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events := someEvents(100)
	step := func(what string, n int, passed time.Duration, want ...int) {
		t.Helper()
		now = now.Add(passed)
		if n > 0 {
			appendAll(t, s, "acme", events[:n]...)
			events = events[n:]
		}
		s.rollOld(audit.TimeOf(now))
		var rows []int
		for _, tail := range s.find("acme").tails {
			rows = append(rows, tail.staged)
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: rows of tails (-want +got):\n%s", what, diff)
		}
	}
	step("few", 7, 0, 7)
	step("enough, at once", 10, 9*time.Second, 17)
	step("as many as are merged", 15, 0, 32, 0)
	step("few, and late", 7, 0, 32, 7)
	step("enough, but slowly", 1, 10*time.Second, 32, 8, 0)
	step("enough, at once again", 9, 0, 32, 8, 9)
	step("nothing more comes", 0, 10*time.Second, 32, 8, 9, 0)
}
