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
	"strings"
	"testing"
	"time"

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
		`{"status":"ready","checks":{"evidence":"ok","sinks":"ok","store":"ok","vault":"ok"}}` {
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

// A second server does not wait for the first: it gives up, and says why.
func TestSecondServer(t *testing.T) {
	data := t.TempDir()
	p := serve(t, nil, "--data", data)
	for _, tt := range []struct {
		data, listen, why string
	}{
		{data, "127.0.0.1:0", fmt.Sprintf("LOCK: process %d holds it", p.command.Process.Pid)},
		{t.TempDir(), strings.TrimPrefix(p.url, "http://"), "address already in use"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
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
