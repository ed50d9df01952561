package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

// followLog is a log that is told lines: it knows events by their ids and
// batches by their keys, and fails when the dice say so.
type followLog struct {
	rand    *rand.Rand // nil never to fail
	events  []audit.Event
	ids     map[audit.EventID]int
	batches map[string]audit.Receipt
}

var (
	errKilled = errors.New("killed")
	errCut    = errors.New("the answer was lost")
)

func newFollowLog(r *rand.Rand) *followLog {
	return &followLog{rand: r, ids: make(map[audit.EventID]int), batches: make(map[string]audit.Receipt)}
}

// send stores a batch. It may die before or after that.
func (l *followLog) send(body []byte, key string) (audit.Receipt, error) {
	if l.rand != nil && l.rand.IntN(12) == 0 {
		return audit.Receipt{}, errKilled
	}
	receipt, known := l.batches[key]
	if !known || key == "" {
		receipt = audit.Receipt{}
		b, err := audit.DecodeBatch(audit.FormNDJSON, string(body), audit.MaxTime, true)
		if err != nil {
			return audit.Receipt{}, err
		}
		receipt.Rejected = b.Rejected
		for i, e := range b.Events {
			if at, ok := l.ids[e.ID]; ok && e.ID != "" {
				if string(l.events[at].AppendLine(nil)) != string(e.AppendLine(nil)) {
					receipt.Rejected = append(receipt.Rejected, audit.Rejection{Line: b.Line(i), Code: audit.CodeIDConflict})
				}
				continue
			}
			l.ids[e.ID] = len(l.events)
			l.events = append(l.events, e)
		}
		l.batches[key] = receipt
	}
	if l.rand != nil && l.rand.IntN(12) == 0 {
		return audit.Receipt{}, errCut
	}
	return receipt, nil
}

// scene is a directory with a file that grows and is rotated, and who follows it.
type scene struct {
	t      *testing.T
	path   string
	log    *followLog
	vault  bool
	now    time.Time
	tail   *follower // nil while nobody follows
	writer *os.File
	half   string // the rest of a line that was begun
	n      int    // lines written
	moved  int    // rotations
	late   bool   // answers may have come late
	told   []string
}

func newScene(t *testing.T, log *followLog, vault bool) *scene {
	s := &scene{t: t, path: filepath.Join(t.TempDir(), "audit.log"), log: log, vault: vault, now: time.Unix(1_800_000_000, 0)}
	s.reopen()
	t.Cleanup(func() { s.writer.Close() })
	return s
}

// reopen is what a server does on SIGHUP.
func (s *scene) reopen() {
	if s.writer != nil {
		s.writer.Close()
	}
	var err error
	if s.writer, err = os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// line returns the next line: an event without an id, or a line of vault, of
// which every third request is never answered.
func (s *scene) line() string {
	s.n++
	if !s.vault {
		return fmt.Sprintf(`{"timestamp":"2026-01-01T00:00:00Z","action":"read","identity_type":"user",`+
			`"identity_id":"user:a","secret_path":"n/%d","success":true}`, s.n) + "\n"
	}
	id := s.n / 2
	kind := "request"
	if s.n%2 == 1 && id%3 != 0 {
		kind = "response"
	} else {
		id = s.n // a request of its own
		if s.n%2 == 0 {
			id = s.n / 2
		}
	}
	return fmt.Sprintf(`{"type":%q,"time":"2026-01-01T00:00:00Z","request":{"id":"r%d","path":"kv/%d"}}`, kind, id, id) + "\n"
}

func (s *scene) write(text string) {
	if _, err := s.writer.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) finishHalf() {
	s.write(s.half)
	s.half = ""
}

// start follows the file, from where the last one ended.
func (s *scene) start() {
	f := &follower{path: s.path, stateName: s.path + stateSuffix, exact: !s.vault, format: plainFormat{},
		send: s.log.send, now: func() time.Time { return s.now },
		tell: func(text string) { s.told = append(s.told, text) }}
	if s.vault {
		f.format = &vaultFormat{pairer: source.NewPairer(source.Options{Now: f.now})}
	}
	if err := f.open(); err != nil {
		s.t.Fatal(err)
	}
	s.tail = f
}

// kill ends who follows without a word.
func (s *scene) kill() {
	if s.tail != nil {
		for _, p := range s.tail.files {
			p.Close()
		}
		s.tail = nil
	}
}

// step lets who follows do something; it may die of it.
func (s *scene) step() (idle bool) {
	if s.tail == nil {
		s.start()
	}
	idle, err := s.tail.step()
	if errors.Is(err, errKilled) || errors.Is(err, errCut) {
		s.kill()
		return false
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return idle
}

// rotate renames the file, and those before it, as logrotate does.
func (s *scene) rotate(reopen bool) {
	for i := 3; i > 0; i-- {
		for _, suffix := range []string{"", ".gz", ".zst"} { // there may be none
			os.Rename(fmt.Sprintf("%s.%d%s", s.path, i, suffix), fmt.Sprintf("%s.%d%s", s.path, i+1, suffix))
		}
	}
	if err := os.Rename(s.path, s.path+".1"); err != nil {
		s.t.Fatal(err)
	}
	s.moved++
	if reopen {
		s.finishHalf()
		s.reopen()
	}
}

// pack compresses the files that were rotated away, as logrotate does.
func (s *scene) pack(suffix string) {
	for i := range 5 {
		name := fmt.Sprintf("%s.%d", s.path, i)
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		info, statErr := os.Stat(name)
		if err = errors.Join(err, statErr); err == nil {
			err = errors.Join(os.WriteFile(name+suffix, compressed(s.t, suffix, text), 0o600),
				os.Chtimes(name+suffix, info.ModTime(), info.ModTime()), os.Remove(name))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// compressed returns a text as files of that suffix have it.
func compressed(t *testing.T, suffix string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if suffix == ".zst" {
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// drain follows until nothing is left.
func (s *scene) drain() {
	s.finishHalf()
	s.log.rand = nil
	for range 2 {
		for !s.step() {
		}
		s.now = s.now.Add(source.DefaultWait)
	}
	for !s.step() {
	}
}

// check compares the log with what was written.
func (s *scene) check(seed uint64) {
	got := make(map[string]int)
	answered := make(map[string]bool)
	lone := func(e *audit.Event) bool { return strings.Contains(e.ExtraData, `"outcome":"unknown"`) }
	for i := range s.log.events {
		if e := &s.log.events[i]; !lone(e) {
			answered[e.RequestID] = true
		}
	}
	for _, e := range s.log.events {
		if s.late && lone(&e) && answered[e.RequestID] {
			continue
		}
		got[string(e.SecretPath)]++
		if e.Action == audit.ActionAuditGap {
			s.t.Errorf("seed %d: gap %s\n%s", seed, e.ExtraData, strings.Join(s.told, "\n"))
		}
	}
	want := make(map[string]bool)
	total := s.n
	for s.n = 0; s.n < total; {
		line := s.line()
		if _, path, ok := strings.Cut(line, `path":"`); ok {
			path, _, _ = strings.Cut(path, `"`)
			want[path] = true
		}
	}
	for path := range want {
		if got[path] != 1 {
			s.t.Errorf("seed %d: %s is in the log %d times, of %d lines\n%s", seed, path, got[path], total, strings.Join(s.told, "\n"))
		}
		delete(got, path)
	}
	if len(got) > 0 {
		s.t.Errorf("seed %d: nobody wrote %v", seed, got)
	}
}

// TestFollow writes, rotates, kills and restarts at random. In the end every
// line is in the log, once.
func TestFollow(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 8
	}
	base := uint64(time.Now().UnixNano())
	kills, rotations, lines := 0, 0, 0
	for run := range runs {
		seed := base + uint64(run)
		r := rand.New(rand.NewPCG(seed, 0))
		s := newScene(t, newFollowLog(r), run%2 == 0)
		s.start()
		for range 60 {
			switch n := r.IntN(10); {
			case n < 3:
				s.finishHalf()
				for range r.IntN(10) * r.IntN(70) {
					s.write(s.line())
				}
			case n == 3 && s.half == "":
				l := s.line()
				cut := r.IntN(len(l))
				s.write(l[:cut])
				s.half = l[cut:]
			case n == 4 && s.moved < 4: // logrotate would remove the fifth
				s.rotate(true)
				if suffix := []string{"", ".gz", ".zst"}[r.IntN(3)]; suffix != "" {
					s.pack(suffix)
				}
			case n == 5 && run%4 == 2: // a request may be given up before its answer is read
				s.late = true
				s.now = s.now.Add(time.Duration(r.IntN(6)) * time.Second)
			case n == 6:
				s.kill()
				kills++
			default:
				s.step()
			}
		}
		s.drain()
		s.kill()
		s.check(seed)
		rotations, lines = rotations+s.moved, lines+len(s.log.events)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d runs, %d kills, %d rotations, %d events", runs, kills, rotations, lines)
}

// reasons returns the gaps that the log was told of.
func (s *scene) reasons() (reasons []string) {
	for _, e := range s.log.events {
		if e.Action == audit.ActionAuditGap {
			_, reason, _ := strings.Cut(e.ExtraData, `"reason":"`)
			reason, _, _ = strings.Cut(reason, `"`)
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// TestFollowGaps has what cannot be read, or is lost, on record.
func TestFollowGaps(t *testing.T) {
	run := func(s *scene) {
		for !s.step() {
		}
	}
	truncate := func(s *scene) {
		if err := os.Truncate(s.path, 0); err != nil {
			s.t.Fatal(err)
		}
	}
	copyTo := func(s *scene, name string) {
		text, err := os.ReadFile(s.path)
		if err == nil {
			err = os.WriteFile(name, text, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	for _, restart := range []bool{false, true} {
		for _, tt := range []struct {
			name   string
			play   func(s *scene, restart func())
			events int // besides the gaps
			gaps   string
		}{
			{"truncated", func(s *scene, restart func()) {
				s.write(s.line() + s.line())
				run(s)
				restart()
				truncate(s)
				s.write(s.line())
			}, 3, "truncated"},
			{"truncated, and grown beyond", func(s *scene, restart func()) {
				s.write(s.line() + s.line())
				run(s)
				restart()
				truncate(s)
				s.write(s.line() + s.line() + s.line() + s.line())
			}, 6, "truncated"},
			{"copied and truncated", func(s *scene, restart func()) {
				s.write(s.line() + s.line())
				run(s)
				s.write(s.line())
				restart()
				copyTo(s, s.path+".1")
				truncate(s)
				s.write(s.line())
			}, 4, "truncated"},
			{"removed", func(s *scene, restart func()) {
				s.write(s.line())
				run(s)
				restart()
				os.Remove(s.path)
				s.reopen()
				s.write(s.line())
			}, 2, map[bool]string{false: "", true: "truncated or position_lost"}[restart]}, // the inode may be used again
			{"no event", func(s *scene, restart func()) {
				s.write("x\n" + s.line())
				restart()
			}, 1, "unreadable_line"},
			{"too long", func(s *scene, restart func()) {
				s.write(strings.Repeat("x", 3<<20) + "\n" + s.line())
				restart()
			}, 1, "long_line"},
			{"half a line, then rotated", func(s *scene, restart func()) {
				s.write(s.line() + `{"timest`)
				run(s)
				restart()
				s.rotate(true)
				s.write(s.line())
			}, 2, "unreadable_line"},
			{"no line end, then rotated", func(s *scene, restart func()) {
				s.write(strings.TrimSuffix(s.line(), "\n"))
				run(s)
				restart()
				s.rotate(true)
				s.write(s.line())
			}, 2, ""},
			{"renamed, and still written to", func(s *scene, restart func()) {
				s.write(s.line())
				run(s)
				s.rotate(false)
				run(s)
				restart()
				if err := os.WriteFile(s.path, nil, 0o600); err != nil { // logrotate's create
					s.t.Fatal(err)
				}
				s.write(s.line())
				run(s)
				s.reopen()
				s.write(s.line())
			}, 3, ""},
		} {
			t.Run(fmt.Sprintf("%s %t", tt.name, restart), func(t *testing.T) {
				s := newScene(t, newFollowLog(nil), false)
				s.start()
				tt.play(s, func() {
					if restart {
						s.kill()
					}
				})
				s.drain()
				s.kill()
				gaps := strings.Join(s.reasons(), " ")
				if n := len(s.log.events) - len(s.reasons()); n != tt.events || gaps != tt.gaps &&
					(gaps == "" || !strings.HasSuffix(tt.gaps, " or "+gaps) && !strings.HasPrefix(tt.gaps, gaps+" or ")) {
					t.Errorf("%d events and the gaps %q, want %d and %q; told: %q", n, gaps, tt.events, tt.gaps, s.told)
				}
			})
		}
	}
}

// TestFollowPackedGaps has on record what of compressed files is damaged.
func TestFollowPackedGaps(t *testing.T) {
	damage := func(s *scene, name string) {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, text[:len(text)-8], 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s := newScene(t, newFollowLog(nil), false)
	step := func(lines int) {
		for range lines {
			s.write(s.line())
		}
		for s.tail != nil && !s.step() {
		}
	}
	s.start()
	step(2)
	s.kill()
	step(1) // in the file that will be damaged
	s.rotate(true)
	s.pack(".gz")
	damage(s, s.path+".1.gz")
	step(1)
	s.start()
	step(1)
	s.kill()
	s.rotate(true)
	step(2)
	s.rotate(true)
	s.pack(".gz")
	later := time.Now().Add(time.Minute)
	for i, name := range []string{".2.gz", ".1.gz", ""} { // whatever the clock of the disk is good for
		if err := os.Chtimes(s.path+name, time.Time{}, later.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	damage(s, s.path+".1.gz")
	if err := os.Chtimes(s.path+".1.gz", time.Time{}, later.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	step(1)
	if err := os.Chtimes(s.path, time.Time{}, later.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.drain()
	s.kill()
	if gaps := strings.Join(s.reasons(), " "); gaps != "position_lost unreadable_file" || len(s.log.events) != 2+2+1+2 {
		t.Errorf("%d events, gaps %q, told %q", len(s.log.events), gaps, s.told)
	}
}

// TestUnpacker reads what is compressed and what is not, and tells of half of it.
func TestUnpacker(t *testing.T) {
	for _, text := range []string{"", "{", "{}\n", "\x1f", "\x1f\x8c\n", strings.Repeat("line\n", 100_000)} {
		for _, suffix := range []string{"", ".gz", ".zst"} {
			packed := []byte(text)
			if suffix != "" {
				packed = compressed(t, suffix, packed)
				packed = append(packed, compressed(t, suffix, []byte("more"))...)
			}
			u := &unpacker{in: bytes.NewReader(packed)}
			got, err := io.ReadAll(u)
			u.release()
			if want := text + map[bool]string{true: "more"}[suffix != ""]; err != nil || string(got) != want {
				t.Errorf("%.20q%s: %d bytes, %v", text, suffix, len(got), err)
			}
			if suffix == "" {
				continue
			}
			u = &unpacker{in: bytes.NewReader(packed[:len(packed)-1])}
			if _, err := io.ReadAll(u); err == nil {
				t.Errorf("%.20q%s: a file that is cut reads well", text, suffix)
			}
			u.release()
		}
	}
}

// TestFollowLongLine waits for a line of tens of megabytes that comes in pieces.
func TestFollowLongLine(t *testing.T) {
	s := newScene(t, newFollowLog(nil), true)
	s.write(`{"type":"response","time":"2026-01-01T00:00:00Z","request":{"id":"r","path":"kv/a"},"response":{"data":{"l":[`)
	piece := strings.Repeat(`"`+strings.Repeat("y", 97)+`",`, 10_000)
	for range 40 {
		s.write(piece)
		if !s.step() || len(s.log.events) > 0 {
			t.Fatal("half a line is taken")
		}
	}
	s.write("1]}}}\n")
	s.drain()
	s.kill()
	if len(s.log.events) != 1 || !strings.Contains(s.log.events[0].ExtraData, `"truncated":{"response_size":40000`) {
		t.Errorf("%d events", len(s.log.events))
	}
}
