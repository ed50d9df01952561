package source_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	samplePath = "../../testdata/vault/audit.jsonl" // of a Vault 1.21.4 server
	goldenPath = "../../testdata/vault/events.jsonl"
)

// read pairs all lines and checks every event.
func read(t *testing.T, p *source.Pairer, text string) []audit.Event {
	t.Helper()
	var events []audit.Event
	for line := range strings.Lines(text) {
		got, err := p.Add([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, got...)
	}
	events = append(events, p.Close()...)
	check(t, events)
	return events
}

// check fails unless every event is one that the log accepts as it is.
func check(t *testing.T, events []audit.Event) {
	t.Helper()
	for _, e := range events {
		if bad := e.Validate(); bad != nil {
			t.Fatalf("event is not valid: %v\n%s", bad, e.AppendLine(nil))
		}
		if e.Timestamp == audit.NoTime { // the log gives these two
			e.ID, e.Timestamp = audit.DerivedID(0, 0), 0
		}
		line := string(e.AppendLine(nil))
		if len(line) > audit.MaxLine {
			t.Fatalf("line has %d bytes", len(line))
		}
		back, err := audit.DecodeEvent(line)
		if err != nil {
			t.Fatalf("decode: %v\n%s", err, line)
		}
		if e.ExtraData == "" {
			e.ExtraData = "{}"
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatalf("event is not what its line says (-event +line):\n%s", diff)
		}
	}
}

func text(events []audit.Event) string {
	var b bytes.Buffer
	for _, e := range events {
		b.Write(append(e.AppendLine(nil), '\n'))
	}
	return b.String()
}

func sample(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSample(t *testing.T) {
	got := text(read(t, source.NewPairer(source.Options{}), sample(t)))
	if *update {
		if err := os.WriteFile(goldenPath, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("events of the sample (-want +got):\n%s", diff)
	}
}

// TestSampleIsComplete compares the events with what the lines say, counted by
// hand: 147 pairs, the trial of the device and the answer to its making.
func TestSampleIsComplete(t *testing.T) {
	lines := sample(t)
	events := read(t, source.NewPairer(source.Options{}), lines)
	ids := make(map[audit.EventID]bool)
	failed, unknown := 0, 0
	for _, e := range events {
		ids[e.ID] = true
		if !e.Success {
			failed++
		}
		if strings.HasPrefix(e.ExtraData, `{"outcome":"unknown"`) {
			unknown++
		}
		for _, mark := range []string{"/data/", "/metadata/"} {
			if strings.Contains(string(e.SecretPath), mark) {
				t.Errorf("path %q holds %s", e.SecretPath, mark)
			}
		}
	}
	if len(events) != 149 || len(ids) != 149 || unknown != 1 {
		t.Errorf("%d events with %d ids, %d of them without outcome", len(events), len(ids), unknown)
	}
	errors := 0
	for line := range strings.Lines(lines) {
		if strings.Contains(line, `"type":"response"`) && strings.Contains(line, `"error":`) {
			errors++
		}
	}
	if failed != errors+unknown {
		t.Errorf("%d events failed; %d answers have an error", failed, errors)
	}
}

// TestSampleOfTwoDevices reads each line twice, as two devices would write it.
func TestSampleOfTwoDevices(t *testing.T) {
	var twice strings.Builder
	for line := range strings.Lines(sample(t)) {
		twice.WriteString(line + strings.ReplaceAll(line, "hmac-sha256:", "hmac-sha256:00"))
	}
	want := read(t, source.NewPairer(source.Options{}), sample(t))
	got := read(t, source.NewPairer(source.Options{}), twice.String())
	if diff := cmp.Diff(text(want), text(got)); diff != "" {
		t.Errorf("second device changes the events (-one +two):\n%s", diff)
	}
}

func BenchmarkPairer(b *testing.B) {
	lines := bytes.SplitAfter([]byte(sample(b)), []byte("\n"))
	b.SetBytes(int64(len(bytes.Join(lines, nil))))
	n := 0
	for b.Loop() {
		p := source.NewPairer(source.Options{})
		for _, line := range lines {
			if _, err := p.Add(line); err != nil {
				b.Fatal(err)
			}
		}
		n += len(lines) - 1 // the last one is empty
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}
