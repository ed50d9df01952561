package secrets_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/secrets"
	"github.com/scaivault/audit/internal/vfs"
)

func openLocal(t *testing.T, fsys vfs.FS) *secrets.Local {
	t.Helper()
	l, err := secrets.OpenLocal(fsys, "/data", now)
	check(t, err)
	return l
}

// s3 is the content of a secret, and s3Members are its members.
const s3 = `{"secret_access_key":"` + canary + `","access_key_id":"id","path_style":true,"port":443}`

func s3Members() map[string]string {
	return map[string]string{
		"secret_access_key": canary, "access_key_id": "id", "path_style": "true", "port": "443",
	}
}

// one is the content of another secret.
const one = `{"a":"\u00e9<\u2028"}`

func oneMember() map[string]string { return map[string]string{"a": "é<\u2028"} }

func TestLocal(t *testing.T) {
	m := vfs.NewMem()
	cli, server := openLocal(t, m), openLocal(t, m)
	_, err := server.Get(t.Context(), "tnt_a", "exports/s3", "")
	wantDenied(t, err, "exports/s3") // before there is a key
	check(t, cli.Put("tnt_b", "exports/s3", []byte(one)))
	check(t, cli.Put("tnt_a", "exports/s3", []byte(one)))
	check(t, cli.Put("tnt_a", "exports/s3", []byte(s3)))
	check(t, cli.Put("tnt_a", "a ../%2f\\ä", []byte(one)))
	wantMembers(t, server, "tnt_a", "exports/s3", s3Members())
	wantMembers(t, server, "tnt_b", "exports/s3", oneMember())
	wantMembers(t, server, "tnt_a", "a ../%2f\\ä", oneMember())
	_, err = server.Get(t.Context(), "tnt_b", "a ../%2f\\ä", "")
	wantDenied(t, err, "a ../%2f\\ä")

	names := []string{"access_key_id", "path_style", "port", "secret_access_key"}
	at := audit.TimeOf(now())
	want := []secrets.Secret{
		{Tenant: "tnt_a", Path: "a ../%2f\\ä", Members: []string{"a"}, UpdatedAt: at},
		{Tenant: "tnt_a", Path: "exports/s3", Members: names, UpdatedAt: at},
		{Tenant: "tnt_b", Path: "exports/s3", Members: []string{"a"}, UpdatedAt: at},
	}
	wantList(t, server, want)
	check(t, cli.Delete("tnt_b", "exports/s3"))
	wantError(t, cli.Delete("tnt_b", "exports/s3"), audit.CodeNotFound, `"exports/s3"`)
	_, err = server.Get(t.Context(), "tnt_b", "exports/s3", "")
	wantDenied(t, err, "exports/s3")
	wantList(t, openLocal(t, m.CrashClone(0, 1)), want[:2])
	wantMembers(t, openLocal(t, m.CrashClone(0, 1)), "tnt_a", "exports/s3", s3Members())
}

func wantList(t *testing.T, l *secrets.Local, want []secrets.Secret) {
	t.Helper()
	got, err := l.List()
	check(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestLocalFilesTellNothing(t *testing.T) {
	m := vfs.NewMem()
	check(t, openLocal(t, m).Put("tnt_a", "exports/s3", []byte(s3)))
	names, err := m.List("/data/secrets")
	check(t, err)
	if len(names) != 1 {
		t.Fatalf("files %v, want one", names)
	}
	data, err := vfs.ReadFile(m, "/data/secrets/"+names[0])
	check(t, err)
	for _, s := range []string{canary, "secret_access_key", "tnt_a", "exports"} {
		if strings.Contains(names[0]+string(data), s) {
			t.Errorf("the file tells %q", s)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	m := vfs.NewMem()
	l := openLocal(t, m)
	long := strings.Repeat("n", 64)
	for _, tc := range []struct{ text, want string }{
		{"", "want JSON; it breaks at byte 0"},
		{canary, "want JSON; it breaks at byte 0"},
		{`{"a":"` + canary + `"`, "want JSON; it breaks at byte"},
		{`{"a":"` + canary + `"} {}`, "want JSON; it breaks at byte"},
		{`{"a":"` + canary + "\xff\"}", "want JSON; it breaks at byte"},
		{`{"a":"` + canary + `\ud800"}`, "want JSON; it breaks at byte"},
		{`{"a":"` + canary + `","a":"x"}`, "want no member twice"},
		{`["` + canary + `"]`, "want a JSON object"},
		{`"` + canary + `"`, "want a JSON object"},
		{`null`, "want a JSON object with members"},
		{`{}`, "want a JSON object with members"},
		{`{"a":"x","c":{"d":"` + canary + `"},"b":["` + canary + `"],"e":null}`,
			`secret "p": member "b": want a string, a number or a boolean; ` +
				`member "c": want a string, a number or a boolean; member "e": want a string, a number or a boolean`},
		{`{"` + long + `":null}`, `member "` + long + `": want`},
		{`{"` + long + canary + `":null}`, `member "` + long + `…": want`},
	} {
		wantError(t, l.Put("tnt_a", "p", []byte(tc.text)), audit.CodeValidationError, tc.want)
	}
	wantError(t, l.Put("a/b", "p", []byte(s3)), audit.CodeValidationError, "tenant")
	wantError(t, l.Put("tnt_a", "../p", []byte(s3)), audit.CodeInvalidPath, "path")
	names, err := m.List("/data/secrets")
	if err != nil || len(names) > 0 {
		t.Errorf("files %v, error %v; want none", names, err)
	}
}

func TestPutLimit(t *testing.T) {
	l := openLocal(t, vfs.NewMem())
	// Control characters are what grows most in a file: none does beyond its
	// escape, of 6 bytes, in the text.
	escapes := strings.Repeat(`\u0001`, (secrets.MaxSize-len(`{"a":""}`))/6)
	text := `{"a":"` + escapes + `"}`
	text += strings.Repeat(" ", secrets.MaxSize-len(text))
	check(t, l.Put("tnt_a", "p", []byte(text)))
	wantMembers(t, l, "tnt_a", "p", map[string]string{"a": strings.Repeat("\x01", len(escapes)/6)})
	wantError(t, l.Put("tnt_a", "p", []byte(text+" ")), audit.CodeValidationError, "want at most 65536 bytes")
}

// TestFirstPuts has a process make the key before each operation with which
// another one makes it: it is one for both.
func TestFirstPuts(t *testing.T) {
	for cut := 0; ; cut++ {
		m := vfs.NewMem()
		l, other := openLocal(t, m), openLocal(t, m)
		ops := 0
		m.OnOp(func(vfs.Op) {
			if ops++; ops == cut+1 {
				check(t, other.Put("tnt_b", "p", []byte(one)))
			}
		})
		check(t, l.Put("tnt_a", "p", []byte(s3)))
		m.OnOp(nil)
		if ops <= cut {
			return
		}
		wantMembers(t, l, "tnt_a", "p", s3Members())
		wantMembers(t, l, "tnt_b", "p", oneMember())
	}
}
