package sink_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// decoded returns the body of a request, decompressed.
func decoded(r *http.Request) string {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return ""
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return ""
	}
	return string(b)
}

const toSIEM = `{"name":"siem","type":"https","url":"http://siem.test/in","batch_events":10,"from_index":0}`

// scene runs a test with a sink named siem of tenant A, over a log of 95 events
// of it and 5 of tenant B, in a bubble whose clock is its own.
func scene(t *testing.T, answer func(n int, ids []string) (int, http.Header), act func(t *testing.T, w *world, r *receiver)) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		w := &world{log: newLog(), disk: vfs.NewMem(), egress: network}
		w.log.fill(tenantA, 94)
		w.log.fill(tenantB, 5)
		w.open(t)
		r := receive(network, answer)
		if _, err := w.Create(t.Context(), tenantA, ada, request(t, toSIEM)); err != nil {
			t.Fatal(err)
		}
		w.run(t)
		act(t, w, r)
		w.stop()
		r.server.Close()
		synctest.Wait()
	})
}

// status returns how the sink of a scene does.
func (w *world) status(t *testing.T) audit.SinkStatus {
	t.Helper()
	st, err := w.Sink(t.Context(), tenantA, "siem")
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// wantAll checks that a receiver has every event of tenant A from an index on,
// in order, each once, and that the sink knows it.
func (w *world) wantAll(t *testing.T, r *receiver) {
	t.Helper()
	if got, want := r.ids(), w.log.idsOf(tenantA, 0); !slices.Equal(got, want) {
		t.Errorf("%d events arrived, want %d in order: %v; %+v", len(got), len(want), got, w.status(t))
	}
	st := w.status(t)
	if st.NextIndex != w.log.Size(tenantA) || st.LagEvents != 0 || st.State != audit.SinkRunning || st.SetAside != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestDelivers(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(time.Second)
		w.wantAll(t, r)
		if n := r.requests(); n != 10 { // 94 events and the one about the sink
			t.Errorf("%d requests, want 10", n)
		}
		w.log.fill(tenantA, 3)
		time.Sleep(2 * time.Second)
		w.wantAll(t, r)
		if st := w.status(t); st.Delivered != 98 || st.Failures != 0 || st.LastSuccessAt == nil || st.PerSecond == 0 {
			t.Errorf("got %+v", st)
		}
	})
}

// TestHealth has one sink that delivered, and one of another tenant that cannot.
func TestHealth(t *testing.T) {
	const a = `{"tenant":"tnt_a","name":"siem","state":"running","lag_events":0,"lag_seconds":0,"failures":0,` +
		`"failures_in_a_row":0,"last_success_at":"2000-01-01T00:00:00.000000Z","set_aside":0}`
	const b = `{"tenant":"tnt_b","name":"siem","state":"retrying","lag_events":6,"lag_seconds":1.1,"failures":1,` +
		`"failures_in_a_row":1,"last_success_at":null,"set_aside":0}`
	scene(t, nil, func(t *testing.T, w *world, _ *receiver) {
		time.Sleep(time.Second)
		w.egress.(*pipes).setDown(true)
		if _, err := w.Create(t.Context(), tenantB, ada, request(t, toSIEM)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // before it tries again
		for tenant, want := range map[audit.TenantID]string{
			tenantA: `{"failing":0,"most_lag_events":0,"most_lag_seconds":0,"paused":0,"set_aside":0,"sinks":[` + a + `]}`,
			tenantB: `{"failing":1,"most_lag_events":6,"most_lag_seconds":1.1,"paused":0,"set_aside":0,"sinks":[` + b + `]}`,
			"":      `{"failing":1,"most_lag_events":6,"most_lag_seconds":1.1,"paused":0,"set_aside":0,"sinks":[` + a + `,` + b + `]}`,
			"tnt_c": `{"failing":0,"most_lag_events":0,"most_lag_seconds":0,"paused":0,"set_aside":0,"sinks":[]}`,
		} {
			figures, err := w.Health(t.Context(), tenant)
			if got, _ := json.Marshal(figures); err != nil || string(got) != want {
				t.Errorf("of %q got %s, %v, want %s", tenant, got, err, want)
			}
		}
	})
}

// TestReceiverIsDown has nobody to talk to, for as long as the test lasts; the
// sink asks ever more seldom and forgets nothing.
func TestReceiverIsDown(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(time.Second)
		w.stop() // and with it the connection
		w.open(t)
		w.egress.(*pipes).setDown(true)
		w.log.fill(tenantA, 20)
		w.run(t)
		time.Sleep(time.Hour)
		st := w.status(t)
		if st.State != audit.SinkRetrying || st.Failures < 12 || st.Failures > 40 ||
			!strings.Contains(st.LastError, "connection refused") || st.LagSeconds < 3500 || st.LagEvents != 20 {
			t.Errorf("got %+v", st)
		}
		w.egress.(*pipes).setDown(false)
		time.Sleep(10 * time.Minute)
		w.wantAll(t, r)
	})
}

// TestReceiverFlaps answers every other request with an error of another kind.
func TestReceiverFlaps(t *testing.T) {
	statuses := []int{503, 429, 500, 401, 302, 404}
	scene(t, func(n int, _ []string) (int, http.Header) {
		if n%2 == 0 {
			return statuses[n/2%len(statuses)], nil
		}
		return 200, nil
	}, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(10 * time.Minute)
		w.wantAll(t, r)
		if st := w.status(t); st.Failures != 10 {
			t.Errorf("%d failures, want 10", st.Failures)
		}
	})
}

// TestReceiverIsSlow answers after half a minute, and once not at all.
func TestReceiverIsSlow(t *testing.T) {
	scene(t, func(n int, _ []string) (int, http.Header) {
		if n == 3 {
			time.Sleep(3 * time.Minute) // the sink gives up before
			return 500, nil
		}
		time.Sleep(30 * time.Second)
		return 200, nil
	}, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(20 * time.Minute)
		w.wantAll(t, r)
		if st := w.status(t); st.Failures == 0 {
			t.Error("no failure, want that of the answer that did not come")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	var at []time.Time
	scene(t, func(n int, _ []string) (int, http.Header) {
		at = append(at, time.Now())
		if n == 0 {
			return 429, http.Header{"Retry-After": {"600"}}
		}
		return 200, nil
	}, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(9 * time.Minute)
		if n := r.requests(); n != 1 {
			t.Errorf("%d requests within the time that the receiver asked for", n)
		}
		time.Sleep(2 * time.Minute)
		w.wantAll(t, r)
		if waited := at[1].Sub(at[0]); waited < 10*time.Minute || waited > 10*time.Minute+time.Second {
			t.Errorf("waited %s, want 10m", waited)
		}
	})
}

// TestPoison has a receiver that refuses two events, one of them the first.
func TestPoison(t *testing.T) {
	refuses := func(_ int, list []string) (int, http.Header) {
		for _, bad := range []uint64{0, 57} {
			if slices.Contains(list, string(audit.DerivedID(0, bad))) {
				return 400, nil
			}
		}
		return 200, nil
	}
	scene(t, refuses, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(time.Second)
		want := slices.DeleteFunc(w.log.idsOf(tenantA, 0), func(id string) bool {
			return id == string(audit.DerivedID(0, 0)) || id == string(audit.DerivedID(0, 57))
		})
		if got := r.ids(); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		st := w.status(t)
		if st.SetAside != 2 || st.LagEvents != 0 || st.Failures != 0 || st.Delivered != 93 {
			t.Errorf("got %+v", st)
		}
		w.stop()
		w.open(t) // the list is durable
		list, err := w.Manager.SetAside(tenantA, "siem")
		if err != nil || len(list) != 2 || list[0].ID != audit.DerivedID(0, 57) || list[1].Index != 0 ||
			!strings.Contains(list[0].Reason, "400") {
			t.Errorf("got %+v, %v", list, err)
		}
		w.run(t)
	})
}

// TestRefusesAll has a receiver that refuses whatever comes: that is no fault of
// the events, and they stay due.
func TestRefusesAll(t *testing.T) {
	var ok atomic.Bool
	scene(t, func(int, []string) (int, http.Header) {
		if ok.Load() {
			return 200, nil
		}
		return 400, nil
	}, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(time.Hour)
		st := w.status(t)
		if st.SetAside != 16 || st.NextIndex != 16 || st.State != audit.SinkRetrying {
			t.Errorf("got %+v", st)
		}
		w.stop()
		w.open(t) // a new process does not set aside another 16
		w.run(t)
		time.Sleep(time.Hour)
		if st := w.status(t); st.SetAside != 16 || !strings.Contains(st.LastError, "in a row were refused") {
			t.Errorf("got %+v", st)
		}
		ok.Store(true)
		zero := uint64(0)
		if _, err := w.Resume(t.Context(), tenantA, ada, "siem", audit.SinkStart{Index: &zero}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got, want := r.ids(), w.log.idsOf(tenantA, 0); !slices.Equal(got, want) {
			t.Errorf("got %d events, want all %d", len(got), len(want))
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(time.Second)
		if st, err := w.Pause(t.Context(), tenantA, ada, "siem"); err != nil || st.State != audit.SinkPaused {
			t.Fatalf("got %+v, %v", st, err)
		}
		w.log.fill(tenantA, 5)
		time.Sleep(time.Hour)
		if n := len(r.ids()); n != 95 {
			t.Errorf("%d events arrived at a sink that is paused", n)
		}
		w.stop()
		w.open(t) // it stays paused
		w.run(t)
		time.Sleep(time.Hour)
		if st := w.status(t); st.State != audit.SinkPaused || st.LagEvents != 6 { // and the event about the pause
			t.Errorf("got %+v", st)
		}
		if _, err := w.Resume(t.Context(), tenantA, ada, "siem", audit.SinkStart{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.wantAll(t, r)
	})
}

// TestBackfill begins at a time and again at an index.
func TestBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		w := &world{log: newLog(), disk: vfs.NewMem(), egress: network}
		w.log.fill(tenantA, 20)
		time.Sleep(time.Hour)
		since := time.Now()
		w.log.fill(tenantA, 20)
		w.open(t)
		r := receive(network, nil)
		body := `{"name":"siem","type":"https","url":"http://siem.test/in","from":"` + audit.TimeOf(since).String() + `"}`
		if st, err := w.Create(t.Context(), tenantA, ada, request(t, body)); err != nil || st.NextIndex != 20 {
			t.Fatalf("got %+v, %v", st, err)
		}
		w.run(t)
		time.Sleep(2 * time.Second)
		if got, want := r.ids(), w.log.idsOf(tenantA, 20); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		at := uint64(35)
		if _, err := w.Resume(t.Context(), tenantA, ada, "siem", audit.SinkStart{Index: &at}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got, want := r.ids(), append(w.log.idsOf(tenantA, 20)[:21], w.log.idsOf(tenantA, 35)...); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		far := uint64(1000)
		_, err := w.Resume(t.Context(), tenantA, ada, "siem", audit.SinkStart{Index: &far})
		if audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("got %v, want a validation error", err)
		}
		w.stop()
		r.server.Close()
	})
}

// TestFilters sends failures only; the cursor goes past the others.
func TestFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		w := &world{log: newLog(), disk: vfs.NewMem(), egress: network}
		w.log.fill(tenantA, 20_000)
		w.open(t)
		r := receive(network, nil)
		body := `{"name":"siem","type":"https","url":"http://siem.test/in","from_index":0,
			"filters":{"success":false,"path_prefix":"prod/9"}}`
		if _, err := w.Create(t.Context(), tenantA, ada, request(t, body)); err != nil {
			t.Fatal(err)
		}
		w.run(t)
		time.Sleep(time.Second)
		if got := r.ids(); !slices.Equal(got, []string{string(audit.DerivedID(0, 9))}) {
			t.Errorf("got %v", got)
		}
		if st := w.status(t); st.LagEvents != 0 || st.NextIndex != 20_001 {
			t.Errorf("got %+v", st)
		}
		w.stop()
		w.open(t)
		if st := w.status(t); st.NextIndex < 16_384 {
			t.Errorf("the cursor on disk is at %d, far behind", st.NextIndex)
		}
		r.server.Close()
	})
}

// TestDamagedRange goes past what the log has lost, on record.
func TestDamagedRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		w := &world{log: newLog(), disk: vfs.NewMem(), egress: network}
		w.log.fill(tenantA, 50)
		w.log.lost = &audit.IndexRange{From: 15, To: 25}
		w.open(t)
		r := receive(network, nil)
		if _, err := w.Create(t.Context(), tenantA, ada, request(t, toSIEM)); err != nil {
			t.Fatal(err)
		}
		w.run(t)
		time.Sleep(time.Second)
		want := slices.Delete(w.log.idsOf(tenantA, 0), 15, 25)
		if got := r.ids(); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		list, err := w.Manager.SetAside(tenantA, "siem")
		if err != nil || len(list) != 1 || list[0].Index != 15 || list[0].To != 25 {
			t.Errorf("got %+v, %v", list, err)
		}
		w.stop()
		r.server.Close()
	})
}

// TestLogIsShorter has a log that went back behind the cursor: new events would
// be taken for delivered ones.
func TestLogIsShorter(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world, r *receiver) {
		time.Sleep(time.Second)
		w.log.cut(tenantA, 50)
		time.Sleep(time.Minute)
		if st := w.status(t); st.State != audit.SinkRetrying || !strings.Contains(st.LastError, "the log ends before") {
			t.Errorf("got %+v", st)
		}
	})
}

// TestPowerCut cuts the power before every operation on the disk. Whatever is
// left, a restart delivers every event that was not acknowledged, in order, and
// the cursor is never ahead of the receiver.
func TestPowerCut(t *testing.T) {
	type cut struct {
		what string
		disk *vfs.Mem
		got  []string // when the power went
	}
	var cuts []cut
	keeps := []float64{0, 0.5, 1} // of what was not synced
	if testing.Short() {
		keeps = keeps[1:2]
	}
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		disk := vfs.NewMem()
		w := &world{log: newLog(), disk: disk, egress: network}
		w.log.fill(tenantA, 34)
		w.open(t)
		r := receive(network, refuseOne)
		if _, err := w.Create(t.Context(), tenantA, ada, request(t, toSIEM)); err != nil {
			t.Fatal(err)
		}
		disk.OnOp(func(op vfs.Op) {
			for _, keep := range keeps {
				cuts = append(cuts, cut{string(op.Kind) + " " + op.Name, disk.CrashClone(keep, int64(len(cuts))), r.ids()})
			}
		})
		w.run(t)
		time.Sleep(time.Second)
		disk.OnOp(nil)
		w.stop()
		r.server.Close()
	})
	for _, c := range cuts {
		synctest.Test(t, func(t *testing.T) { recoverFrom(t, c.what, c.disk, c.got) })
	}
	if len(cuts) < 20*len(keeps) {
		t.Errorf("%d power cuts: the test proves nothing", len(cuts))
	}
}

func refuseOne(_ int, list []string) (int, http.Header) {
	if slices.Contains(list, string(audit.DerivedID(0, 12))) {
		return 400, nil
	}
	return 200, nil
}

// recoverFrom starts over what a failure has left and checks that everything
// arrives.
func recoverFrom(t *testing.T, what string, disk vfs.FS, before []string) {
	network := newPipes()
	w := &world{log: newLog(), disk: disk, egress: network}
	w.log.fill(tenantA, 35) // as it was, for a receiver that looks at ids
	w.open(t)
	r := receive(network, refuseOne)
	w.run(t)
	time.Sleep(time.Second)
	all := append(slices.Clone(before), r.ids()...)
	for i, id := range w.log.idsOf(tenantA, 0) {
		if i != 12 && !slices.Contains(all, id) {
			t.Errorf("%s: event %d is lost", what, i)
		}
	}
	if got := r.ids(); !slices.IsSorted(got) {
		t.Errorf("%s: out of order: %v", what, got)
	}
	list, err := w.Manager.SetAside(tenantA, "siem")
	if st := w.status(t); err != nil || st.LagEvents != 0 || st.SetAside != 1 || len(list) != 1 {
		t.Errorf("%s: got %+v, %v, %v", what, st, list, err)
	}
	w.stop()
	r.server.Close()
}

// TestNthFailure lets the n-th operation on the disk fail, for every n. The sink
// goes on by itself.
func TestNthFailure(t *testing.T) {
	fired := true
	for n := 0; fired; n++ {
		synctest.Test(t, func(t *testing.T) {
			network := newPipes()
			disk := vfs.NewMem()
			w := &world{log: newLog(), disk: disk, egress: network}
			w.log.fill(tenantA, 34)
			w.open(t)
			if _, err := w.Create(t.Context(), tenantA, ada, request(t, toSIEM)); err != nil {
				t.Fatal(err)
			}
			failing := vfs.Fail(disk, n, errors.New("no luck"))
			w.disk = failing
			if err := w.tryOpen(); err != nil {
				fired = failing.Fired()
				return
			}
			if len(w.List(t.Context(), tenantA)) == 0 {
				return // it could not be read, which was logged
			}
			r := receive(network, refuseOne)
			w.run(t)
			time.Sleep(time.Minute)
			w.stop()
			r.server.Close()
			fired = failing.Fired()
			for i, id := range w.log.idsOf(tenantA, 0) {
				if i != 12 && !slices.Contains(r.ids(), id) {
					t.Errorf("operation %d fails: event %d is lost", n, i)
				}
			}
			if st := w.status(t); st.LagEvents != 0 || st.SetAside != 1 {
				t.Errorf("operation %d fails: got %+v", n, st)
			}
		})
	}
}
