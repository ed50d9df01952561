package store_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

const gib = 1 << 30

// TestWatermarks checks the free space at which appends end, on a large and on
// a small disk, and that reads go on.
func TestWatermarks(t *testing.T) {
	for _, tc := range []struct {
		name        string
		total, free uint64
		code        audit.Code
		warns       bool
	}{
		{"large, enough", 1000 * gib, 2 * gib, "", false},
		{"large, low", 1000 * gib, 2*gib - 1, "", true},
		{"large, lowest", 1000 * gib, gib, "", true},
		{"large, full", 1000 * gib, gib - 1, audit.CodeStorageFull, true},
		{"small, enough", 1000, 100, "", false},
		{"small, low", 1000, 99, "", true},
		{"small, lowest", 1000, 50, "", true},
		{"small, full", 1000, 49, audit.CodeStorageFull, true},
		{"nothing left", 1000 * gib, 0, audit.CodeStorageFull, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log bytes.Buffer
			c, m := newClock(), vfs.NewMem()
			opts := optionsAt(c)
			opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s := open(t, m, opts)
			put(t, s, acme, named(1))
			m.SetFree(tc.free, tc.total)
			c.advance(audit.Second)
			for _, tenant := range someTenants {
				_, err := s.Append(t.Context(), tenant, batch(event(2)))
				wantCode(t, err, tc.code)
			}
			c.advance(audit.Second) // asked again, it warns no second time
			_, err := s.Health(t.Context(), "")
			wantCode(t, err, tc.code)
			if n := strings.Count(log.String(), "almost full"); n > 1 || (n == 1) != tc.warns {
				t.Errorf("%d warnings in: %s", n, log.String())
			}
			if got := walk(t, s, acme, audit.Query{}); len(got) == 0 || got[len(got)-1].ID != "log_p1" {
				t.Errorf("the log reads %v", got)
			}
			m.SetFree(tc.total, tc.total)
			c.advance(audit.Second)
			put(t, s, acme, event(3))
		})
	}
}

// TestSpaceIsAskedOnceASecond checks how long an answer about free space holds.
func TestSpaceIsAskedOnceASecond(t *testing.T) {
	c, m := newClock(), vfs.NewMem()
	s := open(t, m, optionsAt(c))
	put(t, s, acme, event(1))
	m.SetFree(0, gib)
	c.advance(audit.Second - 1)
	put(t, s, acme, event(2))
	c.advance(1)
	_, err := s.Append(t.Context(), acme, batch(event(3)))
	wantCode(t, err, audit.CodeStorageFull)
	m.SetFree(gib, gib)
	c.advance(-audit.Hour) // a clock that is set back does not stop the questions
	put(t, s, acme, event(3))
}

// TestSpaceUnknown appends on a disk that does not tell its free space.
func TestSpaceUnknown(t *testing.T) {
	c := newClock()
	d := &mute{FS: vfs.NewMem()}
	s := open(t, d, optionsAt(c))
	put(t, s, acme, event(1))
	d.err = errors.New("no answer")
	c.advance(audit.Second)
	if _, err := s.Append(t.Context(), acme, batch(event(2))); !errors.Is(err, d.err) {
		t.Errorf("error %v, want %v", err, d.err)
	}
	if _, err := s.Health(t.Context(), ""); !errors.Is(err, d.err) {
		t.Errorf("health: error %v, want %v", err, d.err)
	}
	d.err = nil
	c.advance(audit.Second)
	put(t, s, acme, event(2))
}

// mute is a disk that may not tell its free space.
type mute struct {
	vfs.FS
	err error
}

func (f *mute) Free(name string) (free, total uint64, err error) {
	if f.err != nil {
		return 0, 0, f.err
	}
	return f.FS.Free(name)
}
