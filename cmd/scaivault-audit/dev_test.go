package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
)

// count returns how many events the log has, but for those of --dev's tokens.
func count(t *testing.T, p *program, token string) uint64 {
	t.Helper()
	from := audit.Time(0)
	q := audit.SummaryQuery{Filter: audit.Filter{From: &from, NotIdentityID: devIdentity}}
	s, err := p.client(t, token).Summary(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return s.TotalEvents
}

func TestDev(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, []string{"TMPDIR=" + dir}, "--dev", "--no-sample")
	who, err := p.client(t, p.token).Whoami(t.Context()) // at once
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.Scopes(), who.Scopes); diff != "" || who.TenantID != devTenant {
		t.Errorf("tenant %s, scopes (-want +got):\n%s", who.TenantID, diff)
	}
	if !strings.HasPrefix(p.token, "skt_") || count(t, p, p.token) != 0 {
		t.Errorf("token %q, %d events; want none", p.token, count(t, p, p.token))
	}
	if made, err := os.ReadDir(dir); len(made) != 1 || err != nil {
		t.Errorf("directories %v, error %v; want one to throw away", made, err)
	}
	p.end(t)
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, error %v", left, err)
	}
	for _, want := range []string{
		"  curl -H 'Authorization: Bearer " + p.token + "' '" + p.url + "/v1/audit/logs?success=false&limit=3'\n",
		"  export SCAIVAULT_URL=" + p.url + " SCAIVAULT_TOKEN=" + p.token + "\n",
		"  scaivault-audit tail\n",
	} {
		if !strings.Contains(p.output.String(), want) {
			t.Errorf("the program said:\n%s\nwant also:\n%s", p.output.String(), want)
		}
	}
}

// With a directory of one's own the data and the tokens stay, and the sample
// events are there once.
func TestDevKeepsItsData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := serve(t, nil, "--dev", "--data", data)
	if n := count(t, first, first.token); n != sampleEvents {
		t.Fatalf("%d sample events; want %d", n, sampleEvents)
	}
	appendOne(t, first.client(t, first.token), "my/own")
	first.end(t)

	second := serve(t, nil, "--dev", "--data", data)
	if second.token == first.token {
		t.Error("a token was printed twice")
	}
	for _, token := range []string{first.token, second.token} {
		if n := count(t, second, token); n != sampleEvents+1 {
			t.Errorf("%d events after a restart; want %d", n, sampleEvents+1)
		}
	}
	second.end(t)
}

// The environment may say which token it is, also at the next start, but not
// once it was revoked.
func TestDevTokenOfTheEnvironment(t *testing.T) {
	token := create(t, t.TempDir(), "user:elsewhere", "--scope", "audit:read") // a token that is well formed
	env := []string{devTokenVariable + "=" + token}
	data := t.TempDir()
	for range 2 {
		p := serve(t, env, "--dev", "--no-sample", "--data", data)
		if p.token != token || count(t, p, token) != 0 {
			t.Errorf("the token that was asked for is not the one that was made")
		}
		p.end(t)
	}
	if got := runLine(t, "", "token", "revoke", "--data", data, token); got.Code != exitOK {
		t.Fatalf("%+v", got)
	}
	p, err := startProgram(env, "--dev", "--no-sample", "--data", data, "--listen", "127.0.0.1:0")
	if err == nil {
		p.end(t)
		t.Fatal("the server starts with a token that is of no use")
	}
	for _, want := range []string{"exit status 2", devTokenVariable, "was revoked"} {
		if text := err.Error(); !strings.Contains(text, want) || strings.Contains(text, token) {
			t.Errorf("error %s; want it to tell %q, and not the token", text, want)
		}
	}
}
