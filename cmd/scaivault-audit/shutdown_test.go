package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// Under load, and with clients that hang, a signal ends the program in order
// within five seconds, and what it acknowledged is there afterwards.
func TestShutdown(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			token := newToken(t, data, "tnt_a")
			p := serve(t, nil, "--data", data)
			for _, request := range []string{
				"", // a connection that says nothing
				"GET /v1/health HTTP/1.1\r\nHo",
				"POST /v1/audit/logs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token +
					"\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[",
			} {
				hang(t, p, request)
			}
			acked := load(t, p, token, func() {
				begun := time.Now()
				code, err := p.stop(s)
				if took := time.Since(begun); code != exitOK || err != nil || took > 5*time.Second {
					t.Errorf("exit code %d, error %v, after %s; the program said:\n%s",
						code, err, took, p.output.String())
				}
			})

			p = serve(t, nil, "--data", data)
			for e, err := range p.client(t, token).AllLogs(t.Context(), audit.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				delete(acked, e.ID)
			}
			if len(acked) > 0 {
				t.Errorf("acknowledged and lost: %v", acked)
			}
			p.end(t)
		})
	}
}

// hang opens a connection that sends the beginning of a request, and no more
// until the end of the test.
func hang(t *testing.T, p *program, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
}

// load appends from several clients until the server refuses, calls end when
// there have been a few answers, and returns the events that were acknowledged.
func load(t *testing.T, p *program, token string, end func()) map[audit.EventID]bool {
	t.Helper()
	const writers, warm = 4, 20
	acks := make(chan audit.EventID)
	var running, ending sync.WaitGroup
	for w := range writers {
		c := p.client(t, token)
		running.Go(func() {
			for n := 0; ; n++ {
				e := audit.Event{ID: audit.EventID(fmt.Sprintf("log_%d-%d", w, n)),
					Timestamp: audit.TimeOf(time.Now()), Action: audit.ActionRead,
					IdentityType: audit.TypeUser, IdentityID: "user:a"}
				if _, err := c.Append(t.Context(), []audit.Event{e}, client.AppendOptions{}); err != nil {
					return
				}
				acks <- e.ID
			}
		})
	}
	go func() {
		running.Wait()
		close(acks)
	}()
	acked := make(map[audit.EventID]bool)
	for id := range acks {
		if acked[id] = true; len(acked) == warm {
			ending.Go(end)
		}
	}
	ending.Wait()
	if len(acked) < warm {
		t.Fatalf("inconclusive: %d events were acknowledged", len(acked))
	}
	return acked
}
