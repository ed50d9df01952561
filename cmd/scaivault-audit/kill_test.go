package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

// TestKill kills the real program in the middle of its work, again and again.
// After each start the log must hold everything that was acknowledged, nothing
// that was not sent, each event once, with the content that was sent. (A
// killed process leaves the page cache to the kernel: what this finds are
// mistakes of the program; the power cuts of package store are about the disk.)
func TestKill(t *testing.T) {
	cycles := 100
	if testing.Short() {
		cycles = 5
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killing{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), data: t.TempDir(),
		sent: make(map[audit.EventID]string), acked: make(map[audit.EventID]bool),
		seen: make(map[audit.EventID]bool),
	}
	k.token = newToken(t, k.data, "tnt_a")
	for range cycles {
		k.cycle()
	}
	if len(k.acked) < 5*cycles {
		t.Fatalf("inconclusive: %d events were acknowledged in %d cycles", len(k.acked), cycles)
	}
	k.start()
	k.check()
	k.program.end(t)
	t.Logf("%d kills, %d events acknowledged, %d sent, %d in the log",
		cycles, len(k.acked), len(k.sent), len(k.seen))
}

// killing is the state of the test: a program, and what it was told.
type killing struct {
	t       *testing.T
	rand    *rand.Rand // while there are writers, mu guards it
	data    string
	token   string
	program *program
	client  *client.Client

	mu    sync.Mutex // guards sent and acked
	sent  map[audit.EventID]string
	acked map[audit.EventID]bool
	seen  map[audit.EventID]bool // in the log when it was last checked
	next  uint64                 // index up to which it was checked
	n     int                    // batches made
}

// newToken makes a token that may read and write.
func newToken(t testing.TB, data string, tenant audit.TenantID) string {
	t.Helper()
	tokens, err := auth.OpenTokens(vfs.OS{}, data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := tokens.Create(auth.TokenSpec{
		Tenant: tenant, Identity: "sa:test", CreatedBy: "user:test", Lifetime: time.Hour,
		Scopes: []audit.Scope{audit.ScopeRead, audit.ScopeWrite},
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// start starts the program and waits until it listens.
func (k *killing) start() {
	k.t.Helper()
	k.program = serve(k.t, nil, "--data", k.data, "--rate-limit-queries", "1000000")
	k.client = k.program.client(k.t, k.token)
}

// cycle starts the program, checks the log, writes from several clients, and
// kills the program while they write.
func (k *killing) cycle() {
	k.start()
	k.check()
	life := time.Duration(5+k.rand.IntN(60)) * time.Millisecond
	ctx, cancel := context.WithCancel(k.t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() { k.write(ctx) })
	}
	time.AfterFunc(life, func() { k.program.command.Process.Kill() })
	k.program.command.Wait() // its error is the kill
	cancel()
	writers.Wait()
}

// write appends batches until the program is gone.
func (k *killing) write(ctx context.Context) {
	for {
		events := k.batch()
		receipt, err := k.client.Append(ctx, events, client.AppendOptions{})
		if err != nil {
			return
		}
		if receipt.Accepted != len(events) {
			k.t.Errorf("accepted %d of %d new events", receipt.Accepted, len(events))
		}
		k.mu.Lock()
		for _, e := range events {
			k.acked[e.ID] = true
		}
		k.mu.Unlock()
	}
}

// batch makes a batch of new events and notes them as sent.
func (k *killing) batch() []audit.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	events := make([]audit.Event, 1+k.rand.IntN(20))
	for i := range events {
		e := audit.Event{
			ID:        audit.EventID(fmt.Sprintf("log_kill-%d-%d", k.n, i)),
			Timestamp: audit.Time(1_700_000_000+k.rand.Int64N(1_000_000)) * audit.Second,
			Action:    audit.ActionRead, IdentityType: audit.TypeUser,
			IdentityID: audit.IdentityID(fmt.Sprintf("user:%d", k.rand.IntN(5))),
			SecretPath: audit.Path(fmt.Sprintf("prod/%d", k.rand.IntN(9))),
			Success:    k.rand.IntN(9) > 0, ExtraData: "{}",
		}
		events[i] = e
		k.sent[e.ID] = string(e.AppendLine(nil))
	}
	return events
}

// check reads what the log has got since the last check, and compares.
func (k *killing) check() {
	k.t.Helper()
	q := audit.Query{Order: audit.OrderIndex, FromIndex: k.next, Proof: true}
	for entry, err := range k.client.AllLogs(k.t.Context(), q) {
		if err != nil {
			k.t.Fatal(err)
		}
		if *entry.Index != k.next {
			k.t.Fatalf("index %d follows %d", *entry.Index, k.next-1)
		}
		k.next++
		if entry.Action == audit.ActionTokenCreate {
			continue
		}
		if line := string(entry.AppendLine(nil)); line != k.sent[entry.ID] || k.seen[entry.ID] {
			k.t.Fatalf("the log holds\n%s\nsent was\n%s\nseen before: %t", line, k.sent[entry.ID], k.seen[entry.ID])
		}
		k.seen[entry.ID] = true
	}
	for id := range k.acked {
		if !k.seen[id] {
			k.t.Fatalf("event %s was acknowledged and is lost", id)
		}
	}
}
