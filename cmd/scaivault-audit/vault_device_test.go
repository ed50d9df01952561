package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// TestVaultDevices replays the recorded lines as each kind of device sends them.
// In the log is what the file of events says, whatever the way.
func TestVaultDevices(t *testing.T) {
	lines, err := os.ReadFile(vaultLines)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/vault/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "v.sock")
	data := filepath.Join(dir, "data")
	tokens := map[string]string{}
	for _, tenant := range []string{"http", "socket", "file"} {
		tokens[tenant] = newToken(t, data, audit.TenantID(tenant))
	}
	// A socket that a killed process has left is no obstacle.
	stale, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	p := serve(t, nil, "--data", data, "--pair-wait", "1s", "--vault-socket", "unix://"+socket+"?tenant=socket")

	for line := range bytes.Lines(lines) {
		postLine(t, p.url, tokens["http"], line)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(lines); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	file := filepath.Join(dir, "audit.log")
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	follow := exec.Command("scaivault-audit", "ingest", "--format", "vault", "--pair-wait", "1s", "--follow", file)
	follow.Env = append(os.Environ(), "SCAIVAULT_URL="+p.url, "SCAIVAULT_TOKEN="+tokens["file"], "GORACE="+raceQuick)
	var said bytes.Buffer
	follow.Stdout, follow.Stderr = &said, &said
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	for tenant, token := range tokens {
		if diff := cmp.Diff(sortedLines(string(want)), p.awaitEvents(t, token, 149)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tenant, diff)
		}
	}
	if err := follow.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := follow.Wait(); err != nil || said.Len() > 0 {
		t.Errorf("the follower ended with %v and said %q", err, said.String())
	}
	p.end(t)
}

const vaultLines = "../../testdata/vault/audit.jsonl"

// postLine sends a line as OpenBao's HTTP device does.
func postLine(t *testing.T, url, token string, line []byte) {
	t.Helper()
	r, err := http.NewRequest("POST", url+"/v1/audit/ingest/vault", bytes.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("status %d", resp.StatusCode)
	}
}

// awaitEvents returns the sorted lines of a tenant's events, but for those of
// tokens, once there are n. The last of them is a request that is given up.
func (p *program) awaitEvents(t *testing.T, token string, n int) []string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		var b strings.Builder
		for e, err := range p.client(t, token).AllLogs(t.Context(), audit.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Action != audit.ActionTokenCreate || e.IdentityID != "user:test" {
				b.Write(append(e.AppendLine(nil), '\n'))
			}
		}
		lines := sortedLines(b.String())
		if len(lines) >= n || time.Now().After(deadline) {
			return lines
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return lines
}
