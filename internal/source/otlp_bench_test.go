package source_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// otlpRecords is how many records a body has, as a collector batches them.
const otlpRecords = 1000

// otlpBody returns a body of records as a service sends them, with ids of a run of
// their own if they are numbered.
func otlpBody(b *testing.B, run int, json bool) []byte {
	b.Helper()
	records := make([]*logs.LogRecord, otlpRecords)
	for i := range records {
		records[i] = logRecord(
			attribute("secret_path", stringOf(fmt.Sprintf("prod/payments/db/%d", i%97))),
			attribute("client.address", stringOf(fmt.Sprintf("10.0.%d.%d", i%7, i%251))),
			attribute("user_agent.original", stringOf("payments/4.2 (linux; amd64)")),
			attribute("log.record.uid", stringOf(fmt.Sprintf("01J%023d", run*otlpRecords+i))),
			attribute("http.response.status_code", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 200}}),
			attribute("lease", stringOf("database/creds/readonly")),
		)
		records[i].Body = stringOf("secret was read")
		records[i].SeverityNumber = logs.SeverityNumber_SEVERITY_NUMBER_INFO
		records[i].TraceId = []byte("0123456789abcdef")
		records[i].SpanId = []byte("01234567")
	}
	data := &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{
			attribute("service.name", stringOf("payments")), attribute("service.instance.id", stringOf("pod-7f9c"))}},
		ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}},
	}}}
	marshal := proto.Marshal
	if json {
		marshal = protojson.Marshal
	}
	body, err := marshal(data)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// BenchmarkOTLP measures records per second: Decode of a body of 1,000 into events, and
// Ingest, with which they are in the log, durably, on a real disk, one body after the
// other.
func BenchmarkOTLP(b *testing.B) {
	for _, form := range []string{"protobuf", "json"} {
		body := otlpBody(b, 0, form == "json")
		b.Run("Decode/"+form, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				batch, err := source.DecodeOTLP(body, form == "json", latestLog)
				if err != nil || len(batch.Events) != otlpRecords {
					b.Fatal(len(batch.Events), batch.Rejected, err)
				}
			}
			b.ReportMetric(float64(otlpRecords*b.N)/b.Elapsed().Seconds(), "records/s")
		})
		b.Run("Ingest/"+form, func(b *testing.B) {
			s, err := store.Open(vfs.OS{}, b.TempDir(), store.Options{Clock: time.Now, Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			bodies := make([][]byte, 64)
			for run := range bodies {
				bodies[run] = otlpBody(b, run, form == "json")
			}
			n := 0
			for b.Loop() {
				tenant := audit.TenantID(fmt.Sprint("t", n/len(bodies))) // ids are new to each
				batch, err := source.DecodeOTLP(bodies[n%len(bodies)], form == "json", audit.MaxTime)
				if err != nil {
					b.Fatal(err)
				}
				if receipt, err := s.Append(b.Context(), tenant, batch); err != nil || receipt.Accepted != otlpRecords {
					b.Fatal(receipt, err)
				}
				n++
			}
			b.ReportMetric(float64(otlpRecords*n)/b.Elapsed().Seconds(), "records/s")
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkProducers measures how many events of a log are read per second to find the
// numbers in them: of logs in which all, or none, have one.
func BenchmarkProducers(b *testing.B) {
	const events = 100_000
	for name, extra := range map[string]string{"numbered": `{"source":"b","instance":"i","sequence":%d}`, "others": `{"trace":"%032d"}`} {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(vfs.NewMem(), "/log", store.Options{Clock: time.Now, Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for from := 0; from < events; from += 1000 {
				batch := make([]audit.Event, 1000)
				for i := range batch {
					batch[i] = audit.Event{Timestamp: audit.TimeOf(time.Now()), Action: audit.ActionRead, IdentityType: audit.TypeUser,
						IdentityID: "user:ada", SecretPath: "prod/db", Success: true, ExtraData: fmt.Sprintf(extra, from+i)}
				}
				if _, err := s.Append(b.Context(), "tnt_a", audit.Batch{Events: batch}); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				disk := vfs.NewMem()
				const state = `{"version":1,"next":0,"sequences":[],"promises":{}}`
				if err := disk.MkdirAll("/sources"); err != nil {
					b.Fatal(err)
				}
				if err := vfs.WriteFile(disk, "/sources/tnt_a.json", []byte(state)); err != nil {
					b.Fatal(err)
				}
				p, err := source.OpenProducers(disk, "/sources", s, source.NewSilences(nil, s, time.Now, quiet),
					source.ProducersOptions{Clock: time.Now, Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Check(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
