package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit/internal/vfs"
)

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, vfs.NewMem(), options())
		put(t, s, acme, event(1))
		if size, err := s.Wait(t.Context(), acme, 0); size != 1 || err != nil {
			t.Errorf("of a log that is larger: %d, %v; want 1 at once", size, err)
		}
		type answer struct {
			size uint64
			err  error
		}
		answers := make(chan answer, 2)
		for range 2 {
			go func() {
				size, err := s.Wait(t.Context(), acme, 1)
				answers <- answer{size, err}
			}()
		}
		synctest.Wait()
		put(t, s, bravo, event(1)) // wakes nobody
		synctest.Wait()
		if len(answers) > 0 {
			t.Errorf("an append to another log ended a wait: %v", <-answers)
		}
		put(t, s, acme, event(2), event(3))
		for range 2 {
			if a := <-answers; a.size != 3 || a.err != nil {
				t.Errorf("after an append: %d, %v; want 3", a.size, a.err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if size, err := s.Wait(ctx, ghost, 0); size != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of a log that does not grow: %d, %v; want 0 and the deadline", size, err)
		}
	})
}
