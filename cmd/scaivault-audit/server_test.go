package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// get sends a GET with a token, or without one if it is "", and returns the
// status, the header and the body.
func get(t *testing.T, c *http.Client, url, token string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

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

func TestHealth(t *testing.T) {
	data := t.TempDir()
	admin := create(t, data, "user:admin", "--scope", "audit:admin")
	reader := create(t, data, "user:reader", "--scope", "audit:read")
	p := serve(t, nil, "--data", data)
	for _, tt := range []struct {
		route, token string
		status       int
		members      string // of the answer, in order
	}{
		{"/v1/health", "", 200, "status timestamp"},
		{"/v1/health/ready", "", 200, "status checks"},
		{"/v1/version", "", 200, "version commit build_date go_version"},
		{"/v1/health/detailed", admin, 200, "status checks version uptime_seconds figures"},
		{"/v1/health/detailed", reader, 403, "error"},
		{"/v1/health/detailed", "", 401, "error"},
		{"/v1/healthy", "", 404, "error"},
	} {
		resp, body := get(t, http.DefaultClient, p.url+tt.route, tt.token)
		if got := members(t, body); resp.StatusCode != tt.status || got != tt.members {
			t.Errorf("%s: status %d, members %s; want %d, %s", tt.route, resp.StatusCode, got, tt.status, tt.members)
		}
	}
	if _, body := get(t, http.DefaultClient, p.url+"/v1/health/ready", ""); body !=
		`{"status":"ready","checks":{"store":"ok"}}` {
		t.Errorf("ready: %s", body)
	}
	v, err := p.client(t, "").Version(t.Context())
	if err != nil || v.Version != version() || !strings.HasPrefix(v.GoVersion, "go1.") {
		t.Errorf("version %+v, error %v; want %s", v, err, version())
	}
}

// members returns the names of the members of a JSON object.
func members(t *testing.T, body string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	var names []string
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		names = append(names, name.(string))
	}
	return strings.Join(names, " ")
}

// A second server gives up within a second, and says why.
func TestSecondServer(t *testing.T) {
	data := t.TempDir()
	p := serve(t, nil, "--data", data)
	for _, tt := range []struct {
		data, listen, why string
	}{
		{data, "127.0.0.1:0", fmt.Sprintf("LOCK: process %d holds it", p.command.Process.Pid)},
		{t.TempDir(), strings.TrimPrefix(p.url, "http://"), "address already in use"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		second := exec.CommandContext(ctx, "scaivault-audit", "serve", "--data", tt.data, "--listen", tt.listen)
		second.Env = append(os.Environ(), "GORACE="+raceQuick)
		out, _ := second.CombinedOutput() // the exit code says more
		cancel()
		if second.ProcessState.ExitCode() != exitGeneral || !strings.Contains(string(out), tt.why) {
			t.Errorf("exit code %d; want %d and %q in:\n%s", second.ProcessState.ExitCode(), exitGeneral, tt.why, out)
		}
	}
}

// What the server writes is for its own user, and so is a directory that was
// made for it with a wider mode.
func TestDataDirectoryIsPrivate(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there")
	if err := os.Mkdir(there, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{there, filepath.Join(t.TempDir(), "not", "there")} {
		p := serve(t, nil, "--dev", "--no-sample", "--data", data)
		appendOne(t, p.client(t, p.token), "prod/db")
		create(t, data, "user:eve", "--scope", "audit:read")
		p.end(t)
		files := 0
		err := filepath.WalkDir(data, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if e.IsDir() {
				want = fs.ModeDir | 0o700
			} else {
				files++
			}
			if info.Mode() != want {
				t.Errorf("%s has mode %s; want %s", name, info.Mode(), want)
			}
			return nil
		})
		if err != nil || files < 5 {
			t.Errorf("%d files, error %v", files, err)
		}
	}
}

// appendOne appends an event and returns its id.
func appendOne(t *testing.T, c *client.Client, path audit.Path) audit.EventID {
	t.Helper()
	e := audit.Event{ID: audit.EventID("log_" + strings.ReplaceAll(string(path), "/", "-")),
		Timestamp: audit.TimeOf(time.Now()), Action: audit.ActionRead, IdentityType: audit.TypeUser,
		IdentityID: audit.IdentityID("user:of-" + path), SecretPath: path, SourceIP: "192.0.2.1",
		UserAgent: "agent-" + string(path), Success: true, RequestID: "req-" + string(path)}
	if _, err := c.Append(t.Context(), []audit.Event{e}, client.AppendOptions{}); err != nil {
		t.Fatal(err)
	}
	return e.ID
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
