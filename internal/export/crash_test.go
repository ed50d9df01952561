package export_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/vfs"
)

// cut is what is left after a power cut.
type cut struct {
	what  string
	disk  *vfs.Mem
	log   *sliceLog
	cloud *cloud
	acked []audit.ExportID // that clients know of
}

// cuts gathers power cuts of a world.
type cuts struct {
	mu    sync.Mutex
	world *world
	disk  *vfs.Mem
	acked []audit.ExportID
	list  []cut
}

// take cuts the power now: what was not synced is lost, kept, or part of it.
func (c *cuts) take(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	log, cloud := c.world.log.clone(), c.world.cloud
	for i, keep := range []float64{0, 0.5, 1} {
		c.list = append(c.list, cut{what, c.disk.CrashClone(keep, int64(len(c.list)+i)), log.clone(), cloud.clone(),
			c.acked[:len(c.acked):len(c.acked)]})
	}
}

func (c *cuts) ack(id audit.ExportID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = append(c.acked, id)
}

// TestPowerCut cuts the power before every operation on the disk and around
// every one on the bucket, while exports of two tenants are made and run. After
// a restart every export that is there is completed, with exactly its events,
// and every one that was answered is there.
func TestPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := &cuts{world: w, disk: w.disk.(*vfs.Mem)}
		c.disk.OnOp(func(op vfs.Op) { c.take(fmt.Sprintf("%s %s", op.Kind, op.Name)) })
		w.cloud.hook = func(op, key string) error {
			if op != "write" {
				c.take(op + " " + key)
			}
			return nil
		}
		c.ack(w.create(t, "tnt_a", request("a")).ID)
		c.ack(w.create(t, "tnt_b", request("b"), "prod/tnt_b/1", "prod/tnt_b/3").ID)
		w.cloud.after = true
		w.runAll(t.Context())
		c.disk.OnOp(nil)
		w.cloud.hook = nil
		c.take("end")
		completed, swept := 0, 0
		for _, cut := range c.list {
			n, orphans := recoverFrom(t, cut)
			completed, swept = completed+n, swept+orphans
		}
		t.Logf("%d power cuts, %d exports completed, %d uploads found unfinished", len(c.list), completed, swept)
		if len(c.list) < 100 || completed < len(c.list) || swept == 0 {
			t.Error("the test proves nothing")
		}
	})
}

// recoverFrom starts over what a power cut left and checks the outcome. It
// returns how many exports there were, and how many unfinished uploads.
func recoverFrom(t *testing.T, c cut) (exports, orphans int) {
	t.Helper()
	orphans = len(c.cloud.uploads)
	w := &world{clock: newClock(), log: c.log, cloud: c.cloud, disk: c.disk, out: nil}
	m, err := export.Open(w.disk, "data", export.Options{Log: w.log, Secrets: w.cloud, Open: w.cloud.open,
		Clock: w.clock.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("power cut before %s: %v", c.what, err)
	}
	w.Manager = m
	w.runAll(t.Context())
	there := make(map[audit.ExportID]bool)
	scopes := map[audit.TenantID][]audit.Path{"tnt_a": nil, "tnt_b": {"prod/tnt_b/1", "prod/tnt_b/3"}}
	for tenant, scope := range scopes {
		page, err := w.List(t.Context(), tenant, audit.ExportQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Exports {
			there[e.ID] = true
			for _, b := range whole(w.log, w.cloud, tenant, e, scope...) {
				t.Errorf("power cut before %s: %s", c.what, b)
			}
		}
	}
	for _, id := range c.acked {
		if !there[id] {
			t.Errorf("power cut before %s: %s was answered and is gone", c.what, id)
		}
	}
	return len(there), orphans
}

var errPassing = errors.New("status 503")

// TestBucketFails lets every operation of the bucket fail once, before it is
// done or after: the answer is lost.
func TestBucketFails(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%t", after), func(t *testing.T) {
			failOnce(t, after)
		})
	}
}

func failOnce(t *testing.T, after bool) {
	for n, fired := 0, true; fired; n++ {
		fired = false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id := w.create(t, "tnt_a", request("a")).ID
			left, writes := n, 0
			w.cloud.after = after
			w.cloud.hook = func(op, key string) error {
				if op == "write" { // one in many is enough
					if writes++; writes%25 != 1 {
						return nil
					}
				}
				if left--; left == -1 {
					fired = true
					return errPassing
				}
				return nil
			}
			w.runAll(t.Context())
			for _, b := range whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", id)) {
				t.Errorf("operation %d fails: %s", n, b)
			}
		})
	}
}

// TestLogFails lets the log fail in the middle: once is passing, damage is not.
func TestLogFails(t *testing.T) {
	for _, code := range []audit.Code{audit.CodeUnavailable, audit.CodeDataDamaged} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id := w.create(t, "tnt_a", request("a")).ID
			n := 0
			w.log.fail = func() error {
				if n++; n == 250 {
					return audit.Errorf(code, "segment of /var/lib")
				}
				return nil
			}
			w.runAll(t.Context())
			e := w.get(t, "tnt_a", id)
			if code == audit.CodeUnavailable {
				check(t, whole(w.log, w.cloud, "tnt_a", e))
				return
			}
			if e.Status != audit.ExportFailed || e.Error.Code != code || strings.Contains(e.Error.Message, "/var") ||
				len(w.cloud.uploads) > 0 {
				t.Errorf("%+v, %+v", e, e.Error)
			}
		})
	}
}

// TestDiskFails lets every operation on the disk fail once. After the next start
// an export whose making was answered is completed, and one whose cancelling was
// answered is cancelled.
func TestDiskFails(t *testing.T) {
	for n, fired := 0, true; fired; n++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			intact := w.disk
			failing := vfs.Fail(intact, n, errors.New("input/output error"))
			m, err := export.Open(failing, "data", export.Options{Log: w.log, Secrets: w.cloud, Open: w.cloud.open,
				Clock: w.clock.Now, Logger: slog.New(slog.DiscardHandler)})
			cancelled := false
			if err == nil {
				w.Manager = m
				_, _, err = w.Create(t.Context(), "tnt_a", caller("tnt_a"), request("a"))
				cancelled = createAndCancel(t, w)
				w.runAll(t.Context())
			}
			if fired = failing.Fired(); !fired && err != nil {
				t.Fatal(err)
			}
			w.disk = intact
			w.reopen(t)
			w.runAll(t.Context())
			page, listErr := w.List(t.Context(), "tnt_a", audit.ExportQuery{})
			if listErr != nil || err == nil && len(page.Exports) != 1 {
				t.Fatalf("operation %d fails: %d exports, %v", n, len(page.Exports), listErr)
			}
			for _, e := range page.Exports {
				for _, b := range whole(w.log, w.cloud, "tnt_a", e) {
					t.Errorf("operation %d fails: %s", n, b)
				}
			}
			page, _ = w.List(t.Context(), "tnt_b", audit.ExportQuery{Status: audit.ExportCancelled})
			if cancelled != (len(page.Exports) == 1) {
				t.Errorf("operation %d fails: cancelled is %t, and after the next start %+v", n, cancelled, page)
			}
		})
	}
}

// createAndCancel makes an export of the other tenant and cancels it; it
// reports whether the latter was answered.
func createAndCancel(t *testing.T, w *world) bool {
	e, _, err := w.Create(t.Context(), "tnt_b", caller("tnt_b"), request("b"))
	if err != nil {
		return false
	}
	_, err = w.Cancel(t.Context(), "tnt_b", caller("tnt_b"), e.ID)
	return err == nil
}

// TestLastingTrouble ends in failure after some tries, and not in a loop.
func TestLastingTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := w.create(t, "tnt_a", request("a")).ID
		opens := w.cloud.opens
		w.cloud.hook = func(op, key string) error {
			if op == "commit" {
				return fmt.Errorf("account 123456: %w", errPassing)
			}
			return nil
		}
		w.runAll(t.Context())
		e := w.get(t, "tnt_a", id)
		if e.Status != audit.ExportFailed || e.Error.Code != audit.CodeDestinationUnavailable ||
			strings.Contains(e.Error.Message, "123456") || w.cloud.opens-opens != 5 || len(w.cloud.uploads) > 0 {
			t.Errorf("after %d opens: %+v, %+v", w.cloud.opens-opens, e, e.Error)
		}
		if !strings.Contains(w.out.String(), "account 123456") {
			t.Error("the log does not name the cause")
		}
	})
}

// TestSecretReplaced has the store refuse credentials while a job runs. If the
// secret holds others by now the job goes on with them, else it ends at once.
func TestSecretReplaced(t *testing.T) {
	for _, replaced := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id := w.create(t, "tnt_a", request("x")).ID
			opens := w.cloud.opens
			w.cloud.hook = func(op, key string) error {
				if op != "commit" || key != "x/part-0003.jsonl" {
					return nil
				}
				w.cloud.mu.Lock()
				defer w.cloud.mu.Unlock()
				if w.cloud.sessions > 0 {
					return nil
				}
				if replaced {
					w.cloud.sessions++
				}
				return blob.ErrDenied
			}
			w.runAll(t.Context())
			e := w.get(t, "tnt_a", id)
			switch {
			case replaced:
				check(t, whole(w.log, w.cloud, "tnt_a", e))
			case e.Status != audit.ExportFailed || e.Error.Code != audit.CodeDestinationUnavailable:
				t.Errorf("%s, %+v", e.Status, e.Error)
			case w.cloud.opens != opens+1:
				t.Errorf("the bucket was opened %d times, want once", w.cloud.opens-opens)
			}
		})
	}
}

// TestStop ends the process at every step of the bucket, in order: what has
// begun stops at once, leaves no upload and goes on afterwards.
func TestStop(t *testing.T) {
	for n, fired := 0, true; fired; n++ {
		fired = false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id := w.create(t, "tnt_a", request("a")).ID
			left, hold := n, make(chan struct{})
			w.cloud.hook = func(op, key string) error {
				if op == "write" {
					return nil
				}
				if left--; left == -1 {
					fired = true
					<-hold
				}
				return nil
			}
			w.run(t.Context())
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				w.stop()
			}()
			synctest.Wait()
			close(hold)
			<-stopped
			if fired && len(w.cloud.uploads) > 0 {
				t.Errorf("step %d: an upload is left", n)
			}
			w.reopen(t)
			w.runAll(t.Context())
			for _, b := range whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", id)) {
				t.Errorf("step %d: %s", n, b)
			}
		})
	}
}
