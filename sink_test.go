package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// TestSinkRequestRoundTrip writes what was read and reads it again.
func TestSinkRequestRoundTrip(t *testing.T) {
	for _, body := range []string{
		`{"name":"a","type":"file"}`,
		`{"name":"a-1","type":"https","url":"https://x/y?z=1","format":"ecs","secret_path":"sinks/a","headers":{"X-Key":"key"},
			"array":true,"plain":true,"batch_events":10000,"filters":{"action":["read"],"success":false},"from_index":0}`,
		`{"name":"a","type":"splunk_hec","url":"https://x","secret_path":"s","index":"i","source":"s","sourcetype":"t","host":"h",
			"ack":true,"format":"ocsf","ocsf_version":"1.1.0","from":"2026-01-01T00:00:00Z"}`,
		`{"name":"a","type":"syslog","url":"tls://x:6514","format":"cef"}`,
		`{"name":"a","type":"otlp","url":"https://x"}`,
	} {
		want, err := audit.DecodeSinkRequest(body, false)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		again, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := audit.DecodeSinkRequest(string(again), false)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", again, err, diff)
		}
	}
}

// TestSinkRequestLimits is at each limit and one past it.
func TestSinkRequestLimits(t *testing.T) {
	name := "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz0"
	for body, ok := range map[string]bool{
		`{"name":"` + name + `","type":"file"}`:                                            true,
		`{"name":"` + name + `1","type":"file"}`:                                           false,
		`{"name":"-a","type":"file"}`:                                                      false,
		`{"name":"a","type":"file","batch_events":1}`:                                      true,
		`{"name":"a","type":"file","batch_events":10000}`:                                  true,
		`{"name":"a","type":"file","batch_events":0}`:                                      false,
		`{"name":"a","type":"file","batch_events":10001}`:                                  false,
		`{"name":"a","type":"file","file_bytes":65536}`:                                    true,
		`{"name":"a","type":"file","file_bytes":65535}`:                                    false,
		`{"name":"a","type":"file","file_bytes":4294967296}`:                               true,
		`{"name":"a","type":"file","file_bytes":4294967297}`:                               false,
		`{"name":"a","type":"file","secret_path":"x"}`:                                     false,
		`{"name":"a","type":"syslog","url":"tls://x:6514/path"}`:                           false,
		`{"name":"a","type":"https","url":"https://x","array":true,"format":"cef"}`:        false,
		`{"name":"a","type":"https","url":"https://x","headers":{"X-Key":"key"}}`:          false,
		`{"name":"a","type":"https","url":"https://x","ocsf_version":"1.8.0"}`:             false,
		`{"name":"a","type":"https","url":"https://x","format":"ocsf","ocsf_version":"2"}`: false,
		`{"name":"a","type":"https","url":"https://x#y"}`:                                  false,
		`{"name":"a","type":"https","url":"https://x","secret_file":"/etc/x"}`:             false,
	} {
		if _, err := audit.DecodeSinkRequest(body, false); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := audit.DecodeSinkRequest(`{"name":"a","type":"https","url":"https://x","secret_file":"/etc/x"}`, true); err != nil {
		t.Errorf("the operator's own: %v", err)
	}
}
