package auth_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

// crc is the checksum at the end of a token, written once more.
func crc(body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum, text := crc32.ChecksumIEEE([]byte(body)), ""
	for range 6 {
		text = string(digits[sum%62]) + text
		sum /= 62
	}
	return text
}

func TestTokenText(t *testing.T) {
	tokens := openTokens(t, vfs.NewMem(), "/data", newClock())
	seen := make(map[string]bool)
	for range 50 {
		secret, info, err := tokens.Create(spec("tnt_a"))
		check(t, err)
		if len(secret) != 42 || secret[:4] != "skt_" || crc(secret[:36]) != secret[36:] || seen[secret] {
			t.Fatalf("token %s is not as it should be", secret)
		}
		if info.LastFour != secret[38:] || len(info.ID) != 20 || info.ID[:4] != "tok_" {
			t.Errorf("token %s is described as %+v", secret, info)
		}
		seen[secret] = true
	}
}

func TestMistypedTokenDoesNotTouchTheStore(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	secret, _, err := openTokens(t, m, "/data", c).Create(spec("tnt_a"))
	check(t, err)
	fsys := vfs.Fail(m, 0, errors.New("touched"))
	fsys.Kinds = []vfs.Kind{vfs.OpList, vfs.OpOpen, vfs.OpRead, vfs.OpStat}
	tokens := openTokens(t, fsys, "/data", c)
	for i := range len(secret) {
		mistyped := []byte(secret)
		mistyped[i] ^= 1
		_, err := tokens.Authenticate(string(mistyped))
		wantCode(t, err, audit.CodeTokenInvalid)
	}
	if fsys.Fired() {
		t.Error("the store was touched")
	}
	if _, err := tokens.Authenticate(secret); err == nil || !fsys.Fired() {
		t.Error("the right token did not touch the store")
	}
}

func TestTokenLife(t *testing.T) {
	c := newClock()
	tokens := openTokens(t, vfs.NewMem(), "/data", c)
	s := spec("tnt_a")
	s.Lifetime = time.Hour
	secret, info, err := tokens.Create(s)
	check(t, err)

	c.Add(time.Hour - time.Microsecond)
	_, err = tokens.Authenticate(secret)
	check(t, err)
	c.Add(time.Microsecond)
	_, err = tokens.Authenticate(secret)
	wantCode(t, err, audit.CodeTokenExpired)

	_, err = tokens.Revoke(info.ID, "user:bob")
	check(t, err)
	_, err = tokens.Authenticate(secret)
	wantCode(t, err, audit.CodeTokenRevoked)
}

func TestCreateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*auth.TokenSpec)
		fields []string
	}{
		{"tenant", func(s *auth.TokenSpec) { s.Tenant = "a/b" }, []string{"tenant"}},
		{"no identity", func(s *auth.TokenSpec) { s.Identity = "" }, []string{"identity"}},
		{"long identity", func(s *auth.TokenSpec) {
			s.Identity = audit.IdentityID(strings.Repeat("é", audit.MaxIdentityID+1))
		}, []string{"identity"}},
		{"display name", func(s *auth.TokenSpec) { s.DisplayName = "a\nb" }, []string{"display_name"}},
		{"no scopes", func(s *auth.TokenSpec) { s.Scopes = nil }, []string{"scopes"}},
		{"unknown scope", func(s *auth.TokenSpec) { s.Scopes = []audit.Scope{"audit:readonly"} },
			[]string{"scopes"}},
		{"scope twice", func(s *auth.TokenSpec) {
			s.Scopes = []audit.Scope{audit.ScopeRead, audit.ScopeRead}
		}, []string{"scopes"}},
		{"empty prefix", func(s *auth.TokenSpec) { s.PathPrefixes = []audit.Path{""} }, []string{"path_prefixes"}},
		{"bad prefix", func(s *auth.TokenSpec) { s.PathPrefixes = []audit.Path{"a", "a/../b"} },
			[]string{"path_prefixes"}},
		{"no lifetime", func(s *auth.TokenSpec) { s.Lifetime = 0 }, []string{"expires"}},
		{"negative lifetime", func(s *auth.TokenSpec) { s.Lifetime = -1 }, []string{"expires"}},
		{"too long a lifetime", func(s *auth.TokenSpec) { s.Lifetime = 1<<63 - 1 }, []string{"expires"}},
		{"no maker", func(s *auth.TokenSpec) { s.CreatedBy = "" }, []string{"created_by"}},
		{"token without checksum", func(s *auth.TokenSpec) { s.Token = "skt_dev" }, []string{"token"}},
		{"all offenders", func(s *auth.TokenSpec) { *s = auth.TokenSpec{} },
			[]string{"tenant", "identity", "scopes", "expires", "created_by"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := vfs.NewMem()
			tokens := openTokens(t, m, "/data", newClock())
			s := spec("tnt_a")
			tc.change(&s)
			_, _, err := tokens.Create(s)
			wantCode(t, err, audit.CodeValidationError)
			var fields []string
			if e := (*audit.Error)(nil); errors.As(err, &e) {
				for _, f := range e.Fields {
					fields = append(fields, f.Field)
				}
			}
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Errorf("offending fields (-want +got):\n%s", diff)
			}
			if names, err := m.List("/data/tokens"); err != nil || len(names) > 0 {
				t.Errorf("the store holds %v, %v", names, err)
			}
		})
	}
}

func TestCreateGivenToken(t *testing.T) {
	tokens := openTokens(t, vfs.NewMem(), "/data", newClock())
	s := spec("tnt_a")
	s.Token = "skt_" + strings.Repeat("d", 32)
	s.Token += crc(s.Token)
	secret, _, err := tokens.Create(s)
	check(t, err)
	if secret != s.Token {
		t.Errorf("created %s, want %s", secret, s.Token)
	}
	_, err = tokens.Authenticate(s.Token)
	check(t, err)
	_, _, err = tokens.Create(s)
	wantCode(t, err, audit.CodeIDConflict)
}

func TestIdentityTypes(t *testing.T) {
	tokens := openTokens(t, vfs.NewMem(), "/data", newClock())
	for id, want := range map[audit.IdentityID]audit.IdentityType{
		"user:ada": audit.TypeUser, "sa:robot": audit.TypeServiceAccount, "group:ops": audit.TypeGroup,
		"system:scheduler": audit.TypeSystem, "ada": audit.TypeUser, "sad:x": audit.TypeUser, "sa": audit.TypeUser,
	} {
		s := spec("tnt_a")
		s.Identity = id
		_, info, err := tokens.Create(s)
		check(t, err)
		if info.IdentityType != want {
			t.Errorf("type of %s: %s, want %s", id, info.IdentityType, want)
		}
	}
}

func TestRevoke(t *testing.T) {
	c := newClock()
	m := vfs.NewMem()
	tokens := openTokens(t, m, "/data", c)
	secretA, infoA, err := tokens.Create(spec("tnt_a"))
	check(t, err)
	secretB, _, err := tokens.Create(spec("tnt_b"))
	check(t, err)
	at := audit.TimeOf(c.Now())

	got, err := tokens.Revoke(secretA, "user:bob") // by the token itself
	check(t, err)
	want := infoA
	want.RevokedAt, want.RevokedBy = &at, "user:bob"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revoked (-want +got):\n%s", diff)
	}
	c.Add(time.Minute)
	got, err = tokens.Revoke(infoA.ID, "user:eve") // once more
	check(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revoked twice (-want +got):\n%s", diff)
	}
	_, err = tokens.Authenticate(secretA)
	wantCode(t, err, audit.CodeTokenRevoked)
	_, err = tokens.Authenticate(secretB)
	check(t, err)

	unknown := "skt_" + strings.Repeat("0", 32)
	for _, s := range []string{"", "tok_x", "../tenants/x", unknown + crc(unknown), secretA[:40]} {
		_, err := tokens.Revoke(s, "user:bob")
		wantCode(t, err, audit.CodeNotFound)
	}
	_, err = tokens.Revoke(infoA.ID, "")
	wantCode(t, err, audit.CodeValidationError)
}

// TestTokensSurviveAPowerCut looks at what was promised to be durable.
func TestTokensSurviveAPowerCut(t *testing.T) {
	c := newClock()
	m := vfs.NewMem()
	tokens := openTokens(t, m, "/data", c)
	live, _, err := tokens.Create(spec("tnt_a"))
	check(t, err)
	dead, info, err := tokens.Create(spec("tnt_b"))
	check(t, err)
	_, err = tokens.Revoke(info.ID, "user:bob")
	check(t, err)
	check(t, tokens.MarkRecorded(pending(t, tokens)["tnt_a"]))

	restarted := openTokens(t, m.CrashClone(0, 1), "/data", c)
	_, err = restarted.Authenticate(live)
	check(t, err)
	_, err = restarted.Authenticate(dead)
	wantCode(t, err, audit.CodeTokenRevoked)
	if p := pending(t, restarted); len(p["tnt_a"]) != 0 || len(p["tnt_b"]) != 2 {
		t.Errorf("after the cut these events are to be recorded: %v", p)
	}
}

// TestCreateFails lets each operation of creating and revoking fail: a token
// that was returned works, and one that was revoked does not.
func TestCreateFails(t *testing.T) {
	for n := 0; ; n++ {
		m := vfs.NewMem()
		c := newClock()
		fsys := vfs.Fail(m, n, errors.New("disk on fire"))
		var createErr, revokeErr error
		var secret string
		if tokens, err := auth.OpenTokens(fsys, "/data", c.Now); err == nil {
			secret, _, createErr = tokens.Create(spec("tnt_a"))
			if createErr == nil {
				_, revokeErr = tokens.Revoke(secret, "user:bob")
			}
		}
		if secret != "" && createErr == nil {
			_, err := openTokens(t, m, "/data", c).Authenticate(secret)
			if revokeErr == nil {
				wantCode(t, err, audit.CodeTokenRevoked)
			} else if err != nil {
				wantCode(t, err, audit.CodeTokenRevoked) // the error came after it was written
			}
		}
		if !fsys.Fired() {
			check(t, errors.Join(createErr, revokeErr))
			return
		}
	}
}

func TestDamagedTokenGivesNoRights(t *testing.T) {
	for _, tc := range []struct{ name, old, new string }{
		{"cut", "\n}\n", ""},
		{"trailing bytes", "\n}\n", "\n}\n}"},
		{"unknown member", `"path_prefixes"`, `"path_prefixfs"`},
		{"no prefix left", `"apps"`, `""`},
		{"format of the future", `"format": 1`, `"format": 2`},
		{"unknown scope", `"audit:read"`, `"audit:reed"`},
		{"another type", `"identity_type": "user"`, `"identity_type": "group"`},
		{"id of another", `"id": "tok_`, `"id": "tok_x`},
		{"short digest", `"sha256": "`, `"sha256": "zz`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := vfs.NewMem()
			c := newClock()
			s := spec("tnt_a")
			s.PathPrefixes = []audit.Path{"apps"}
			tokens := openTokens(t, m, "/data", c)
			bad, info, err := tokens.Create(s)
			check(t, err)
			good, _, err := tokens.Create(spec("tnt_b"))
			check(t, err)
			edit(t, m, "/data/tokens/"+info.ID+".json", tc.old, tc.new)

			tokens = openTokens(t, m, "/data", c)
			_, err = tokens.Authenticate(bad)
			wantCode(t, err, audit.CodeTokenInvalid)
			_, err = tokens.Authenticate(good)
			check(t, err)
			infos, err := tokens.List()
			if len(infos) != 1 || err == nil || !strings.Contains(err.Error(), info.ID) {
				t.Errorf("list: %d tokens, %v; want one, and an error that names the other", len(infos), err)
			}
		})
	}
}

func TestDamagedRevocationRevokes(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	tokens := openTokens(t, m, "/data", c)
	secret, info, err := tokens.Create(spec("tnt_a"))
	check(t, err)
	_, err = tokens.Revoke(info.ID, "user:bob")
	check(t, err)
	edit(t, m, "/data/tokens/"+info.ID+".revoked", "{", "")
	tokens = openTokens(t, m, "/data", c)
	_, err = tokens.Authenticate(secret)
	wantCode(t, err, audit.CodeTokenRevoked)
	if _, err := tokens.List(); err == nil {
		t.Error("list does not tell of the damage")
	}
}

// edit replaces text of a file.
func edit(t *testing.T, fsys vfs.FS, name, old, new string) {
	t.Helper()
	data, err := vfs.ReadFile(fsys, name)
	check(t, err)
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not hold %q:\n%s", name, old, data)
	}
	check(t, vfs.WriteFile(fsys, name, []byte(strings.Replace(string(data), old, new, 1))))
}

// TestAnotherProcess has two stores on one directory, as the command line and
// the server have.
func TestAnotherProcess(t *testing.T) {
	c := newClock()
	fsys, dir := vfs.OS{}, t.TempDir()
	server, cli := openTokens(t, fsys, dir, c), openTokens(t, fsys, dir, c)
	first, _, err := cli.Create(spec("tnt_a"))
	check(t, err)
	_, err = server.Authenticate(first) // loads the directory
	check(t, err)

	second, info, err := cli.Create(spec("tnt_b"))
	check(t, err)
	_, err = server.Authenticate(second)
	wantCode(t, err, audit.CodeTokenInvalid)
	c.Add(time.Second)
	_, err = server.Authenticate(second)
	check(t, err)

	_, err = cli.Revoke(info.ID, "user:bob")
	check(t, err)
	c.Add(time.Second)
	_, err = server.Authenticate(second)
	wantCode(t, err, audit.CodeTokenRevoked)
	_, err = server.Authenticate(first)
	check(t, err)
}

func TestReloadsAtMostOnceASecond(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	lists := &countingFS{FS: m}
	tokens := openTokens(t, lists, "/data", c)
	unknown := "skt_" + strings.Repeat("0", 32)
	unknown += crc(unknown)
	for range 100 { // in ten seconds
		_, err := tokens.Authenticate(unknown)
		wantCode(t, err, audit.CodeTokenInvalid)
		c.Add(100 * time.Millisecond)
	}
	if lists.n != 10 {
		t.Errorf("the directory was read %d times in 10 s, want 10", lists.n)
	}
}

// countingFS counts how often directories are listed.
type countingFS struct {
	vfs.FS
	n int
}

func (f *countingFS) List(dir string) ([]string, error) {
	f.n++
	return f.FS.List(dir)
}

func TestConcurrentUse(t *testing.T) {
	c := newClock()
	fsys, dir := vfs.OS{}, t.TempDir()
	server, cli := openTokens(t, fsys, dir, c), openTokens(t, fsys, dir, c)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			secret, info, err := cli.Create(spec(audit.TenantID(fmt.Sprintf("tnt_%d", i))))
			if err != nil {
				t.Error(err)
				return
			}
			c.Add(time.Second)
			p, err := server.Authenticate(secret)
			if err != nil || p.TokenID != info.ID {
				t.Errorf("token %s: %+v, %v", info.ID, p, err)
			}
			events, err := server.Pending()
			if err != nil || server.MarkRecorded(events[info.Tenant]) != nil || server.Flush() != nil {
				t.Errorf("events %v, %v", events, err)
			}
			if _, err := cli.Revoke(secret, "user:bob"); err != nil {
				t.Error(err)
			}
			c.Add(time.Second)
			if _, err := server.Authenticate(secret); audit.ErrorCode(err) != audit.CodeTokenRevoked {
				t.Errorf("after its revocation: %v", err)
			}
		})
	}
	wg.Wait()
	infos, err := cli.List()
	if err != nil || len(infos) != 4 {
		t.Errorf("list: %d tokens, %v, want 4", len(infos), err)
	}
}

func TestDirectoryHoldsNoUsableToken(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	tokens := openTokens(t, m, "/data", c)
	secret, info, err := tokens.Create(spec("tnt_a"))
	check(t, err)
	_, err = tokens.Authenticate(secret)
	check(t, err)
	_, err = tokens.Revoke(secret, "user:bob")
	check(t, err)
	check(t, tokens.MarkRecorded(pending(t, tokens)["tnt_a"]))
	names, err := m.List("/data/tokens")
	check(t, err)
	want := []string{info.ID + ".json", info.ID + ".revoked", info.ID + ".state"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatal(diff)
	}
	for _, name := range names {
		data, err := vfs.ReadFile(m, filepath.Join("/data/tokens", name))
		check(t, err)
		for i := range len(secret) - 5 { // more than the four that are shown
			if strings.Contains(string(data), secret[i:i+5]) && secret[i:i+5] != "skt_" {
				t.Errorf("%s holds %q of the token:\n%s", name, secret[i:i+5], data)
			}
		}
	}
}

func TestParseLifetime(t *testing.T) {
	day := 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"1s": time.Second, "90m": 90 * time.Minute, "36h": 36 * time.Hour, "90d": 90 * day, "106751d": 106751 * day,
	} {
		if got, err := auth.ParseLifetime(s); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0", "0d", "00d", "-1d", "+1d", "1", "d", "1w", "1y", "1D", "1.5h", "1h30m",
		" 1d", "1d ", "07d", "1e3s", "106752d", "9999999999999999999s", "１d"} {
		_, err := auth.ParseLifetime(s)
		if audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("%q: %v, want a validation error", s, err)
		}
	}
}

func TestParseScopes(t *testing.T) {
	got, err := auth.ParseScopes("audit:read,audit:admin")
	check(t, err)
	if diff := cmp.Diff([]audit.Scope{audit.ScopeRead, audit.ScopeAdmin}, got); diff != "" {
		t.Error(diff)
	}
	for _, s := range []string{"", ",", "audit:read,", "audit:read, audit:write", "audit:readonly", "AUDIT:READ",
		"audit:read,audit:read", "audit:*"} {
		_, err := auth.ParseScopes(s)
		if audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("%q: %v, want a validation error", s, err)
		}
	}
}
