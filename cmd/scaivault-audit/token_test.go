package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/auth"
)

// create makes a token in dir and returns it.
func create(t *testing.T, dir, identity string, more ...string) string {
	t.Helper()
	args := []string{"token", "create", "--data", dir, "--tenant", "tnt_a", "--identity", identity}
	got := runLine(t, "", append(args, more...)...)
	token, ok := strings.CutSuffix(got.Stdout, "\n")
	if got.Code != exitOK || got.Stderr != "" || !ok || !strings.HasPrefix(token, "skt_") || len(token) != 42 {
		t.Fatalf("token create: %+v; want a token alone", got)
	}
	return token
}

// list returns the tokens of dir as token list prints them for programs.
func list(t *testing.T, dir string) []auth.TokenInfo {
	t.Helper()
	got := runLine(t, "", "token", "list", "--data", dir)
	if got.Code != exitOK {
		t.Fatalf("token list: %+v", got)
	}
	var infos []auth.TokenInfo
	for line := range strings.Lines(got.Stdout) {
		var info auth.TokenInfo
		if err := json.Unmarshal([]byte(line), &info); err != nil {
			t.Fatalf("token list: %q: %v", line, err)
		}
		infos = append(infos, info)
	}
	return infos
}

func TestTokenLife(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	writer := create(t, dir, "sa:vault", "--scope", "audit:write", "--expires", "12h")
	create(t, dir, "user:eve", "--scope", "audit:read,audit:export",
		"--path-prefix", "a/b/", "--path-prefix", "c")

	infos := list(t, dir)
	if len(infos) != 2 || infos[0].Identity != "sa:vault" || infos[1].Identity != "user:eve" ||
		infos[0].Tenant != "tnt_a" || len(infos[1].Scopes) != 2 || len(infos[1].PathPrefixes) != 2 ||
		infos[0].ExpiresAt-infos[0].CreatedAt != 12*3600e6 || infos[1].ExpiresAt-infos[1].CreatedAt != 90*86400e6 {
		t.Errorf("tokens %+v", infos)
	}
	check(t, runLine(t, "", "token", "revoke", "--data", dir, writer),
		result{Stdout: "revoked " + infos[0].ID + " of sa:vault\n"})
	check(t, runLine(t, "", "token", "revoke", "--data", dir, infos[1].ID),
		result{Stdout: "revoked " + infos[1].ID + " of user:eve\n"})
	for _, info := range list(t, dir) {
		if info.RevokedAt == nil || info.RevokedBy != operator {
			t.Errorf("not revoked: %+v", info)
		}
	}
	got := onTerminal(t, 200, "token", "list", "--data", dir)
	if n := strings.Count(got.Stdout, "revoked 2"); n != 2 {
		t.Errorf("%d tokens are shown as revoked; want 2:\n%s", n, got.Stdout)
	}
	if strings.Contains(got.Stdout, writer) {
		t.Errorf("token list shows a token:\n%s", got.Stdout)
	}
	if unknown := runLine(t, "", "token", "revoke", "--data", dir, "tok_unknown"); unknown.Code != exitNotFound {
		t.Errorf("revoke of an unknown token: %+v; want exit code %d", unknown, exitNotFound)
	}
}

func TestTenants(t *testing.T) {
	dir := t.TempDir()
	check(t, runLine(t, "", "tenant", "create", "--data", dir, "tnt_b", "--partner", "prt_x"),
		result{Stdout: "created tnt_b\n"})
	create(t, dir, "sa:vault", "--scope", "audit:write") // names tnt_a
	got := runLine(t, "", "tenant", "list", "--data", dir)
	var tenants []auth.Tenant
	for line := range strings.Lines(got.Stdout) {
		var tenant auth.Tenant
		if err := json.Unmarshal([]byte(line), &tenant); err != nil {
			t.Fatal(err)
		}
		tenants = append(tenants, tenant)
	}
	if len(tenants) != 2 || tenants[0].ID != "tnt_a" ||
		tenants[1].ID != "tnt_b" || tenants[1].Partner != "prt_x" {
		t.Errorf("tenants %+v", tenants)
	}
	if shown := onTerminal(t, 80, "tenant", "list", "--data", dir); !strings.Contains(shown.Stdout, "prt_x") {
		t.Errorf("table:\n%s", shown.Stdout)
	}
	if got := runLine(t, "", "tenant", "create", "--data", dir, "tnt_b"); got.Code != exitGeneral {
		t.Errorf("a second creation: %+v; want exit code %d", got, exitGeneral)
	}
}

// A token that is refused leaves no trace of the command.
func TestRefusedTokenMakesNoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	got := runLine(t, "", "token", "create", "--data", dir,
		"--tenant", "t", "--identity", "sa:x", "--scope", "all")
	if _, err := os.Stat(dir); got.Code != exitValidation || !os.IsNotExist(err) {
		t.Errorf("%+v; directory: %v", got, err)
	}
}

// What root writes into the directory of another user, the server cannot read.
func TestDirectoryOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 1, 1); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"token", "create", "--data", dir, "--tenant", "t", "--identity", "sa:x", "--scope", "audit:read"},
		{"token", "revoke", "--data", dir, "tok_x"},
		{"tenant", "create", "--data", dir, "tnt_a"},
	} {
		got := runLine(t, "", args...)
		made, err := os.ReadDir(dir)
		if got.Code != exitGeneral || !strings.Contains(got.Stderr, "belongs to user 1") || len(made) > 0 || err != nil {
			t.Errorf("%q: %+v; made %v, error %v", args, got, made, err)
		}
	}
}
