package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// collectorConfig takes OTLP over HTTP at an address and sends it on to a server, with
// a token, in an encoding.
const collectorConfig = `
receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters:
  otlp_http: {endpoint: %q, encoding: %s, headers: {Authorization: "Bearer %s"}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp_http]}
`

// startCollector starts an OpenTelemetry Collector and returns where it listens.
func startCollector(t *testing.T, to *program, encoding string) string {
	t.Helper()
	program, err := filepath.Abs("../../.parts/collector")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		missingPart(t, "the OpenTelemetry collector")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	config := filepath.Join(t.TempDir(), "collector.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, collectorConfig, address, to.url, encoding, to.token), 0o600); err != nil {
		t.Fatal(err)
	}
	said := new(strings.Builder)
	cmd := exec.Command(program, "--config", "file:"+config)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the collector said:\n%s", said)
		}
	})
	return address
}

// TestCollector sends a log by an OTLP sink to a real collector, which sends it on to
// another server: what arrives there are the same events.
func TestCollector(t *testing.T) {
	for _, encoding := range []string{"proto", "json"} {
		t.Run(encoding, func(t *testing.T) {
			to := serve(t, nil, "--dev", "--no-sample", "--data", filepath.Join(t.TempDir(), "to"))
			address := startCollector(t, to, encoding)
			from := serve(t, nil, "--dev", "--no-sample", "--data", filepath.Join(t.TempDir(), "from"), "--allow-endpoint", address)
			const n = 250
			events := make([]audit.Event, n)
			for i := range events {
				events[i] = audit.Event{ID: audit.EventID(fmt.Sprintf("log_mine-%03d", i)),
					Timestamp: audit.TimeOf(time.Now()), Action: audit.ActionRead, IdentityType: audit.TypeUser,
					IdentityID: "user:ada", SecretPath: audit.Path(fmt.Sprintf("prod/%d", i%9)), SourceIP: "2001:db8::1",
					UserAgent: "curl/8 é", Success: i%3 > 0, DurationMS: int32(i), RequestID: fmt.Sprint("r", i),
					ExtraData: fmt.Sprintf(`{"source":"billing","sequence":%d,"list":[1,{"a":null}],"big":12345678901234567890}`, i)}
			}
			api, there := from.client(t, from.token), to.client(t, to.token)
			if _, err := api.Append(t.Context(), events, client.AppendOptions{}); err != nil {
				t.Fatal(err)
			}
			zero := uint64(0)
			if _, err := api.CreateSink(t.Context(), audit.SinkRequest{Start: audit.SinkStart{Index: &zero},
				Sink: audit.Sink{Name: "otel", Type: audit.SinkOTLP, Format: "json", URL: "http://" + address, BatchEvents: 100}}); err != nil {
				t.Fatal(err)
			}
			got := make(map[audit.EventID]audit.Event)
			for deadline := time.Now().Add(time.Minute); len(got) < n && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				clear(got)
				for e, err := range there.AllLogs(t.Context(), audit.Query{Limit: 1000, Filter: audit.Filter{PathPrefix: "prod"}}) {
					if err != nil {
						t.Fatal(err)
					}
					got[e.ID] = e.Event
				}
			}
			if len(got) != n {
				st, err := api.Sink(t.Context(), "otel")
				t.Fatalf("%d events arrived, want %d; the sink: %+v %v", len(got), n, st, err)
			}
			for _, want := range events {
				e := got[want.ID]
				if !strings.HasPrefix(e.ExtraData, strings.TrimSuffix(want.ExtraData, "}")+`,"event_name":"scaivault.read"`) {
					t.Errorf("%s: extra data %s", want.ID, e.ExtraData)
				}
				e.ExtraData = want.ExtraData
				if diff := cmp.Diff(want, e); diff != "" {
					t.Errorf("%s: - sent, + arrived:\n%s", want.ID, diff)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}
