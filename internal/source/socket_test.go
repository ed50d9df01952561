package source_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/vfs"
)

// socket serves a socket device of tnt_a until stop is called, which waits until
// every connection has ended.
func (s *system) socket(t *testing.T) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- s.intake.Serve(ctx, source.Socket{Name: "tcp://test", Tenant: "tnt_a", Listener: l})
	}()
	return l.Addr().String(), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// hangUp says that nothing follows and waits until the server has closed too:
// what was sent is stored then.
func hangUp(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the server says something: %d bytes, %v", n, err)
	}
	conn.Close()
}

// TestSocket sends lines in all kinds of pieces.
func TestSocket(t *testing.T) {
	half := ask("h", 0)[:30]
	tests := []struct {
		name  string
		conns []string // what each connection sends
		want  string
		gaps  []string // reasons
	}{
		{"pair", []string{ask("a", 0) + reply("a", 2)}, "a:whole:true:2", nil},
		{"pair over two connections", []string{ask("a", 0), reply("a", 2)}, "a:whole:true:2", nil},
		{"no line end", []string{strings.TrimSpace(reply("a", 2))}, "a:whole:true:0", nil},
		{"half a line", []string{reply("a", 2) + half}, "a:whole:true:0", []string{"half_line"}},
		{"no line", []string{"x\n" + reply("a", 2)}, "a:whole:true:0", []string{"unreadable_line"}},
		{"half a line, then whole", []string{half, ask("h", 0) + reply("h", 1)}, "h:whole:true:1", []string{"half_line"}},
		{"too long", []string{`{"x":"` + strings.Repeat("y", source.MaxVaultLine) + "\n" + reply("a", 2)},
			"a:whole:true:0", []string{"unreadable_line"}},
		{"sent again", []string{ask("a", 0) + reply("a", 2), ask("a", 0) + reply("a", 2)}, "a:whole:true:2", nil},
	}
	for _, tt := range tests {
		if testing.Short() && tt.name == "too long" {
			continue
		}
		s := mustOpen(t, vfs.NewMem(), newClock())
		address, stop := s.socket(t)
		for _, text := range tt.conns {
			hangUp(t, dial(t, address, text))
		}
		stop()
		var told []audit.Event
		var gaps []string
		for _, e := range s.events(t, "tnt_a") {
			if e.Action == audit.ActionAuditGap {
				x := extra(t, e)
				gaps = append(gaps, x["reason"].(string))
				if x["source"] != "tcp://test" || x["size"] == nil || len(x["sha256"].(string)) != 64 {
					t.Errorf("%s: gap %v", tt.name, x)
				}
				continue
			}
			told = append(told, e)
		}
		if got := story(t, told); got != tt.want || fmt.Sprint(gaps) != fmt.Sprint(tt.gaps) {
			t.Errorf("%s: got %s and the gaps %v, want %s and %v", tt.name, got, gaps, tt.want, tt.gaps)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSocketOfSample has many connections that send the recorded lines, all of
// them the same.
func TestSocketOfSample(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	defer s.close()
	address, stop := s.socket(t)
	var conns []net.Conn
	for range 8 {
		conns = append(conns, dial(t, address, sample(t)))
	}
	for _, conn := range conns {
		hangUp(t, conn)
	}
	stop()
	s.advance(source.DefaultWait)
	s.giveUp(t)
	if n := len(s.events(t, "tnt_a")); n != 149 {
		t.Errorf("%d events, want 149", n)
	}
}

// TestSocketLimits closes a connection too many, and one that sends no lines.
func TestSocketLimits(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	defer s.close()
	address, stop := s.socket(t)
	defer stop()
	var conns []net.Conn
	for range source.MaxSocketConns {
		conns = append(conns, dial(t, address, reply("a", 0)))
	}
	over := dial(t, address, "")
	over.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := over.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a connection too many: %v", err)
	}
	over.Close()
	for _, conn := range conns {
		hangUp(t, conn)
	}
	conn := dial(t, address, strings.Repeat("x\n", 100))
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("100 lines that are none: %v", err)
	}
	conn.Close()
}

// TestSocketBackPressure lets lines wait while the log takes nothing, and loses
// none.
func TestSocketBackPressure(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), newClock())
	defer s.close()
	log := &refusing{Log: s.store}
	log.refuses.Store(true)
	i, err := source.OpenIntake(vfs.NewMem(), "/vault", log, source.IntakeOptions{Clock: s.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	other := &system{s.clock, s.store, i}
	address, stop := other.socket(t)
	conn := dial(t, address, ask("a", 0)+reply("a", 1))
	log.await(t)
	log.refuses.Store(false)
	hangUp(t, conn)
	stop()
	if got := story(t, s.events(t, "tnt_a")); got != "a:whole:true:1" {
		t.Errorf("got %s", got)
	}
}
