package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/secrets"
	"github.com/scaivault/audit/internal/vfs"
)

// bao is a stub of a Vault with a KV engine, version 2, and AppRole: it knows
// tokens, and gives a new one at each login.
type bao struct {
	*stub
	tokens  map[string]bool
	secrets map[string]string // by the place of the request
	logins  int
}

func newBao(t *testing.T) *bao {
	b := &bao{stub: newStub(t), tokens: map[string]bool{}, secrets: map[string]string{
		"/v1/kv/data/exports/tnt_a/s3": `{"data":{"data":` + s3 + `,"metadata":{"version":2}}}`,
		"/v1/kv/data/exports/tnt_b/s3": `{"data":{"data":` + one + `}}`,
	}}
	b.answer = func(w http.ResponseWriter, r *http.Request) {
		switch body := b.secrets[r.URL.Path]; {
		case r.URL.Path == "/v1/auth/team/approle/login":
			b.logins++
			token := fmt.Sprintf("token-%d", b.logins)
			b.tokens = map[string]bool{token: true}
			fmt.Fprintf(w, `{"auth":{"client_token":"%s","lease_duration":3600}}`, token)
		case !b.tokens[r.Header.Get("X-Vault-Token")]:
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"errors":["permission denied: `+canary+`"]}`)
		case body == "":
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z"}}}`)
		default:
			io.WriteString(w, body)
		}
	}
	return b
}

// files returns a disk with the credentials for a Vault.
func files(t *testing.T) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	for name, text := range map[string]string{"/token": "t-1\n", "/role": "role-id\n", "/secret": "secret-id"} {
		check(t, vfs.WriteNew(m, name, []byte(text)))
	}
	return m
}

func byRole(t *testing.T, b *bao) secrets.VaultConfig {
	t.Helper()
	return secrets.VaultConfig{Client: secrets.NewClient(), URL: b.URL, Namespace: "ns/a", Mount: "kv",
		Prefix: "exports/{tenant}/", Files: files(t), AppRoleMount: "team/approle", RoleIDFile: "/role",
		SecretIDFile: "/secret"}
}

func byToken(t *testing.T, b *bao) secrets.VaultConfig {
	t.Helper()
	c := byRole(t, b)
	c.AppRoleMount, c.RoleIDFile, c.SecretIDFile, c.Namespace = "", "", "", ""
	c.TokenFile = "/token"
	return c
}

func newVault(t *testing.T, c secrets.VaultConfig) *secrets.Vault {
	t.Helper()
	v, err := secrets.NewVault(c)
	check(t, err)
	return v
}

const login = `POST /v1/auth/team/approle/login X-Vault-Namespace=ns/a ` +
	`{"role_id":"role-id","secret_id":"secret-id"}`

// ask is the request for a secret with a token.
func ask(path, token string) string {
	return "GET /v1/kv/data/" + path + " X-Vault-Token=" + token + " X-Vault-Namespace=ns/a"
}

func TestVaultByAppRole(t *testing.T) {
	b := newBao(t)
	v := newVault(t, byRole(t, b))
	wantMembers(t, v, "tnt_a", "exports/tnt_a/s3", s3Members())
	wantMembers(t, v, "tnt_b", "exports/tnt_b/s3", oneMember())
	b.wantAsked(t, login, ask("exports/tnt_a/s3", "token-1"), ask("exports/tnt_b/s3", "token-1"))

	b.tokens = nil // all expire
	wantMembers(t, v, "tnt_a", "exports/tnt_a/s3", s3Members())
	b.wantAsked(t, ask("exports/tnt_a/s3", "token-1"), login, ask("exports/tnt_a/s3", "token-2"))

	_, err := v.Get(t.Context(), "tnt_a", "exports/tnt_a/none", canary)
	wantDenied(t, err, "exports/tnt_a/none")
	b.wantAsked(t, ask("exports/tnt_a/none", "token-2"))
}

func TestVaultByTokenFile(t *testing.T) {
	b := newBao(t)
	c := byToken(t, b)
	v := newVault(t, c)
	const place = "GET /v1/kv/data/exports/tnt_a/s3 X-Vault-Token="
	_, err := v.Get(t.Context(), "tnt_a", "exports/tnt_a/s3", "")
	wantDenied(t, err, "exports/tnt_a/s3") // forbidden, as 404 above
	b.wantAsked(t, place+"t-1")            // once: the file still has the same token

	b.tokens["t-2"] = true
	check(t, vfs.WriteFile(c.Files, "/token", []byte("t-2\n")))
	wantMembers(t, v, "tnt_a", "exports/tnt_a/s3", s3Members())
	b.wantAsked(t, place+"t-1", place+"t-2")
}

// TestVaultPrefix: outside the prefix nobody is asked, and the answer is the
// same as for what is missing.
func TestVaultPrefix(t *testing.T) {
	b := newBao(t)
	v := newVault(t, byRole(t, b))
	for _, path := range []audit.Path{"s3", "exports", "exports/tnt_b/s3", "exports/tnt_ab/s3"} {
		_, err := v.Get(t.Context(), "tnt_a", path, "")
		wantDenied(t, err, path)
	}
	_, err := v.Get(t.Context(), "tnt_a", "exports/tnt_a/../tnt_b/s3", "")
	wantError(t, err, audit.CodeInvalidPath, "..")
	b.wantAsked(t)

	c := byRole(t, b)
	c.Prefix = "exports" // for all tenants
	v = newVault(t, c)
	wantMembers(t, v, "tnt_a", "exports/tnt_b/s3", oneMember())
}

func TestVaultAnswers(t *testing.T) {
	b := newBao(t)
	b.tokens["t-1"] = true
	v := newVault(t, byToken(t, b))
	const place = "/v1/kv/data/exports/tnt_a/s3"
	for body, want := range map[string]struct {
		code audit.Code
		text string
	}{
		canary:                                       {audit.CodeUnavailable, "not the JSON"},
		`{"data":"` + canary + `"}`:                  {audit.CodeUnavailable, "not the JSON"},
		`{"data":{"a":"` + canary + `"}}`:            {audit.CodeValidationError, "want a JSON object"},
		`{"data":{"data":null}}`:                     {audit.CodeValidationError, "want a JSON object"},
		`{"data":{"data":{"a":["` + canary + `"]}}}`: {audit.CodeValidationError, `member "a"`},
	} {
		b.secrets[place] = body
		_, err := v.Get(t.Context(), "tnt_a", "exports/tnt_a/s3", "")
		wantError(t, err, want.code, want.text)
	}
}

// TestVaultLoginFails: that we are not let in is trouble of ours, not a
// secret that is missing.
func TestVaultLoginFails(t *testing.T) {
	b := newBao(t)
	answer := b.answer
	c := byRole(t, b)
	v := newVault(t, c)
	get := func(want string) {
		t.Helper()
		_, err := v.Get(t.Context(), "tnt_a", "exports/tnt_a/s3", "")
		wantError(t, err, audit.CodeUnavailable, "log in to vault: "+want)
	}
	const where = "POST"
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound} {
		b.says(status, `{"errors":["invalid secret id `+canary+`"]}`)
		get(where)
	}
	b.says(http.StatusOK, `{"auth":null}`)
	get("the answer has no token")
	b.answer = answer
	for _, text := range []string{"", " \n", canary + "\n" + canary, canary + "\x00", canary + "é"} {
		check(t, vfs.WriteFile(c.Files, "/secret", []byte(text)))
		get("/secret: want one line")
	}
	check(t, c.Files.Remove("/role"))
	get("open /role: ")

	check(t, vfs.WriteNew(c.Files, "/role", []byte("role-id")))
	check(t, vfs.WriteFile(c.Files, "/secret", []byte("secret-id")))
	wantMembers(t, v, "tnt_a", "exports/tnt_a/s3", s3Members()) // it recovers
}

// TestVaultLogsInOnce has many ask at once: one of them logs in.
func TestVaultLogsInOnce(t *testing.T) {
	b := newBao(t)
	v := newVault(t, byRole(t, b))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := v.Get(t.Context(), "tnt_a", "exports/tnt_a/s3", ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if b.logins != 1 {
		t.Errorf("%d logins, want 1", b.logins)
	}
}

// TestVaultWaitsNotForOthers: who gives up is not held by the login of another.
func TestVaultWaitsNotForOthers(t *testing.T) {
	c := byRole(t, newBao(t))
	entered, leave := make(chan struct{}), make(chan struct{})
	c.Client = &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		close(entered)
		<-leave
		return nil, errors.New("gone")
	})}
	v := newVault(t, c)
	var wg sync.WaitGroup
	wg.Go(func() { v.Get(t.Context(), "tnt_a", "exports/tnt_a/s3", "") })
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Get(ctx, "tnt_a", "exports/tnt_a/s3", "")
	wantError(t, err, audit.CodeUnavailable, "context canceled")
	close(leave)
	wg.Wait()
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNewVaultRefuses(t *testing.T) {
	b := newBao(t)
	for want, change := range map[string]func(c *secrets.VaultConfig){
		"URL":                     func(c *secrets.VaultConfig) { c.URL = "http://vault.example" },
		"vault mount":             func(c *secrets.VaultConfig) { c.Mount = "" },
		"vault prefix":            func(c *secrets.VaultConfig) { c.Prefix = "" },
		"vault AppRole mount":     func(c *secrets.VaultConfig) { c.AppRoleMount = "../x" },
		"not both":                func(c *secrets.VaultConfig) { c.TokenFile = "/token" },
		"want a token file, or":   func(c *secrets.VaultConfig) { c.SecretIDFile = "" },
		"files with the role id ": func(c *secrets.VaultConfig) { c.RoleIDFile, c.SecretIDFile = "", "" },
	} {
		c := byRole(t, b)
		change(&c)
		if _, err := secrets.NewVault(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
