package sink_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
)

// rsyslogConfig takes messages over TCP and writes what they say, one a line.
const rsyslogConfig = `module(load="imtcp")
global(workDirectory="%[1]s" maxMessageSize="128k")
input(type="imtcp" address="127.0.0.1" port="%[2]d")
template(name="all" type="string" string="%%hostname%% %%app-name%% %%msgid%% %%syslogfacility-text%%.%%syslogseverity-text%% %%msg%%\n")
action(type="omfile" file="%[1]s/out.log" template="all")
`

// startRsyslog starts rsyslog on loopback and returns its address and the file
// that it writes.
func startRsyslog(t *testing.T) (addr, out string) {
	t.Helper()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		if os.Getenv("SCAIVAULT_TEST_REQUIRE_PARTS") != "" {
			t.Fatal("rsyslog is not installed: .ci/parts installs it")
		}
		t.Skip("rsyslog is not installed: .ci/parts installs it")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, rsyslogConfig, dir, port), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-n", "-f", config, "-i", filepath.Join(dir, "pid"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(dir, "out.log")
}

// TestRsyslog sends to the real one, which is not there yet when the sink begins.
func TestRsyslog(t *testing.T) {
	addr, out := startRsyslog(t)
	w := new(world)
	send(t, w, 300, `{"name":"siem","type":"syslog","url":"tcp://`+addr+`","batch_events":100,"from_index":0}`, nil)
	var got []string
	for len(got) < 301 {
		text, err := os.ReadFile(out)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		got = got[:0]
		for line := range strings.Lines(string(text)) {
			header, event, _ := strings.Cut(line, "{")
			e, err := audit.DecodeEvent("{" + strings.TrimSpace(event))
			if err != nil {
				break // being written
			}
			severity := map[bool]string{true: "info", false: "warning"}[e.Success]
			if !strings.HasPrefix(header, "- scaivault-audit "+string(e.Action)+" audit."+severity) {
				t.Fatalf("header %q", header)
			}
			got = append(got, string(e.ID))
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%d of 301 arrived", len(got))
		case <-time.After(10 * time.Millisecond):
		}
	}
	if want := w.log.idsOf(tenantA, 0); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
