package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/vfs"
)

// bucket is where a test anchors: what was put, when it was tried, and what the
// next tries answer.
type bucket struct {
	objects map[string]string
	tries   []time.Duration // since begun
	begun   time.Time

	mu  sync.Mutex // guards err
	err error
}

// answer sets what the next tries answer.
func (b *bucket) answer(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *bucket) put(_ context.Context, name string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries = append(b.tries, time.Since(b.begun))
	if b.err != nil {
		return b.err
	}
	b.objects[name] = string(data)
	return nil
}

// anchor runs anchoring into a bucket until the test ends.
func (s *signing) anchor(t *testing.T) (*anchoring, *bucket, func()) {
	t.Helper()
	b := &bucket{objects: make(map[string]string), begun: time.Now()}
	a := &anchoring{evidence: s.evidence, put: b.put, every: time.Minute, logger: s.logger,
		logs: make(map[audit.TenantID]*anchoredLog)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.run(ctx) }()
	return a, b, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// figures returns health as text.
func figures(t *testing.T, run func(context.Context, audit.TenantID) (map[string]any, error),
	tenant audit.TenantID) string {
	t.Helper()
	f, err := run(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(f)
}

// TestAnchoring lets two logs grow: each latest checkpoint is put once.
func TestAnchoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		s.append(t, "acme", 3)
		s.append(t, "beta", 5)
		time.Sleep(time.Second)
		a, b, stop := s.anchor(t)
		defer stop()
		time.Sleep(time.Minute + time.Second)
		s.append(t, "beta", 2)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		names := slices.Sorted(maps.Keys(b.objects))
		if len(names) != 3 || len(b.tries) != 3 || !strings.HasPrefix(names[0], "scaivault-audit/acme/00000000000000000003-") ||
			!strings.HasPrefix(names[1], "scaivault-audit/beta/00000000000000000005-") ||
			!strings.HasPrefix(names[2], "scaivault-audit/beta/00000000000000000007-") {
			t.Fatalf("after tries at %v there is %q", b.tries, names)
		}
		if _, note, err := s.Latest("beta"); err != nil || b.objects[names[2]] != string(note) {
			t.Errorf("anchored %q, want %q, %v", b.objects[names[2]], note, err)
		}
		want := "map[anchor_age_seconds:0 anchored_events:7 conflicts:map[] failed_tries:0 unanchored_events:0]"
		if got := figures(t, a.health, "beta"); got != want {
			t.Errorf("health %s, want %s", got, want)
		}
	})
}

// TestAnchoringFails lets the destination fail for an hour: it is tried less and
// less often, events are taken, and then all is made up for.
func TestAnchoringFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		s.append(t, "acme", 3)
		time.Sleep(time.Second)
		a, b, stop := s.anchor(t)
		defer stop()
		synctest.Wait()
		b.answer(errors.New("no route"))
		s.append(t, "acme", 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{0, 1, 2, 4, 8, 16, 31, 46}
		for i := range want {
			want[i] *= time.Minute
		}
		if !slices.Equal(b.tries, want) {
			t.Errorf("tries at %v, want %v", b.tries, want)
		}
		if got := figures(t, a.health, ""); !strings.Contains(got, "anchored_events:3 conflicts:map[] "+
			"error:the server's log says more failed_tries:7 unanchored_events:1") {
			t.Errorf("health %s", got)
		}
		if !strings.Contains(s.out.String(), "no route") || s.latest("acme") != 4 {
			t.Errorf("signed %d, the log says %s", s.latest("acme"), s.out)
		}
		b.answer(nil)
		time.Sleep(maxAnchorWait + time.Minute)
		synctest.Wait()
		if len(b.objects) != 2 || !strings.Contains(figures(t, a.health, ""), "failed_tries:0 unanchored_events:0") {
			t.Errorf("%d objects, health %s", len(b.objects), figures(t, a.health, ""))
		}
	})
}

// TestAnchorConflict finds another checkpoint of the same size: that is on record
// once, and the log goes on.
func TestAnchorConflict(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		events uint64 // that are appended
	}{
		{"another object", fmt.Errorf("commit: %w", blob.ErrConflict), 1},
		{"one that cannot be seen", fmt.Errorf("%w: %w", blob.ErrConflict, blob.ErrDenied), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSigning(t, vfs.NewMem())
				defer s.stop()
				s.append(t, "acme", 3)
				time.Sleep(time.Second)
				b := &bucket{objects: make(map[string]string), err: tc.err}
				a := &anchoring{evidence: s.evidence, put: b.put, every: time.Minute, logger: s.logger,
					logs: make(map[audit.TenantID]*anchoredLog)}
				for range 3 {
					a.sweep(t.Context())
					time.Sleep(time.Minute)
				}
				size := s.store.Size("acme")
				if size != 3+tc.events || uint64(len(b.tries)) != 1+tc.events {
					t.Errorf("%d events after %d tries", size, len(b.tries))
				}
				told := strings.Contains(figures(t, a.health, "acme"), "fork: another checkpoint was anchored")
				if told != (tc.events > 0) || strings.Contains(s.out.String(), "FORK") != told {
					t.Errorf("health %s, log %s", figures(t, a.health, "acme"), s.out)
				}
				if strings.Contains(figures(t, a.health, "beta"), "fork") {
					t.Error("another tenant is told")
				}
				if tc.events == 0 {
					return
				}
				for line, err := range s.store.Lines(t.Context(), "acme", 3, 4) {
					if err != nil || !strings.Contains(string(line), `"action":"audit_gap"`) ||
						!strings.Contains(string(line), `"reason":"anchor_conflict","verdict":"fork","size":3,`) {
						t.Errorf("event %s, %v", line, err)
					}
				}
				b.answer(nil)
				a.sweep(t.Context())
				s.append(t, "acme", 1)
				time.Sleep(time.Minute)
				a.sweep(t.Context())
				if len(b.objects) != 1 || !strings.Contains(figures(t, a.health, "acme"), "fork:") {
					t.Errorf("%d objects, health %s", len(b.objects), figures(t, a.health, "acme"))
				}
			})
		})
	}
}
