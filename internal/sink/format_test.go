package sink

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
)

var update = flag.Bool("update", false, "write the golden files")

// forms are the formats that have a golden file, by its name.
var forms = map[string]form{
	"json":       {format: audit.SinkJSON},
	"ocsf-1.1.0": {format: audit.SinkOCSF, ocsf: "1.1.0"},
	"ocsf-1.8.0": {format: audit.SinkOCSF, ocsf: "1.8.0"},
	"ecs":        {format: audit.SinkECS},
	"cef":        {format: audit.SinkCEF},
}

// examples are the events of testdata.
func examples(t *testing.T) []record {
	t.Helper()
	text, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	b, err := audit.DecodeBatch(audit.FormNDJSON, string(text), audit.MaxTime, false)
	if err != nil {
		t.Fatal(err)
	}
	records := make([]record, len(b.Events))
	for i, e := range b.Events {
		records[i] = record{Event: e, index: uint64(i)}
	}
	return records
}

func TestFormats(t *testing.T) {
	for name, f := range forms {
		f.tenant, f.version = "tnt_a", "1.2.3|4"
		var got []byte
		for _, r := range examples(t) {
			got = append(f.append(got, &r), '\n')
		}
		file := "testdata/events." + name + ".golden"
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFormatsAreWhole writes many events in every format: each is one line, and
// JSON that a strict reader takes where the format is JSON.
func TestFormatsAreWhole(t *testing.T) {
	for name, f := range forms {
		f.tenant, f.version = "tnt_a", "1.2.3"
		for _, r := range append(examples(t), samples(500)...) {
			line := f.append(nil, &r)
			if bytes.ContainsAny(line, "\n\r") || f.isJSON() && !json.Valid(line) {
				t.Fatalf("%s: %s", name, line)
			}
		}
	}
}

func samples(n int) []record {
	records := make([]record, 0, n)
	for e := range sample.New(1, sample.Options{Events: n, End: time.Unix(1_800_000_000, 0)}).Events() {
		e.ID = audit.DerivedID(0, uint64(len(records)))
		records = append(records, record{Event: e, index: uint64(len(records))})
	}
	return records
}

// rules are what the schema says of the class API Activity: testdata has the
// published lists of what an event must hold.
type rules struct {
	Required   map[string][]string `json:"required"`
	AtLeastOne map[string][]string `json:"at_least_one"`
	Enum       map[string][]int    `json:"enum"`
}

func TestOCSFKeepsTheRules(t *testing.T) {
	text, err := os.ReadFile("testdata/ocsf-required.json")
	if err != nil {
		t.Fatal(err)
	}
	var rules rules
	if err := json.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, version := range audit.OCSFVersions() {
		f := form{format: audit.SinkOCSF, ocsf: version, tenant: "tnt_a", version: "1"}
		records := append(examples(t), samples(200)...)
		for _, a := range audit.Actions() {
			r := records[0]
			r.Action = a
			records = append(records, r)
		}
		for _, r := range records {
			var event map[string]any
			if err := json.Unmarshal(f.append(nil, &r), &event); err != nil {
				t.Fatal(err)
			}
			for _, broken := range rules.broken(event) {
				t.Errorf("%s, action %s: %s", version, r.Action, broken)
			}
			activity := event["activity_id"].(float64)
			if event["type_uid"] != 600300+activity || event["time"] != float64(r.Timestamp/1000) ||
				at(event, "metadata.version") != version {
				t.Errorf("%s: %v", version, event)
			}
		}
	}
}

// broken returns the rules that an event breaks.
func (r *rules) broken(event map[string]any) []string {
	var broken []string
	for path, names := range r.Required {
		if object, ok := at(event, path).(map[string]any); ok {
			for _, name := range names {
				if object[name] == nil {
					broken = append(broken, path+"."+name+" is missing")
				}
			}
		}
	}
	for path, names := range r.AtLeastOne {
		object, ok := at(event, path).(map[string]any)
		has := func(name string) bool { return object[name] != nil }
		if ok && !slices.ContainsFunc(names, has) {
			broken = append(broken, path+" has none of what it needs")
		}
	}
	for path, values := range r.Enum {
		if v, ok := at(event, path).(float64); ok && !slices.Contains(values, int(v)) {
			broken = append(broken, path+" is no value of its enumeration")
		}
	}
	return broken
}

// at returns what stands at a path of names and positions; nil if nothing does.
func at(v any, path string) any {
	if path == "" {
		return v
	}
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// BenchmarkFormats writes events one after the other on one core.
func BenchmarkFormats(b *testing.B) {
	records := samples(10_000)
	for name, f := range forms {
		f.tenant, f.version = "tnt_a", "1.2.3"
		b.Run(name, func(b *testing.B) {
			var line []byte
			for i := 0; b.Loop(); i++ {
				line = f.append(line[:0], &records[i%len(records)])
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
