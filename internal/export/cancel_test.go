package export_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// TestCancel cancels an export at every step of its life. It ends cancelled,
// without manifest and unfinished upload, or it was too late and it completes.
func TestCancel(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%t", after), func(t *testing.T) { cancelEverywhere(t, after) })
	}
}

func cancelEverywhere(t *testing.T, after bool) {
	cancelled, late := 0, 0
	for n, fired := 0, true; fired; n++ {
		fired = false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id := w.create(t, "tnt_a", request("a")).ID
			w.cloud.after = after
			left, writes, hold := n, 0, make(chan struct{})
			w.cloud.hook = func(op, key string) error {
				if op == "write" { // one in many is enough
					if writes++; writes%25 != 1 {
						return nil
					}
				}
				if left--; left == -1 {
					fired = true
					<-hold
				}
				return nil
			}
			w.run(t.Context())
			answer := make(chan error)
			go func() {
				_, err := w.Cancel(t.Context(), "tnt_a", caller("tnt_a"), id)
				answer <- err
			}()
			synctest.Wait()
			close(hold)
			err := <-answer
			synctest.Wait()
			w.stop()
			e := w.get(t, "tnt_a", id)
			if err != nil {
				late++
				wantCode(t, err, audit.CodeExportConflict)
				check(t, whole(w.log, w.cloud, "tnt_a", e))
				return
			}
			cancelled++
			_, manifest := w.cloud.objects["a/manifest.json"]
			if e.Status != audit.ExportCancelled || e.CompletedAt == nil || manifest || len(w.cloud.uploads) > 0 {
				t.Errorf("step %d: %+v, manifest %t, %d uploads", n, e, manifest, len(w.cloud.uploads))
			}
			w.reopen(t)
			w.runAll(t.Context())
			if again := w.get(t, "tnt_a", id); again.Status != audit.ExportCancelled {
				t.Errorf("step %d: after a restart: %+v", n, again)
			}
		})
	}
	if cancelled < 10 || late == 0 {
		t.Errorf("%d cancelled, %d too late: the test proves little", cancelled, late)
	}
}

// A worker that takes an export while it is being cancelled leaves it alone.
func TestCancelWhileItIsTaken(t *testing.T) {
	w := newWorld(t)
	id := w.create(t, "tnt_a", request("a")).ID
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	disk := w.disk.(*vfs.Mem)
	disk.OnOp(func(op vfs.Op) {
		disk.OnOp(nil)
		go func() {
			defer close(done)
			w.Run(ctx)
		}()
		for range 1000 {
			runtime.Gosched() // it takes the export, most likely
		}
	})
	e, err := w.Cancel(t.Context(), "tnt_a", caller("tnt_a"), id)
	if err != nil || e.Status != audit.ExportCancelled {
		t.Errorf("%+v, %v", e, err)
	}
	// The next one is for the workers; when it is done they are past this one.
	next := w.create(t, "tnt_a", request("b")).ID
	for w.get(t, "tnt_a", next).Status != audit.ExportCompleted {
		runtime.Gosched()
	}
	stop()
	<-done
	if e := w.get(t, "tnt_a", id); e.Status != audit.ExportCancelled || e.StartedAt != nil {
		t.Errorf("%+v", e)
	}
}

func TestCancelWhatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		pending, finished := w.create(t, "tnt_a", request("a")).ID, w.create(t, "tnt_b", request("b")).ID
		e, err := w.Cancel(t.Context(), "tnt_a", caller("tnt_a"), pending)
		if err != nil || e.Status != audit.ExportCancelled || e.StartedAt != nil {
			t.Errorf("%+v, %v", e, err)
		}
		w.runAll(t.Context())
		if len(w.cloud.objects) == 0 || w.get(t, "tnt_a", pending).RecordCount != 0 {
			t.Error("the cancelled export ran, or the other did not")
		}
		for tenant, id := range map[audit.TenantID]audit.ExportID{"tnt_a": pending, "tnt_b": finished} {
			_, err = w.Cancel(t.Context(), tenant, caller(tenant), id)
			wantCode(t, err, audit.CodeExportConflict)
		}
		_, err = w.Cancel(t.Context(), "tnt_b", caller("tnt_b"), pending)
		wantCode(t, err, audit.CodeExportNotFound)
		_, err = w.Resume(t.Context(), "tnt_b", caller("tnt_b"), finished)
		wantCode(t, err, audit.CodeExportConflict)
	})
}

// paused makes an export whose secret the service may not read by itself, and
// ends the process in the middle of it, so that the next one has to wait.
func paused(t *testing.T, prefix string) (*world, audit.ExportID) {
	t.Helper()
	w := newWorld(t)
	w.cloud.public = false
	id := w.create(t, "tnt_a", request(prefix), "prod/tnt_a").ID
	w.cloud.hook = func(op, key string) error {
		if op == "commit" && strings.HasSuffix(key, "part-0002.jsonl") {
			return errPassing
		}
		return nil
	}
	w.run(t.Context())
	w.stop()
	w.cloud.hook = nil
	w.cloud.uploads[&upload{cloud: w.cloud, owner: id, key: prefix + "/part-0002.jsonl"}] = true // of a crash
	w.reopen(t)
	w.runAll(t.Context())
	e := w.get(t, "tnt_a", id)
	if e.Status != audit.ExportPaused || e.Error == nil || e.Error.Code != audit.CodeCredentialsNeeded ||
		len(e.Files) != 1 || e.CompletedAt != nil {
		t.Fatalf("%+v, %+v", e, e.Error)
	}
	return w, id
}

func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, id := paused(t, "p")
		bad := caller("tnt_a")
		bad.Bearer = "other"
		_, err := w.Resume(t.Context(), "tnt_a", bad, id)
		wantCode(t, err, audit.CodeAccessDenied)
		_, err = w.Resume(t.Context(), "tnt_b", caller("tnt_b"), id)
		wantCode(t, err, audit.CodeExportNotFound)
		_, err = w.Resume(t.Context(), "tnt_a", caller("tnt_a", "prod"), id)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Resume(t.Context(), "tnt_a", caller("tnt_a"), id)
		wantCode(t, err, audit.CodeExportConflict)
		if e := w.get(t, "tnt_a", id); e.Status != audit.ExportPending || e.Error != nil {
			t.Errorf("%+v, %+v", e, e.Error)
		}
		w.runAll(t.Context())
		check(t, whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", id), "prod/tnt_a"))
		commits := 0
		for _, key := range w.cloud.commits {
			if strings.HasSuffix(key, "part-0001.jsonl") {
				commits++
			}
		}
		if commits != 1 {
			t.Errorf("the finished file was written %d times", commits)
		}
	})
}

// Who cancels a paused export gives the credentials to clean up with.
func TestCancelPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, id := paused(t, "p")
		e, err := w.Cancel(t.Context(), "tnt_a", caller("tnt_a"), id)
		if err != nil || e.Status != audit.ExportCancelled || e.Error != nil || len(w.cloud.uploads) > 0 {
			t.Errorf("%+v, %v, %d uploads", e, err, len(w.cloud.uploads))
		}
	})
}
