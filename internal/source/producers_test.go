package source_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// watched is a store whose producers are watched, on one disk.
type watched struct {
	*clock
	disk      vfs.FS
	store     *store.Store
	silences  *source.Silences
	producers *source.Producers
}

func openWatched(disk vfs.FS, clock *clock) (*watched, error) {
	s, err := store.Open(disk, "/log", store.Options{Clock: clock.Now, Logger: quiet})
	if err != nil {
		return nil, err
	}
	silences := source.NewSilences(nil, s, clock.Now, quiet)
	p, err := source.OpenProducers(disk, "/sources", s, silences, source.ProducersOptions{Clock: clock.Now, Logger: quiet})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &watched{clock, disk, s, silences, p}, nil
}

func (w *watched) close() error { return errors.Join(w.producers.Close(), w.store.Close()) }

// send appends an event with extra data, as the server does.
func (w *watched) send(t *testing.T, tenant audit.TenantID, extra string) error {
	w.advance(time.Millisecond)
	return w.sendAt(t, tenant, extra, audit.TimeOf(w.Now()))
}

func (w *watched) sendAt(t *testing.T, tenant audit.TenantID, extra string, at audit.Time) error {
	t.Helper()
	events := []audit.Event{{Timestamp: at, Action: audit.ActionRead, IdentityType: audit.TypeUser,
		IdentityID: "user:ada", Success: true, ExtraData: extra}}
	if err := w.producers.Before(tenant, events); err != nil {
		return err
	}
	if _, err := w.store.Append(t.Context(), tenant, audit.Batch{Events: events}); err != nil {
		return err
	}
	w.silences.Heard(tenant, events)
	return nil
}

// number is the extra data of "source:number" or "source/instance:number".
func number(text string) string {
	name, n, _ := strings.Cut(text, ":")
	name, instance, _ := strings.Cut(name, "/")
	if instance == "" {
		return fmt.Sprintf(`{"source":"%s","sequence":%s}`, name, n)
	}
	return fmt.Sprintf(`{"source":"%s","instance":"%s","sequence":%s}`, name, instance, n)
}

// check looks for gaps and silence.
func (w *watched) check(t *testing.T) error {
	return errors.Join(w.silences.Check(t.Context()), w.producers.Check(t.Context()))
}

// gaps returns what the audit_gap events of a tenant say, in short.
func (w *watched) gaps(t *testing.T, tenant audit.TenantID) (list []string) {
	t.Helper()
	page, err := w.store.Query(t.Context(), tenant, audit.Query{Order: audit.OrderIndex, Limit: 1000,
		Filter: audit.Filter{Actions: []audit.Action{audit.ActionAuditGap}}})
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]string)
	for _, r := range page.Records {
		var x struct {
			Reason, Source, Instance, Gap string
			From, To, Count               int64
			NextID                        string `json:"next_id"`
			SilentSource                  string `json:"silent_source"`
		}
		if err := json.Unmarshal([]byte(r.ExtraData), &x); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(x.Source+"/"+x.Instance, "/")
		switch text := fmt.Sprintf("%s:%d-%d=%d", name, x.From, x.To, x.Count); x.Reason {
		case "sequence_gap":
			if x.NextID == "" {
				t.Errorf("%s: no next_id", text)
			}
			ids[string(r.ID)] = text
			list = append(list, text)
		case "sequence_gap_filled":
			if ids[x.Gap] != text {
				t.Errorf("%s: names the gap %q", text, ids[x.Gap])
			}
			list = append(list, "+"+text)
		default:
			list = append(list, x.SilentSource+" "+x.Reason)
		}
	}
	return list
}

// TestProducers tells stories of numbers that come and do not, and what the log
// says in the end. "wait" lets the time pass that a number is waited for, "restart"
// ends the server and starts it again, "kill" leaves it no time to end.
func TestProducers(t *testing.T) {
	for _, test := range []struct{ name, story, want string }{
		{"in order", "b:1 b:2 b:3 wait", ""},
		{"from anywhere", "b:7 b:8 wait", ""},
		{"a gap", "b:1 b:4 wait wait", "b:2-3=2"},
		{"not yet", "b:1 b:4 check", ""},
		{"two gaps", "b:1 b:3 b:6 wait", "b:2-2=1 b:4-5=2"},
		{"out of order", "b:1 b:4 check b:3 check b:2 wait", ""},
		{"in part", "b:1 b:6 b:4 wait", "b:2-3=2 b:5-5=1"},
		{"filled late", "b:1 b:4 wait b:2 check b:3 check wait", "b:2-3=2 +b:2-3=2"},
		{"filled in part", "b:1 b:4 wait b:3 wait", "b:2-3=2"},
		{"filled and torn again", "b:1 b:3 wait b:2 check b:5 wait", "b:2-2=1 +b:2-2=1 b:4-4=1"},
		{"filled after a restart", "b:1 b:4 wait restart b:3 kill b:2 check restart wait", "b:2-3=2 +b:2-3=2"},
		{"twice", "b:1 b:2 b:2 b:1 b:3 wait", ""}, // 1 is older than 2
		{"a new instance", "b/x:1 b/x:2 b/y:1 b/y:2 b/x:3 wait", ""},
		{"gaps of two instances", "b/x:1 b/y:1 b/x:3 b/y:4 wait", "b/x:2-2=1 b/y:2-3=2"},
		{"counts anew", "b:1 b:2 b:3 !b:1 !b:2 !b:3 !b:4 wait", ""},
		{"counts anew from 0", "b:0 b:1 !b:0 !b:1 !b:3 wait", "b:2-2=1"},
		{"counts anew with the same gap", "b:1 b:3 wait !b:1 !b:3 wait", "b:2-2=1 b:2-2=1"},
		{"counts anew behind a gap", "b:1 b:2 b:5 !b:1 check wait", "b:3-4=2"},
		{"filled gap of an old count", "b:2 b:5 wait !b:1 !b:4 wait", "b:3-4=2 b:2-3=2"},
		{"an old number again", "b:1 b:2 b:3 b:2 b:4 wait", ""},
		{"over a restart", "b:1 restart b:3 wait", "b:2-2=1"},
		{"over a kill", "b:1 kill b:3 wait", "b:2-2=1"},
		{"over both", "b:1 check kill b:2 check restart b:4 wait restart kill wait", "b:3-3=1"},
		{"a restart gives time", "b:1 b:3 check restart check", ""},
		{"told once", "b:1 b:3 wait kill wait restart wait", "b:2-2=1"},
		{"two tenants", "b:1 other:b:5 b:2 wait", ""},
		{"names of OpenTelemetry", "otel:1 otel:3 wait", "o/i:2-2=1"},
		{"no source", "{} wait", ""},
	} {
		t.Run(test.name, func(t *testing.T) { tell(t, test.story, test.want) })
	}
}

func tell(t *testing.T, story, want string) {
	disk, clock := vfs.NewMem(), newClock()
	open := func() *watched {
		w, err := openWatched(disk, clock)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := open()
	oldest := audit.TimeOf(w.Now())
	for _, step := range strings.Fields(story) {
		var err error
		other, isOther := strings.CutPrefix(step, "other:")
		n, isOTel := strings.CutPrefix(step, "otel:")
		fresh, isFresh := strings.CutPrefix(step, "!")
		switch {
		case step == "check":
			err = w.check(t)
		case step == "wait":
			if err = w.check(t); err == nil {
				w.advance(source.DefaultGapWait)
				err = errors.Join(w.check(t), w.check(t))
			}
		case step == "restart":
			err = w.close()
			w = open()
		case step == "kill":
			disk = disk.CrashClone(0, 1)
			w = open()
		case step == "{}":
			err = w.send(t, "tnt_a", `{"sequence":4}`)
		case isOther:
			err = w.send(t, "tnt_b", number(other))
		case isOTel:
			err = w.send(t, "tnt_a", fmt.Sprintf(`{"log.record.sequence":%q,"resource.service.name":"o","resource.service.instance.id":"i"}`, n))
		case isFresh: // later than all before it
			w.advance(time.Hour)
			err = w.send(t, "tnt_a", number(fresh))
			oldest = audit.TimeOf(w.Now())
		default:
			err = w.sendAt(t, "tnt_a", number(step), oldest)
		}
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	if got := strings.Join(w.gaps(t, "tnt_a"), " "); got != want {
		t.Errorf("%q; want %q", got, want)
	}
	if got := w.gaps(t, "tnt_b"); len(got) > 0 {
		t.Errorf("of the other tenant: %q", got)
	}
}

// TestManyGaps makes one of the gaps that are too many.
func TestManyGaps(t *testing.T) {
	w, err := openWatched(vfs.NewMem(), newClock())
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= 2*66; n += 2 {
		if err := w.send(t, "tnt_a", number("b:"+strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := w.check(t); err != nil {
			t.Fatal(err)
		}
		w.advance(source.DefaultGapWait)
	}
	gaps := w.gaps(t, "tnt_a")
	if len(gaps) != 64 || gaps[62] != "b:125-125=1" || gaps[63] != "b:127-131=3" {
		t.Errorf("%d gaps: %q", len(gaps), gaps)
	}
}

// TestPromises tells of producers that said how long they would be silent, across
// restarts.
func TestPromises(t *testing.T) {
	disk, clock := vfs.NewMem(), newClock()
	var w *watched
	restart := func() {
		t.Helper()
		var err error
		if w != nil {
			err = w.close()
		}
		if err == nil {
			w, err = openWatched(disk, clock)
		}
		if err == nil {
			err = w.check(t)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	send := func(extra string) {
		t.Helper()
		if err := w.send(t, "tnt_a", extra); err != nil {
			t.Fatal(err)
		}
	}
	want := []string(nil)
	pass := func(d time.Duration, more ...string) {
		t.Helper()
		clock.advance(d)
		want = append(want, more...)
		for range 2 {
			if err := w.check(t); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, w.gaps(t, "tnt_a")); diff != "" {
			t.Fatalf("- want, + got:\n%s", diff)
		}
	}
	restart()
	send(`{"source":"b","heartbeat_seconds":60}`)
	pass(0)
	pass(time.Minute)
	send(`{"source":"b"}`)
	pass(time.Minute)
	restart() // and it has its whole time again
	pass(time.Minute)
	pass(time.Second, "b silence")
	restart()
	pass(time.Hour) // told once
	send(`{"source":"b"}`)
	pass(0, "b silence_ended")
	pass(time.Minute)
	pass(time.Second, "b silence")
	send(`{"source":"b"}`)
	pass(0, "b silence_ended")
	disk = disk.CrashClone(0, 1) // before it is saved that the silence has ended
	w = nil
	restart()
	pass(time.Minute)
	pass(time.Second, "b silence")
	send(`{"source":"b"}`)
	pass(0, "b silence_ended")
	send(`{"source":"b","heartbeat_seconds":"120"}`)
	pass(0)
	pass(2 * time.Minute)
	pass(time.Second, "b silence")
	send(`{"source":"b","heartbeat_seconds":0}`)
	pass(0, "b silence_ended")
	pass(time.Hour)
	restart()
	pass(time.Hour)
}

// numbers sends the numbers of a source with some missing, in an order that is not
// quite theirs, lets late ones come after their time, and restarts now and then. What
// is acknowledged is noted.
type numbers struct {
	sent   map[int]bool
	random *rand.Rand
}

const lastNumber = 40

func (n *numbers) run(t *testing.T, w *watched, restart func(*watched) *watched) (*watched, error) {
	order := n.random.Perm(lastNumber)
	slices.SortFunc(order, func(a, b int) int { return a/4 - b/4 })
	for i, v := range order {
		if v != 0 && v != lastNumber-1 && n.random.IntN(4) == 0 && i < lastNumber-4 {
			continue // it comes never, or late
		}
		if err := n.send(t, w, v); err != nil {
			return w, err
		}
		if n.random.IntN(6) == 0 {
			w.advance(source.DefaultGapWait)
		}
		if n.random.IntN(3) == 0 {
			if err := w.check(t); err != nil {
				return w, err
			}
		}
		if late := n.random.IntN(lastNumber); late < v && !n.sent[late] && n.random.IntN(2) == 0 {
			if err := n.send(t, w, late); err != nil {
				return w, err
			}
		}
		if restart != nil && n.random.IntN(8) == 0 {
			w = restart(w)
		}
	}
	return w, nil
}

func (n *numbers) send(t *testing.T, w *watched, v int) error {
	err := w.sendAt(t, "tnt_a", number("b:"+strconv.Itoa(v)), audit.TimeOf(w.Now()))
	if err == nil {
		n.sent[v] = true
	}
	return err
}

// check compares what the log tells of gaps with the numbers that it has.
func (n *numbers) check(t *testing.T, what string, w *watched) {
	t.Helper()
	for range 3 {
		if err := w.check(t); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		w.advance(source.DefaultGapWait)
	}
	page, err := w.store.Query(t.Context(), "tnt_a", audit.Query{Limit: 1000,
		Filter: audit.Filter{Actions: []audit.Action{audit.ActionRead}}})
	if err != nil {
		t.Fatal(err)
	}
	has := make(map[int]bool)
	low, high := lastNumber, -1
	for i := len(page.Records) - 1; i >= 0; i-- {
		r := page.Records[i]
		var x struct{ Sequence int }
		if err := json.Unmarshal([]byte(r.ExtraData), &x); err != nil {
			t.Fatal(err)
		}
		has[x.Sequence] = true
		high = max(high, x.Sequence)
	}
	for v := range n.sent {
		if !has[v] {
			t.Fatalf("%s: %d was acknowledged and is not in the log", what, v)
		}
	}
	// The first that came is where the count begins.
	first, err := w.store.Query(t.Context(), "tnt_a", audit.Query{Order: audit.OrderIndex, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Records) > 0 {
		var x struct{ Sequence int }
		if err := json.Unmarshal([]byte(first.Records[0].ExtraData), &x); err != nil {
			t.Fatal(err)
		}
		low = x.Sequence
	}
	told := make(map[int]int)
	for _, text := range w.gaps(t, "tnt_a") {
		var from, to, count int
		if strings.HasPrefix(text, "+") {
			continue
		}
		if _, err := fmt.Sscanf(text, "b:%d-%d=%d", &from, &to, &count); err != nil || count != to-from+1 {
			t.Fatalf("%s: %s: %v", what, text, err)
		}
		for v := from; v <= to; v++ {
			told[v]++
		}
	}
	for v := low; v <= high; v++ {
		if !has[v] && told[v] != 1 || told[v] > 1 {
			t.Errorf("%s: %d is there: %t, and told to be missing %d times\n%q", what, v, has[v], told[v], w.gaps(t, "tnt_a"))
		}
	}
	if err := w.close(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestProducersPowerCut cuts the power before every operation of the disk, and lets
// the next process go on.
func TestProducersPowerCut(t *testing.T) {
	runs := 6
	if testing.Short() {
		runs = 1
	}
	cuts := 0
	for seed := range uint64(runs) {
		disk, clock := vfs.NewMem(), newClock()
		type cut struct {
			op   vfs.Op
			disk *vfs.Mem
			sent map[int]bool
		}
		var list []cut
		n := &numbers{sent: make(map[int]bool), random: rand.New(rand.NewPCG(seed, 1))}
		first, err := openWatched(disk, clock)
		if err != nil {
			t.Fatal(err)
		}
		disk.OnOp(func(op vfs.Op) {
			sent := make(map[int]bool)
			for v := range n.sent {
				sent[v] = true
			}
			list = append(list, cut{op, disk.CrashClone(float64(len(list)%3)/2, int64(len(list))), sent})
		})
		w, err := n.run(t, first, func(w *watched) *watched {
			if err := w.close(); err != nil {
				t.Fatal(err)
			}
			if w, err = openWatched(disk, clock); err != nil {
				t.Fatal(err)
			}
			return w
		})
		if err != nil {
			t.Fatal(err)
		}
		disk.OnOp(nil)
		n.check(t, "without a cut", w)
		for i, c := range list {
			what := fmt.Sprintf("run %d, cut %d before %s %s", seed, i, c.op.Kind, c.op.Name)
			w, err := openWatched(c.disk, clock)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			after := &numbers{sent: c.sent}
			if err := after.send(t, w, lastNumber); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			after.check(t, what, w)
			if t.Failed() {
				return
			}
		}
		cuts += len(list)
	}
	if cuts < 50 {
		t.Errorf("inconclusive: %d cuts", cuts)
	}
	t.Logf("%d power cuts", cuts)
}

// TestProducersFailures fails the n-th operation of the disk of what is known, for each
// n and for good, then restarts.
func TestProducersFailures(t *testing.T) {
	broken := errors.New("broken disk")
	for _, sticky := range []bool{false, true} {
		for n := 0; ; n++ {
			disk, clock := vfs.NewMem(), newClock()
			failing := vfs.Fail(disk, n, broken)
			failing.Sticky = sticky
			what := fmt.Sprintf("failure %d, sticky %t", n, sticky)
			story := &numbers{sent: make(map[int]bool), random: rand.New(rand.NewPCG(1, 1))}
			if w, err := openWatched(failing, clock); err == nil {
				if w, err = story.run(t, w, nil); err != nil && !errors.Is(err, broken) && audit.ErrorCode(err) != audit.CodeUnavailable {
					t.Errorf("%s: %v", what, err)
				}
				w.close() // its failure is what a restart mends
			}
			w, err := openWatched(disk, clock)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if err := story.send(t, w, lastNumber); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			story.check(t, what, w)
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

// TestProducersState reads the log from its start where what is known of it is
// damaged, or of a longer log.
func TestProducersState(t *testing.T) {
	for name, damage := range map[string]string{
		"nothing": "", "no JSON": "{", "null": "null", "another version": `{"version":2}`,
		"a longer log":  `{"version":1,"next":1000,"sequences":[],"promises":{}}`,
		"null sequence": `{"version":1,"next":1,"sequences":[null]}`,
		"null promise":  `{"version":1,"next":1,"promises":{"b":null}}`,
	} {
		disk, clock := vfs.NewMem(), newClock()
		w, err := openWatched(disk, clock)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []string{"b:1", "b:3"} {
			if err := w.send(t, "tnt_a", number(n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(disk, "/sources/tnt_a.json", []byte(damage)); err != nil {
			t.Fatal(err)
		}
		if w, err = openWatched(disk, clock); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 2 {
			if err := w.check(t); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			w.advance(source.DefaultGapWait)
		}
		if got := strings.Join(w.gaps(t, "tnt_a"), " "); got != "b:2-2=1" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
