package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

func pending(t *testing.T, tokens *auth.Tokens) map[audit.TenantID][]audit.Event {
	t.Helper()
	events, err := tokens.Pending()
	check(t, err)
	return events
}

func TestPendingEvents(t *testing.T) {
	c := newClock()
	m := vfs.NewMem()
	tokens := openTokens(t, m, "/data", c)
	s := spec("tnt_a")
	s.Identity = `user:"a"<b>`
	s.Scopes = []audit.Scope{audit.ScopeRead, audit.ScopeExport}
	_, infoA, err := tokens.Create(s)
	check(t, err)
	created := audit.TimeOf(c.Now())
	c.Add(time.Hour)
	_, err = tokens.Revoke(infoA.ID, "user:bob")
	check(t, err)
	_, infoB, err := tokens.Create(spec("tnt_b"))
	check(t, err)
	later := audit.TimeOf(c.Now())

	extra := func(info auth.TokenInfo, identity, scopes string) string {
		return `{"token_id":"` + info.ID + `","identity":"` + identity + `","scopes":[` + scopes +
			`],"expires_at":"` + info.ExpiresAt.String() + `"}`
	}
	extraA := extra(infoA, `user:\"a\"<b>`, `"audit:read","audit:export"`)
	want := map[audit.TenantID][]audit.Event{
		"tnt_a": {
			{ID: audit.EventID("log_token_create_" + infoA.ID[4:]), Timestamp: created,
				Action: audit.ActionTokenCreate, IdentityType: audit.TypeSystem, IdentityID: "system:cli",
				Success: true, ExtraData: extraA},
			{ID: audit.EventID("log_token_revoke_" + infoA.ID[4:]), Timestamp: later,
				Action: audit.ActionTokenRevoke, IdentityType: audit.TypeUser, IdentityID: "user:bob",
				Success: true, ExtraData: extraA},
		},
		"tnt_b": {
			{ID: audit.EventID("log_token_create_" + infoB.ID[4:]), Timestamp: later,
				Action: audit.ActionTokenCreate, IdentityType: audit.TypeSystem, IdentityID: "system:cli",
				Success: true, ExtraData: extra(infoB, "user:ada@example.com", `"audit:read"`)},
		},
	}
	got := pending(t, tokens)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("pending events (-want +got):\n%s", diff)
	}
	for _, events := range got {
		for _, e := range events {
			if bad := e.Validate(); len(bad) > 0 {
				t.Errorf("event %s: %v", e.ID, bad)
			}
		}
	}

	check(t, tokens.MarkRecorded(got["tnt_a"][:1]))
	check(t, tokens.MarkRecorded(got["tnt_b"]))
	check(t, tokens.MarkRecorded(got["tnt_b"])) // once more
	left := map[audit.TenantID][]audit.Event{"tnt_a": want["tnt_a"][1:]}
	for name, tokens := range map[string]*auth.Tokens{
		"the same store": tokens, "after a restart": openTokens(t, m, "/data", c),
	} {
		if diff := cmp.Diff(left, pending(t, tokens)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMarkRecordedRefuses(t *testing.T) {
	tokens := openTokens(t, vfs.NewMem(), "/data", newClock())
	for _, e := range []audit.Event{
		{ID: "log_token_create_x", Action: audit.ActionTokenCreate},
		{ID: "log_1", Action: audit.ActionRead},
	} {
		if err := tokens.MarkRecorded([]audit.Event{e}); err == nil {
			t.Errorf("event %s of no token: no error", e.ID)
		}
	}
}

func TestMarkRecordedFails(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	_, _, err := openTokens(t, m, "/data", c).Create(spec("tnt_a"))
	check(t, err)
	errDisk := errors.New("disk on fire")
	fsys := vfs.Fail(m, 0, errDisk)
	fsys.Kinds = []vfs.Kind{vfs.OpSync}
	tokens := openTokens(t, fsys, "/data", c)
	events := pending(t, tokens)
	if err := tokens.MarkRecorded(events["tnt_a"]); !errors.Is(err, errDisk) {
		t.Fatalf("error %v, want that of the disk", err)
	}
	if diff := cmp.Diff(events, pending(t, tokens)); diff != "" {
		t.Errorf("what could not be marked is no longer pending:\n%s", diff)
	}
	check(t, tokens.MarkRecorded(events["tnt_a"]))
}

func TestLastUse(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	server := openTokens(t, m, "/data", c)
	secret, _, err := server.Create(spec("tnt_a"))
	check(t, err)
	unused, _, err := server.Create(spec("tnt_b"))
	check(t, err)
	minute := audit.TimeOf(c.Now())
	writes := 0
	m.OnOp(func(op vfs.Op) {
		if op.Kind == vfs.OpWrite {
			writes++
		}
	})
	c.Add(59 * time.Second)
	for range 10 { // in one minute
		_, err = server.Authenticate(secret)
		check(t, err)
		check(t, server.Flush())
	}
	if writes != 1 {
		t.Errorf("%d writes in one minute, want 1", writes)
	}
	lastUse := func() map[string]audit.Time {
		infos, err := openTokens(t, m, "/data", c).List() // as the command line sees it
		check(t, err)
		last := make(map[string]audit.Time)
		for _, info := range infos {
			if info.LastUsedAt != nil {
				last[info.LastFour] = *info.LastUsedAt
			}
		}
		return last
	}
	if diff := cmp.Diff(map[string]audit.Time{secret[38:]: minute}, lastUse()); diff != "" {
		t.Errorf("last use (-want +got):\n%s", diff)
	}
	c.Add(time.Second)
	for _, s := range []string{secret, unused} {
		_, err = server.Authenticate(s)
		check(t, err)
	}
	check(t, server.Flush())
	want := map[string]audit.Time{secret[38:]: minute + audit.Minute, unused[38:]: minute + audit.Minute}
	if diff := cmp.Diff(want, lastUse()); diff != "" {
		t.Errorf("last use a minute later (-want +got):\n%s", diff)
	}
}

// TestDamagedStateIsForgotten: a token works without it, and its events are
// given again, which stores nothing twice.
func TestDamagedStateIsForgotten(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	tokens := openTokens(t, m, "/data", c)
	secret, info, err := tokens.Create(spec("tnt_a"))
	check(t, err)
	check(t, tokens.MarkRecorded(pending(t, tokens)["tnt_a"]))
	edit(t, m, "/data/tokens/"+info.ID+".state", "{", "[")
	tokens = openTokens(t, m, "/data", c)
	_, err = tokens.Authenticate(secret)
	check(t, err)
	if got := pending(t, tokens)["tnt_a"]; len(got) != 1 {
		t.Errorf("%d events are pending, want 1", len(got))
	}
	if _, err := tokens.List(); err == nil {
		t.Error("list does not tell of the damage")
	}
}
