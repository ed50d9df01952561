package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// within asks until the answer is yes, for as long as the contract gives a
// server to learn of tokens.
func within(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for begun := time.Now(); !yes(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > tokenDelay {
			t.Fatalf("%s: not within %s", what, tokenDelay)
		}
	}
}

// Tokens are made and revoked beside a running server. It learns of both
// soon, and the log has an event of each.
func TestTokensBesideAServer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	reader := create(t, data, "user:reader", "--scope", "audit:read")
	p := serve(t, nil, "--data", data)
	code := func(token string) audit.Code {
		_, err := p.client(t, token).Whoami(t.Context())
		return audit.ErrorCode(err)
	}
	made := []string{
		create(t, data, "sa:a", "--scope", "audit:write"), create(t, data, "sa:b", "--scope", "audit:write"),
	}
	for _, token := range made {
		within(t, "a new token is known", func() bool { return code(token) == "" })
	}
	infos := list(t, data)
	for _, tokenOrID := range []string{made[0], infos[2].ID} {
		if got := runLine(t, "", "token", "revoke", "--data", data, tokenOrID); got.Code != exitOK {
			t.Fatalf("%+v", got)
		}
	}
	for _, token := range made {
		within(t, "a revoked token is refused", func() bool { return code(token) == audit.CodeTokenRevoked })
	}
	checkRecorded(t, p.client(t, reader),
		"token_create "+infos[0].ID, "token_create "+infos[1].ID, "token_create "+infos[2].ID,
		"token_revoke "+infos[1].ID, "token_revoke "+infos[2].ID)
	p.end(t)
	for _, token := range append(made, reader) {
		if shown := runLine(t, "", "token", "list", "--data", data).Stdout + p.output.String(); strings.Contains(
			shown, token) {
			t.Error("a token is shown by token list, or in the server's log")
		}
	}
}

// Each token is in the log once, however often the server restarts, and also
// if it dies after the log took the event and before it noted that.
func TestTokensAreRecordedOnce(t *testing.T) {
	data := t.TempDir()
	reader := create(t, data, "user:reader", "--scope", "audit:read")
	want := []string{"token_create " + list(t, data)[0].ID}
	for range 3 {
		p := serve(t, nil, "--data", data)
		checkRecorded(t, p.client(t, reader), want...)
		p.end(t)
		notes, err := filepath.Glob(filepath.Join(data, "tokens", "*.state"))
		if err != nil || len(notes) != len(want) {
			t.Fatalf("notes %q, error %v; want %d", notes, err, len(want))
		}
		for _, name := range notes {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		create(t, data, "user:last", "--scope", "audit:read") // is recorded after the others
		infos := list(t, data)
		want = append(want, "token_create "+infos[len(infos)-1].ID)
	}
}

// A token that cannot be read is named when the server starts; others work.
func TestUnreadableToken(t *testing.T) {
	data := t.TempDir()
	good := create(t, data, "user:reader", "--scope", "audit:read")
	bad := create(t, data, "user:bad", "--scope", "audit:read")
	id := list(t, data)[1].ID
	if err := os.WriteFile(filepath.Join(data, "tokens", id+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serve(t, nil, "--data", data)
	if _, err := p.client(t, good).Whoami(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := p.client(t, bad).Whoami(t.Context()); audit.ErrorCode(err) != audit.CodeTokenInvalid {
		t.Errorf("the token that cannot be read: %v", err)
	}
	p.end(t)
	if !strings.Contains(p.output.String(), "load token "+id) {
		t.Errorf("the log does not name token %s:\n%s", id, p.output.String())
	}
}

// tokenEvents returns what the log says of tokens.
func tokenEvents(t *testing.T, c *client.Client) []string {
	t.Helper()
	var got []string
	for e, err := range c.AllLogs(t.Context(), audit.Query{Order: audit.OrderIndex}) {
		if err != nil {
			t.Fatal(err)
		}
		var extra struct {
			TokenID string `json:"token_id"`
		}
		if err := json.Unmarshal([]byte(e.ExtraData), &extra); err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Action)+" "+extra.TokenID)
	}
	return got
}

// checkRecorded waits for the events of tokens and compares them.
func checkRecorded(t *testing.T, c *client.Client, want ...string) {
	t.Helper()
	var got []string
	within(t, "the tokens are in the log", func() bool {
		got = tokenEvents(t, c)
		return len(got) >= len(want)
	})
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
