package source_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

// latestLog is the latest time of the examples: a day after they were received.
var latestLog, _ = audit.ParseTime("2026-06-16T12:00:00Z")

// batchText returns a batch as lines, for golden files.
func batchText(b audit.Batch) string {
	var text strings.Builder
	for i, e := range b.Events {
		if e.Timestamp == audit.NoTime {
			e.Timestamp = 0
		}
		fmt.Fprintf(&text, "%d %s\n", b.Line(i), e.AppendLine(nil))
	}
	for _, r := range b.Rejected {
		fmt.Fprintf(&text, "%d %s %s\n", r.Line, r.Code, r.Message)
	}
	return text.String()
}

// binary returns OTLP's JSON as protobuf. Its ids are in hex, not in base64.
func binary(t *testing.T, text []byte) []byte {
	t.Helper()
	var data logs.LogsData
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	for _, r := range data.ResourceLogs {
		for _, s := range r.ScopeLogs {
			for _, l := range s.LogRecords {
				for _, id := range []*[]byte{&l.TraceId, &l.SpanId} {
					var err error
					if *id, err = hex.DecodeString(base64.StdEncoding.EncodeToString(*id)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	body, err := proto.Marshal(&data)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestOTLP compares the events of log records with golden files. Both encodings
// give the same.
func TestOTLP(t *testing.T) {
	files, err := filepath.Glob("testdata/otlp/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, body := range map[string][]byte{"json": text, "protobuf": binary(t, text)} {
			b, err := source.DecodeOTLP(body, name == "json", latestLog)
			if err != nil {
				t.Fatalf("%s as %s: %v", file, name, err)
			}
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(batchText(b)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), batchText(b)); diff != "" {
				t.Errorf("%s as %s (- file, + program; -update accepts the program):\n%s", file, name, diff)
			}
		}
	}
}

// logRecord is a record that is an event, with more attributes.
func logRecord(more ...*common.KeyValue) *logs.LogRecord {
	return &logs.LogRecord{TimeUnixNano: 1_781_524_800_000_000_000, Attributes: append([]*common.KeyValue{
		attribute("action", stringOf("read")), attribute("identity_type", stringOf("user")),
		attribute("identity_id", stringOf("user:ada")),
		attribute("success", &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}),
	}, more...)}
}

func attribute(name string, value *common.AnyValue) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: value}
}

func stringOf(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// nested is a value of n arrays around nothing.
func nested(n int) *common.AnyValue {
	v := stringOf("core")
	for range n {
		v = &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{v}}}}
	}
	return v
}

func export(t *testing.T, r *resource.Resource, records ...*logs.LogRecord) []byte {
	t.Helper()
	body, err := proto.Marshal(&logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: r, ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestOTLPExtraData cuts what extra data cannot hold, on record.
func TestOTLPExtraData(t *testing.T) {
	for name, test := range map[string]struct {
		attribute *common.KeyValue
		body      string
		cut       bool
		has       []string
	}{
		"as large as it may be": {body: strings.Repeat("x", audit.MaxExtraData-len(`{"message":""}`)), has: []string{"message"}},
		"one byte larger": {body: strings.Repeat("x", audit.MaxExtraData-len(`{"message":""}`)+1), cut: true,
			has: []string{"message", "truncated"}},
		"as deep as it may be": {attribute: attribute("deep", nested(audit.MaxExtraDepth-1)), has: []string{"deep"}},
		"one level deeper": {attribute: attribute("deep", nested(audit.MaxExtraDepth)), body: "b", cut: true,
			has: []string{"message", "truncated"}},
	} {
		r := logRecord()
		if test.attribute != nil {
			r.Attributes = append(r.Attributes, test.attribute)
		}
		if test.body != "" {
			r.Body = stringOf(test.body)
		}
		b, err := source.DecodeOTLP(export(t, nil, r), false, latestLog)
		if err != nil || len(b.Events) != 1 {
			t.Errorf("%s: %d events, %v %v", name, len(b.Events), b.Rejected, err)
			continue
		}
		var extra map[string]json.RawMessage
		if err := json.Unmarshal([]byte(b.Events[0].ExtraData), &extra); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, member := range test.has {
			if extra[member] == nil {
				t.Errorf("%s: no %s in %.100s", name, member, b.Events[0].ExtraData)
			}
		}
		if len(extra) != len(test.has) || (extra["truncated"] != nil) != test.cut {
			t.Errorf("%s: %.100s", name, b.Events[0].ExtraData)
		}
	}
}

// TestOTLPLimits reads bodies at each limit and refuses those past it.
func TestOTLPLimits(t *testing.T) {
	many := func(n int) []*logs.LogRecord {
		list := make([]*logs.LogRecord, n)
		for i := range list {
			list[i] = logRecord()
		}
		return list
	}
	wide := func(n int) *resource.Resource {
		r := &resource.Resource{Attributes: []*common.KeyValue{attribute("a", stringOf(strings.Repeat("x", n)))}}
		return r
	}
	groups := func(n int) []byte {
		body, err := proto.Marshal(&logs.LogsData{ResourceLogs: make([]*logs.ResourceLogs, n)})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	for name, test := range map[string]struct {
		body             []byte
		json             bool
		events, rejected int
		code             audit.Code
	}{
		"nothing":           {body: nil},
		"nothing in JSON":   {body: []byte("{}"), json: true},
		"10,000 records":    {body: export(t, nil, many(audit.MaxBatch)...), events: audit.MaxBatch},
		"10,001 records":    {body: export(t, nil, many(audit.MaxBatch+1)...), code: audit.CodePayloadTooLarge},
		"10,000 resources":  {body: groups(audit.MaxBatch)},
		"10,001 resources":  {body: groups(audit.MaxBatch + 1), code: audit.CodePayloadTooLarge},
		"10,001 in JSON":    {body: []byte(`{"resourceLogs":[` + strings.Repeat("{},", audit.MaxBatch) + `{}]}`), json: true, code: audit.CodePayloadTooLarge},
		"a large record":    {body: export(t, nil, logRecord(), logRecord(attribute("a", stringOf(strings.Repeat("x", 1<<20)))), logRecord()), events: 2, rejected: 1},
		"a wide resource":   {body: export(t, wide(60<<10), logRecord()), events: 1},
		"too wide":          {body: export(t, wide(64<<10), logRecord()), code: audit.CodePayloadTooLarge},
		"wide and many":     {body: export(t, wide(15<<10), many(2000)...), code: audit.CodePayloadTooLarge},
		"no protobuf":       {body: []byte("{}"), code: audit.CodeInvalidRequest},
		"cut protobuf":      {body: export(t, nil, logRecord())[:40], code: audit.CodeInvalidRequest},
		"no JSON":           {body: []byte("resourceLogs"), json: true, code: audit.CodeInvalidRequest},
		"JSON and more":     {body: []byte("{} {}"), json: true, code: audit.CodeInvalidRequest},
		"a name twice":      {body: []byte(`{"resourceLogs":[],"resourceLogs":[]}`), json: true, code: audit.CodeInvalidRequest},
		"no array":          {body: []byte(`{"resourceLogs":{}}`), json: true, code: audit.CodeInvalidRequest},
		"null":              {body: []byte(`{"resourceLogs":[{"resource":null,"scopeLogs":[{"scope":null,"logRecords":[null]}]}]}`), json: true, rejected: 1},
		"a record of text":  {body: []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":["x"]}]}]}`), json: true, code: audit.CodeInvalidRequest},
		"deeper than ever":  {body: export(t, nil, logRecord(attribute("a", nested(200)))), code: audit.CodeInvalidRequest},
		"no UTF-8 in JSON":  {body: []byte("{\"resourceLogs\":[],\"x\":\"\xff\"}"), json: true, code: audit.CodeInvalidRequest},
		"a misspelt member": {body: []byte(`{"resource_logs":[1]}`), json: true},
	} {
		b, err := source.DecodeOTLP(test.body, test.json, latestLog)
		code := audit.Code("")
		if err != nil {
			code = audit.ErrorCode(err)
		}
		if len(b.Events) != test.events || len(b.Rejected) != test.rejected || code != test.code {
			t.Errorf("%s: %d events, rejected %v, %v", name, len(b.Events), b.Rejected, err)
		}
	}
}

// FuzzOTLP feeds what may be a body. Whatever comes out is an event that the
// strict reader takes, and comes out the same again.
func FuzzOTLP(f *testing.F) {
	for _, name := range []string{"producer", "sink"} {
		text, err := os.ReadFile("testdata/otlp/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, true)
		var data logs.LogsData
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, &data); err != nil {
			f.Fatal(err)
		}
		body, err := proto.Marshal(&data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, false)
	}
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		b, err := source.DecodeOTLP(body, isJSON, latestLog)
		if err != nil {
			return
		}
		again, err := source.DecodeOTLP(body, isJSON, latestLog)
		if diff := cmp.Diff(b, again); err != nil || diff != "" {
			t.Fatalf("another time: %v\n%s", err, diff)
		}
		for _, e := range b.Events {
			if e.Timestamp == audit.NoTime {
				e.Timestamp, e.ID = 0, ""
			}
			if e.ID == "" {
				e.ID = "log_x"
			}
			line := string(e.AppendLine(nil))
			read, err := audit.DecodeEvent(line)
			if err != nil || read != e {
				t.Fatalf("%s: %v", line, err)
			}
		}
	})
}

// TestOTLPForwarded sends an event that was a log record before through an OTLP sink:
// it arrives whole, and what the way adds to it is left out where it does not fit.
func TestOTLPForwarded(t *testing.T) {
	text := func(s string) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
	}
	forward := func(extra string) string {
		t.Helper()
		e := audit.Event{ID: "log_a", Timestamp: latestLog, Action: audit.ActionRead, IdentityType: audit.TypeUser,
			IdentityID: "user:ada", Success: true, ExtraData: extra}
		body, err := proto.Marshal(&logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
			Resource: &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("scaivault-audit")}}},
			ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "scaivault.audit"}, LogRecords: []*logs.LogRecord{{
				TimeUnixNano: uint64(latestLog) * 1000, EventName: "scaivault.read", SeverityText: "INFO",
				Body: text(string(e.AppendLine(nil))),
				Attributes: []*common.KeyValue{{Key: "scaivault.event.id", Value: text("log_a")}, {Key: "scaivault.action", Value: text("read")},
					{Key: "user.id", Value: text("user:ada")}, {Key: "scaivault.identity.type", Value: text("user")},
					{Key: "scaivault.success", Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}}},
			}}}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := source.DecodeOTLP(body, false, latestLog)
		if err != nil || len(b.Events) != 1 {
			t.Fatalf("%d events, %v, %+v", len(b.Events), err, b.Rejected)
		}
		return b.Events[0].ExtraData
	}
	way := `,"severity_text":"INFO","resource.service.name":"scaivault-audit"}`
	was := `{"message":"hello","event_name":"opened","scope.name":"lib","truncated":{"size":70000}}`
	if got, want := forward(was), strings.TrimSuffix(was, "}")+way; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := forward("{}"), `{"event_name":"scaivault.read","severity_text":"INFO","resource.service.name":"scaivault-audit","scope.name":"scaivault.audit"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const head = `{"event_name":"opened","scope.name":"lib","blob":"`
	for left, want := range map[int]string{0: "}", len(way) - 2: `,"severity_text":"INFO"}`, len(way) - 1: way} {
		full := head + strings.Repeat("x", audit.MaxExtraData-left-len(head)-len(`"}`)) + `"}`
		if got := forward(full); got != strings.TrimSuffix(full, "}")+want {
			t.Errorf("%d bytes left: got the end %s", left, got[max(0, len(got)-100):])
		}
	}
}
