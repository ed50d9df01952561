package source_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// openKeeping opens a system that keeps originals.
func openKeeping(disk vfs.FS, clock *clock, all bool) (*system, error) {
	s, err := store.Open(disk, "/log", store.Options{Clock: clock.Now, Logger: quiet})
	if err != nil {
		return nil, err
	}
	o, err := source.OpenOriginals(disk, "/originals", all, quiet)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	i, err := source.OpenIntake(disk, "/vault", s, source.IntakeOptions{Clock: clock.Now, Logger: quiet, Originals: o})
	if err != nil {
		return nil, errors.Join(err, o.Close(), s.Close())
	}
	return &system{clock, s, i}, nil
}

// original returns what is kept of a line, "" for nothing.
func original(t *testing.T, disk vfs.FS, line string) string {
	t.Helper()
	text, tenant, err := source.Original(disk, "/originals", sha256.Sum256([]byte(line)), func(int, int) {})
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil || tenant != "tnt_a" {
		t.Fatalf("original of %.60s: tenant %s, %v", line, tenant, err)
	}
	return string(text)
}

// wide returns a line with so many bytes more in its data.
func wide(line string, n int) string {
	return strings.Replace(line, `"request":{`, `"request":{"client_token":"hmac-a","data":{"blob":"`+strings.Repeat("é", n/2)+`"},`, 1)
}

// login returns a request that nobody had a token for, with so many bytes more.
func login(password string, n int) string {
	return strings.Replace(ask("login", 0), `"request":{`,
		`"request":{"data":{"password":"`+password+`","x":"`+strings.Repeat("x", n)+`"},`, 1)
}

// TestOriginals keeps the lines that may be cut, or all, but none with bare tokens.
func TestOriginals(t *testing.T) {
	bare := strings.Replace(ask("bare", 0), `"request":{`, `"request":{"client_token":"a-token","data":{"x":"`+strings.Repeat("x", 9000)+`"},`, 1)
	for _, test := range []struct {
		name     string
		line     string
		all, cut bool // whether it is kept
	}{
		{"small", ask("small", 0), true, false},
		{"over 4 KiB", wide(ask("over", 0), 4<<10), true, true},
		{"as a stream", wide(ask("stream", 0), 300<<10), true, true},
		{"too deep", strings.Replace(ask("deep", 0), `"request":{`, `"request":{"client_token":"hmac-a","data":`+strings.Repeat(`{"a":`, 9)+"1"+strings.Repeat("}", 9)+",", 1), true, true},
		{"not hashed", bare, false, false},
		{"a login, not hashed", login("hunter2", 9000), false, false},
		{"a login, not hashed and small", login("hunter2", 0), false, false},
		{"a login of which nothing fits, not hashed", login(strings.Repeat("hunter2", 10_000), 0), false, false},
		{"a login, hashed", login("hmac-sha256:00", 9000), true, true},
	} {
		for _, all := range []bool{false, true} {
			disk := vfs.NewMem()
			s, err := openKeeping(disk, newClock(), all)
			if err != nil {
				t.Fatal(err)
			}
			line := strings.TrimSpace(test.line)
			s.take(t, "tnt_a", "\n"+test.line)
			s.advance(source.DefaultWait)
			s.giveUp(t)
			want := ""
			if all && test.all || !all && test.cut {
				want = line
			}
			if got := original(t, disk, line); got != want { // beside the process that keeps it
				t.Errorf("%s, all %t: %d bytes; want %d", test.name, all, len(got), len(want))
			}
			sum := sha256.Sum256([]byte(line))
			for _, e := range s.events(t, "tnt_a") {
				if strings.Contains(e.ExtraData, "hunter2") {
					t.Errorf("%s, all %t: the event has the password", test.name, all)
				}
				told, _ := extra(t, e)["request_sha256"].(string)
				if (told == hex.EncodeToString(sum[:])) != (want != "") {
					t.Errorf("%s, all %t: the event has the hash %q", test.name, all, told)
				}
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// originalTraffic is bodies whose lines are all kept.
var originalTraffic = []string{
	ask("a", 0), wide(reply("a", 1), 9<<10), wide(ask("b", 2), 100<<10), ask("c", 3) + ask("d", 4), reply("c", 5) + reply("d", 6),
}

// sendOriginals sends the traffic and notes what is acknowledged.
func sendOriginals(t *testing.T, s *system, note func(body string)) (err error) {
	for _, body := range originalTraffic {
		if e := s.intake.Take(t.Context(), "tnt_a", strings.NewReader(body)); e != nil {
			err = e
			continue
		}
		note(body)
	}
	return err
}

// checkOriginals finds every line that was acknowledged.
func checkOriginals(t *testing.T, what string, disk vfs.FS, acked map[string]bool) {
	t.Helper()
	for body := range acked {
		for line := range strings.Lines(body) {
			line = strings.TrimSpace(line)
			if original(t, disk, line) != line {
				t.Errorf("%s: the original of %.80s is not there", what, line)
			}
		}
	}
}

// TestOriginalsPowerCut cuts the power before every operation of the disk.
func TestOriginalsPowerCut(t *testing.T) {
	disk := vfs.NewMem()
	type cut struct {
		op    vfs.Op
		disk  *vfs.Mem
		acked map[string]bool
	}
	var mu sync.Mutex
	var cuts []cut
	acked := make(map[string]bool)
	note := func(body string) {
		mu.Lock()
		defer mu.Unlock()
		acked[body] = true
	}
	disk.OnOp(func(op vfs.Op) {
		mu.Lock()
		defer mu.Unlock()
		known := maps.Clone(acked) // before the disk, which can only be ahead of it
		for _, keep := range []float64{0, 0.5, 1} {
			cuts = append(cuts, cut{op, disk.CrashClone(keep, int64(len(cuts))), known})
		}
	})
	for range 2 {
		s, err := openKeeping(disk, newClock(), true)
		if err == nil {
			err = errors.Join(sendOriginals(t, s, note), s.close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	disk.OnOp(nil)
	for i, c := range cuts {
		what := fmt.Sprintf("cut %d before %s %s", i, c.op.Kind, c.op.Name)
		s, err := openKeeping(c.disk, newClock(), true)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := sendOriginals(t, s, func(body string) { c.acked[body] = true }); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		checkOriginals(t, what, c.disk, c.acked)
		if err := s.close(); err != nil || t.Failed() {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if len(cuts) < 50 {
		t.Errorf("inconclusive: %d cuts", len(cuts))
	}
	t.Logf("%d power cuts", len(cuts))
}

// TestOriginalsFailures fails the n-th operation, for each n and for good.
func TestOriginalsFailures(t *testing.T) {
	broken := errors.New("broken disk")
	for _, sticky := range []bool{false, true} {
		for n := 0; ; n++ {
			disk, acked := vfs.NewMem(), make(map[string]bool)
			failing := vfs.Fail(disk, n, broken)
			failing.Sticky = sticky
			what := fmt.Sprintf("failure %d, sticky %t", n, sticky)
			if s, err := openKeeping(failing, newClock(), true); err == nil {
				err := sendOriginals(t, s, func(body string) { acked[body] = true })
				if err != nil && !errors.Is(err, broken) && audit.ErrorCode(err) != audit.CodeUnavailable {
					t.Errorf("%s: %v", what, err)
				}
				s.close() // its failure is what a restart mends
			}
			checkOriginals(t, what, disk, acked)
			if t.Failed() {
				return
			}
			if !failing.Fired() {
				if len(acked) != len(originalTraffic) {
					t.Errorf("%s: %d bodies were taken", what, len(acked))
				}
				t.Logf("%d failures, sticky %t", n, sticky)
				break
			}
		}
	}
}

// TestOriginalsSpace removes the oldest files when the disk is nearly full, never the
// one that is written, and keeps nothing while there is nothing to remove.
func TestOriginalsSpace(t *testing.T) {
	disk := vfs.NewMem()
	body := func(n int) string { return ask(fmt.Sprint("r", n), n) }
	var o *source.Originals
	take := func(n int) {
		t.Helper()
		s, err := store.Open(disk, fmt.Sprint("/log", n), store.Options{Clock: newClock().Now, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if o, err = source.OpenOriginals(disk, "/originals", true, quiet); err != nil {
			t.Fatal(err)
		}
		i, err := source.OpenIntake(disk, fmt.Sprint("/vault", n), s, source.IntakeOptions{Clock: newClock().Now, Logger: quiet, Originals: o})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Take(t.Context(), "tnt_a", strings.NewReader(body(n))); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(i.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	there := func() (text string) {
		for n := range 4 {
			if original(t, disk, strings.TrimSpace(body(n))) != "" {
				text += fmt.Sprint(n)
			}
		}
		return text
	}
	for n := range 3 {
		take(n)
	}
	const total = 1 << 40
	disk.SetFree(2<<30, total)
	o.Look()
	if got := there(); got != "012" {
		t.Errorf("at the watermark: %s", got)
	}
	disk.SetFree(2<<30-1, total)
	o.Look()
	if got := there(); got != "12" {
		t.Errorf("below it: %s", got)
	}
	for range 3 {
		o.Look()
	}
	if got := there(); got != "2" {
		t.Errorf("still below it: %s", got)
	}
	take(3)
	if got := there(); got != "2" {
		t.Errorf("a line that came without room: %s", got)
	}
	disk.SetFree(total, total)
	take(3)
	if got := there(); got != "23" {
		t.Errorf("with room again: %s", got)
	}
}
