package sink

import (
	"context"
	"fmt"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// otlp delivers log records to an OpenTelemetry collector, as binary protobuf
// over HTTP (OTLP 1.x). The body of a record is the event in the sink's format;
// its attributes are what one filters by.
type otlp struct {
	*poster
	sink *sink
}

func (s *sink) openOTLP(secret credentials) (transport, error) {
	p, err := s.newPoster(secret, "/v1/logs")
	if err != nil {
		return nil, err
	}
	return &otlp{p, s}, nil
}

func (t *otlp) send(ctx context.Context, records []record) (string, error) {
	body, err := proto.Marshal(t.request(records))
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	r, err := t.post(ctx, t.url, "application/x-protobuf", body)
	if err != nil {
		return "", err
	}
	if err := r.err(); err != nil {
		return "", err
	}
	return r.accepted(len(records))
}

// accepted reads what a collector says of a batch that it answered with success:
// it may have refused some of it (partial_success).
func (r *reply) accepted(records int) (string, error) {
	var said collogs.ExportLogsServiceResponse
	if err := proto.Unmarshal(r.body, &said); err != nil {
		return r.String(), nil // of success, in a form that says no more
	}
	partial := said.GetPartialSuccess()
	if n := partial.GetRejectedLogRecords(); n > 0 {
		return "", &refusal{fmt.Sprintf("%d of %d log records: %s", n, records,
			printable([]byte(partial.GetErrorMessage())))}
	}
	answer := reply{status: r.status, body: []byte(partial.GetErrorMessage())}
	return answer.String(), nil
}

// Numbers of severity: of what was done, and of what was tried in vain.
const (
	severityDone   = logs.SeverityNumber_SEVERITY_NUMBER_INFO
	severityFailed = logs.SeverityNumber_SEVERITY_NUMBER_WARN
)

func (t *otlp) request(records []record) *collogs.ExportLogsServiceRequest {
	now := uint64(t.clock().UnixNano())
	list := make([]*logs.LogRecord, len(records))
	for i := range records {
		list[i] = otlpRecord(&records[i], now)
	}
	f := &t.sink.form
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{
			attribute("service.name", "scaivault-audit"), attribute("service.version", f.version),
			attribute("scaivault.tenant_id", string(f.tenant)),
		}},
		ScopeLogs: []*logs.ScopeLogs{{
			Scope:      &common.InstrumentationScope{Name: "scaivault.audit", Version: f.version},
			LogRecords: list,
		}},
	}}}
}

func otlpRecord(r *record, now uint64) *logs.LogRecord {
	severity, text := severityDone, "INFO"
	if !r.Success {
		severity, text = severityFailed, "WARN"
	}
	attributes := []*common.KeyValue{
		attribute("scaivault.event.id", string(r.ID)),
		{Key: "scaivault.event.index", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(r.index)}}},
		{Key: "scaivault.success", Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: r.Success}}},
		attribute("scaivault.action", string(r.Action)),
		attribute("user.id", string(r.IdentityID)),
		attribute("scaivault.identity.type", string(r.IdentityType)),
	}
	for _, a := range [...][2]string{{"scaivault.secret.path", string(r.SecretPath)},
		{"client.address", r.SourceIP}, {"user_agent.original", r.UserAgent}, {"scaivault.request.id", r.RequestID}} {
		if a[1] != "" {
			attributes = append(attributes, attribute(a[0], a[1]))
		}
	}
	return &logs.LogRecord{
		TimeUnixNano: uint64(r.Timestamp) * 1000, ObservedTimeUnixNano: now,
		SeverityNumber: severity, SeverityText: text,
		EventName:  "scaivault." + string(r.Action),
		Body:       stringValue(string(r.text)),
		Attributes: attributes,
	}
}

func attribute(name, value string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: stringValue(value)}
}

func stringValue(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}
