package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// clock stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	now, err := time.Parse(time.RFC3339, start)
	if err != nil {
		panic(err)
	}
	return &clock{now: now}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// system is an intake over a store, on one disk.
type system struct {
	*clock
	store  *store.Store
	intake *source.Intake
}

var quiet = slog.New(slog.DiscardHandler)

func open(disk vfs.FS, clock *clock) (*system, error) {
	s, err := store.Open(disk, "/log", store.Options{Clock: clock.Now, Logger: quiet})
	if err != nil {
		return nil, err
	}
	i, err := source.OpenIntake(disk, "/vault", s, source.IntakeOptions{Clock: clock.Now, Logger: quiet})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &system{clock, s, i}, nil
}

func mustOpen(t *testing.T, disk vfs.FS, clock *clock) *system {
	t.Helper()
	s, err := open(disk, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *system) close() error { return errors.Join(s.intake.Close(), s.store.Close()) }

func (s *system) take(t *testing.T, tenant audit.TenantID, lines string) {
	t.Helper()
	if err := s.intake.Take(t.Context(), tenant, strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
}

func (s *system) giveUp(t *testing.T) {
	t.Helper()
	if err := s.intake.GiveUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// events returns the events of a tenant in the order in which they came.
func (s *system) events(t *testing.T, tenant audit.TenantID) []audit.Event {
	t.Helper()
	page, err := s.store.Query(t.Context(), tenant, audit.Query{Order: audit.OrderIndex, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var events []audit.Event
	for _, r := range page.Records {
		events = append(events, r.Event)
	}
	check(t, events)
	return events
}

// TestIntake tells stories of lines that come, restarts and the passing of
// time, and what the log says in the end.
func TestIntake(t *testing.T) {
	const wait = source.DefaultWait
	restart, pass, early := "restart", "pass", "early"
	tests := []struct {
		name  string
		steps []string
		want  string
	}{
		{"pair", []string{ask("a", 0), reply("a", 12)}, "a:whole:true:12"},
		{"pair in one go", []string{ask("a", 0) + reply("a", 12)}, "a:whole:true:12"},
		{"across a restart", []string{ask("a", 0), restart, reply("a", 12)}, "a:whole:true:12"},
		{"across two", []string{ask("a", 0), restart, restart, reply("a", 12)}, "a:whole:true:12"},
		{"not yet", []string{ask("a", 0), early}, ""},
		{"lone", []string{ask("a", 0), pass}, "a:lone:false:0"},
		{"lone across a restart", []string{ask("a", 0), restart, early, pass}, "a:lone:false:0"},
		{"late", []string{ask("a", 0), pass, reply("a", 11_000)}, "a:lone:false:0 a:late:true:0"},
		{"late across a restart", []string{ask("a", 0), pass, restart, reply("a", 11_000)}, "a:lone:false:0 a:late:true:0"},
		{"late twice", []string{ask("a", 0), pass, reply("a", 1), restart, reply("a", 1), restart, pass},
			"a:lone:false:0 a:late:true:0"},
		{"two devices", []string{ask("a", 0), ask("a", 0), reply("a", 1), reply("a", 1), pass}, "a:whole:true:1"},
		{"second device after the answer", []string{ask("a", 0), reply("a", 1), ask("a", 0), pass}, "a:whole:true:1"},
		{"second device after a restart",
			[]string{ask("a", 0), reply("a", 1), restart, ask("a", 0), restart, reply("a", 1), pass}, "a:whole:true:1"},
		{"second device, lone, after a restart",
			[]string{ask("a", 0), reply("a", 1), restart, ask("a", 0), pass}, "a:whole:true:1"},
		{"second device of a lone request",
			[]string{ask("a", 0), pass, restart, ask("a", 0), pass}, "a:lone:false:0"},
		{"answer alone", []string{reply("a", 0)}, "a:whole:true:0"},
		{"no id", []string{ask("", 0), restart, reply("", 3), ask("", 5), reply("", 9)}, ":whole:true:3 :whole:true:4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk, clock := vfs.NewMem(), newClock()
			s := mustOpen(t, disk, clock)
			for _, step := range tt.steps {
				switch step {
				case restart:
					if err := s.close(); err != nil {
						t.Fatal(err)
					}
					s = mustOpen(t, disk, clock)
				case early:
					clock.advance(wait - 1000)
					s.giveUp(t)
				case pass:
					clock.advance(wait)
					s.giveUp(t)
				default:
					s.take(t, "tnt_a", step)
				}
			}
			if got := story(t, s.events(t, "tnt_a")); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			names, err := disk.List("/vault")
			if open := len(names) > 0; err != nil || open != (tt.name == "not yet") {
				t.Errorf("the journal has the files %v, %v", names, err)
			}
		})
	}
}

// TestIntakeOfTwoTenants has the same lines of two servers.
func TestIntakeOfTwoTenants(t *testing.T) {
	disk, clock := vfs.NewMem(), newClock()
	s := mustOpen(t, disk, clock)
	s.take(t, "tnt_a", ask("a", 0))
	s.take(t, "tnt_b", reply("a", 5))
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, disk, clock)
	defer s.close()
	s.take(t, "tnt_b", ask("a", 0))
	clock.advance(source.DefaultWait)
	s.giveUp(t)
	for tenant, want := range map[audit.TenantID]string{"tnt_a": "a:lone:false:0", "tnt_b": "a:whole:true:0"} {
		if got := story(t, s.events(t, tenant)); got != want {
			t.Errorf("%s: got %s, want %s", tenant, got, want)
		}
	}
}

// TestWaitingRequests counts them, across a restart.
func TestWaitingRequests(t *testing.T) {
	disk, clock := vfs.NewMem(), newClock()
	s := mustOpen(t, disk, clock)
	s.take(t, "tnt_b", ask("c", 0)+ask("d", 0))
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, disk, clock)
	defer s.close()
	s.take(t, "tnt_a", ask("a", 0)+ask("b", 0)+reply("b", 5))
	for tenant, want := range map[audit.TenantID]int{"": 3, "tnt_a": 1, "tnt_b": 2, "tnt_c": 0} {
		got, err := s.intake.Health(t.Context(), tenant)
		if err != nil || got["waiting_requests"] != want {
			t.Errorf("of %q got %v, %v, want %d", tenant, got, err, want)
		}
	}
}

// TestIntakeOfSample gives the recorded lines, each alone, and expects what a
// Pairer makes of them.
func TestIntakeOfSample(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	defer s.close()
	for line := range strings.Lines(sample(t)) {
		s.take(t, "tnt_a", line)
	}
	s.advance(source.DefaultWait)
	s.giveUp(t)
	byID := make(map[audit.EventID]string)
	for _, e := range s.events(t, "tnt_a") {
		byID[e.ID] = string(e.AppendLine(nil))
	}
	want := make(map[audit.EventID]string)
	for _, e := range read(t, source.NewPairer(source.Options{}), sample(t)) {
		want[e.ID] = string(e.AppendLine(nil))
	}
	if diff := cmp.Diff(want, byID); diff != "" {
		t.Errorf("events (-pairer +intake):\n%s", diff)
	}
}

// TestIntakeRefuses names a line that is none and takes the others.
func TestIntakeRefuses(t *testing.T) {
	long := strings.Repeat("x", source.MaxVaultLine)
	tests := []struct {
		name, lines string
		code        audit.Code
		says, want  string
	}{
		{"nothing", "", audit.CodeInvalidRequest, "no line", ""},
		{"blank", "\n \n", audit.CodeInvalidRequest, "no line", ""},
		{"half", `{"type":"request"`, audit.CodeInvalidRequest, "line 1: malformed JSON", ""},
		{"one of three", ask("a", 0) + "x\n" + reply("a", 1), audit.CodeInvalidRequest, "line 2: no JSON object", "a:whole:true:1"},
		{"two of three", "x\n" + reply("a", 1) + "{}\n", audit.CodeInvalidRequest, "(and 1 more of 3 lines)", "a:whole:true:0"},
		{"long and malformed", `{"type":"request","x":"` + long[:100_000] + "\n" + reply("a", 1), audit.CodeInvalidRequest,
			"line 1: malformed JSON", "a:whole:true:0"},
		{"too long", `{"type":"request","x":"` + long + "\"}\n" + reply("a", 1), audit.CodePayloadTooLarge,
			"line 1: the line has more than 67108864 bytes", "a:whole:true:0"},
	}
	for _, tt := range tests {
		if testing.Short() && len(tt.lines) > source.MaxVaultLine {
			continue
		}
		s := mustOpen(t, vfs.NewMem(), newClock())
		err := s.intake.Take(t.Context(), "tnt_a", strings.NewReader(tt.lines))
		if audit.ErrorCode(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %s %q", tt.name, err, tt.code, tt.says)
		}
		if got := story(t, s.events(t, "tnt_a")); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestIntakeOfLongLine cuts a line at the limit on record.
func TestIntakeOfLongLine(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	defer s.close()
	head := `{"type":"response","time":"` + start + `","request":{"id":"a","operation":"read","path":"kv/a"},` +
		`"response":{"data":{"k":"v","list":[`
	const tail = `"end"]}}}`
	var b strings.Builder
	b.WriteString(head)
	size := source.MaxVaultLine
	if testing.Short() {
		size = 1 << 20
	}
	for b.Len() < size-len(tail)-1000 {
		b.WriteString(`"` + strings.Repeat("y", 96) + `",`)
	}
	b.WriteString(strings.Repeat(" ", size-b.Len()-len(tail)) + tail)
	line := b.String()
	s.take(t, "tnt_a", line+"\n"+reply("b", 0))
	events := s.events(t, "tnt_a")
	if got := story(t, events); got != "a:whole:true:0 b:whole:true:0" {
		t.Fatal(got)
	}
	want := members{"response_size": float64(len(line)), "response_sha256": fmt.Sprintf("%x", sum(line))}
	if diff := cmp.Diff(want, extra(t, events[0])["truncated"]); diff != "" {
		t.Errorf("truncated (-want +got):\n%s", diff)
	}
}

// brokenReader ends with an error.
type brokenReader struct{ io.Reader }

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// TestIntakeOfBrokenStream keeps the lines that came whole.
func TestIntakeOfBrokenStream(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	defer s.close()
	err := s.intake.Take(t.Context(), "tnt_a", brokenReader{strings.NewReader(reply("a", 0) + ask("b", 0)[:20])})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if got := story(t, s.events(t, "tnt_a")); got != "a:whole:true:0" {
		t.Errorf("got %s", got)
	}
}

// TestIntakeOnFullDisk takes nothing while there is no room, and goes on then.
func TestIntakeOnFullDisk(t *testing.T) {
	disk, clock := vfs.NewMem(), newClock()
	disk.SetFree(50, 1000)
	s := mustOpen(t, disk, clock)
	err := s.intake.Take(t.Context(), "tnt_a", strings.NewReader(ask("a", 0)))
	if audit.ErrorCode(err) != audit.CodeStorageFull {
		t.Errorf("got %v", err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	disk.SetFree(900, 1000)
	s = mustOpen(t, disk, clock)
	defer s.close()
	s.take(t, "tnt_a", ask("a", 0)+reply("a", 0))
}

// hung is a disk whose syncs do not return until it is released.
type hung struct {
	vfs.FS
	release chan struct{}
}

type hungFile struct {
	vfs.File
	release chan struct{}
}

func (h hung) Create(name string) (vfs.File, error) {
	f, err := h.FS.Create(name)
	return hungFile{f, h.release}, err
}

func (f hungFile) Sync() error {
	<-f.release
	return f.File.Sync()
}

// TestIntakeOnHungDisk answers in time, and keeps the line when the disk does.
func TestIntakeOnHungDisk(t *testing.T) {
	disk, clock := vfs.NewMem(), newClock()
	st, err := store.Open(disk, "/log", store.Options{Clock: clock.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	i, err := source.OpenIntake(hung{disk, release}, "/vault", st, source.IntakeOptions{Clock: clock.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := i.Take(ctx, "tnt_a", strings.NewReader(ask("a", 0))); audit.ErrorCode(err) != audit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	close(release)
	s := &system{clock, st, i}
	s.take(t, "tnt_a", reply("a", 7))
	if got := story(t, s.events(t, "tnt_a")); got != "a:whole:true:7" {
		t.Errorf("got %s", got)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// TestAnswerWaitsForNoJournal acknowledges an answer though the disk of the journal
// hangs: the log has it, with its request.
func TestAnswerWaitsForNoJournal(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	release := make(chan struct{})
	i, err := source.OpenIntake(hung{vfs.NewMem(), release}, "/vault", s.store, source.IntakeOptions{Clock: s.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	other := &system{s.clock, s.store, i}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := i.Take(gone, "tnt_a", strings.NewReader(ask("a", 0))); audit.ErrorCode(err) != audit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	other.take(t, "tnt_a", reply("a", 7)) // returns while the journal hangs
	if got := story(t, s.events(t, "tnt_a")); got != "a:whole:true:7" {
		t.Errorf("got %s", got)
	}
	close(release)
	if err := errors.Join(i.Close(), s.close()); err != nil {
		t.Error(err)
	}
}

// unsynced is a disk whose syncs fail.
type unsynced struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (u unsynced) Create(name string) (vfs.File, error) {
	f, err := u.FS.Create(name)
	return unsyncedFile{f}, err
}

func (unsyncedFile) Sync() error { return errors.New("input/output error") }

// TestSecondDeviceOfRefusedRequest refuses the line of a second device, too, when
// the journal could not keep that of the first: that the request is known says
// nothing of the disk. Its answer, which the log takes, is acknowledged; so are a
// second device's lines then.
func TestSecondDeviceOfRefusedRequest(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	i, err := source.OpenIntake(unsynced{vfs.NewMem()}, "/vault", s.store, source.IntakeOptions{Clock: s.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	other := &system{s.clock, s.store, i}
	for _, device := range []string{"first", "second"} {
		if err := i.Take(t.Context(), "tnt_a", strings.NewReader(ask("a", 0))); audit.ErrorCode(err) != audit.CodeUnavailable {
			t.Errorf("%s device: got %v", device, err)
		}
	}
	other.take(t, "tnt_a", reply("a", 5))
	other.take(t, "tnt_a", reply("a", 5))
	if got := story(t, s.events(t, "tnt_a")); got != "a:whole:true:5" {
		t.Errorf("got %s", got)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// refusing is a log that takes nothing for a while.
type refusing struct {
	source.Log
	refuses atomic.Bool
	refused atomic.Int64
}

func (r *refusing) Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	if r.refuses.Load() {
		r.refused.Add(1)
		return audit.Receipt{}, audit.Errorf(audit.CodeUnavailable, "not now")
	}
	return r.Log.Append(ctx, tenant, b)
}

// await returns when the log has refused something.
func (r *refusing) await(t *testing.T) {
	t.Helper()
	for r.refused.Load() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("nothing came")
		}
		runtime.Gosched()
	}
}

// TestAnswerIsRefused lets a request wait on whose answer the log does not
// take: the server that sent it was told so, and what became of the request
// nobody knows, unless the answer comes again.
func TestAnswerIsRefused(t *testing.T) {
	for _, again := range []bool{false, true} {
		s := mustOpen(t, vfs.NewMem(), newClock())
		log := &refusing{Log: s.store}
		i, err := source.OpenIntake(vfs.NewMem(), "/vault", log, source.IntakeOptions{Clock: s.Now, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		other := &system{s.clock, s.store, i}
		other.take(t, "tnt_a", ask("a", 0))
		log.refuses.Store(true)
		if err := i.Take(t.Context(), "tnt_a", strings.NewReader(reply("a", 5))); audit.ErrorCode(err) != audit.CodeUnavailable {
			t.Errorf("got %v", err)
		}
		s.advance(source.DefaultWait)
		if err := i.GiveUp(t.Context()); audit.ErrorCode(err) != audit.CodeUnavailable {
			t.Errorf("got %v", err)
		}
		log.refuses.Store(false)
		want := "a:lone:false:0"
		if again {
			other.take(t, "tnt_a", reply("a", 5))
			want = "a:whole:true:5"
		}
		other.giveUp(t)
		if got := story(t, s.events(t, "tnt_a")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := errors.Join(i.Close(), s.close()); err != nil {
			t.Error(err)
		}
	}
}
