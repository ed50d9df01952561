package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
)

// logRecord is a log record with string attributes, by turns name and value.
func logRecord(attributes ...string) *logs.LogRecord {
	r := &logs.LogRecord{TimeUnixNano: 1_781_524_799_000_000_000, SeverityNumber: 9}
	for i := 0; i < len(attributes); i += 2 {
		r.Attributes = append(r.Attributes, &common.KeyValue{Key: attributes[i],
			Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: attributes[i+1]}}})
	}
	return r
}

// sendOTLP sends records as an exporter does, in protobuf and gzip.
func sendOTLP(t *testing.T, s *api.Server, token string, records ...*logs.LogRecord) *httptest.ResponseRecorder {
	t.Helper()
	body, err := proto.Marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{
		{ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(body)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/v1/logs", &packed)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/x-protobuf" {
		t.Errorf("answer in %q", got)
	}
	return w
}

// TestOTLPProtobuf answers in protobuf, as OTLP's own types read it.
func TestOTLPProtobuf(t *testing.T) {
	clock := newClock()
	log := newReference(clock.Now)
	s := newServer(log, clock.Now, io.Discard)
	event := logRecord("action", "read", "identity_type", "user", "identity_id", "user:ada", "log.record.uid", "u1")

	w := sendOTLP(t, s, "tok_writer", event)
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("%d, %d bytes; want 200 and an empty message", w.Code, w.Body.Len())
	}
	w = sendOTLP(t, s, "tok_writer", event, logRecord("action", "read"))
	var answer collogs.ExportLogsServiceResponse
	if err := proto.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	want := "log record 2: identity_type: is required; identity_id: is required"
	if p := answer.PartialSuccess; w.Code != 200 || p.GetRejectedLogRecords() != 1 || p.GetErrorMessage() != want {
		t.Errorf("%d %v", w.Code, &answer)
	}
	if n := log.Size("tnt_a"); n != 1 {
		t.Errorf("%d events; want one, delivered twice", n)
	}
	for token, want := range map[string]string{
		"tok_reader":  rpcStatus(7, `the token lacks the scope "audit:write"`),
		"tok_revoked": rpcStatus(16, "the token was revoked"),
	} {
		if got := sendOTLP(t, s, token, event).Body.String(); got != want {
			t.Errorf("%s: %q, want %q", token, got, want)
		}
	}
}

// rpcStatus returns a google.rpc.Status in protobuf: field 1 is its code, field 2
// its message. Both numbers are below 128, so each is one byte.
func rpcStatus(code byte, message string) string {
	return string([]byte{1 << 3, code, 2<<3 | 2, byte(len(message))}) + message
}

// fullLog is a log that has no room.
type fullLog struct{ *reference }

func (fullLog) Append(context.Context, audit.TenantID, audit.Batch) (audit.Receipt, error) {
	return audit.Receipt{}, audit.Errorf(audit.CodeStorageFull, "no room")
}

// TestOTLPStorageFull tells an exporter to come again.
func TestOTLPStorageFull(t *testing.T) {
	s := newServer(fullLog{newReference(time.Now)}, time.Now, io.Discard)
	w := sendOTLP(t, s, "tok_writer", logRecord("action", "read", "identity_type", "user", "identity_id", "user:ada"))
	want := rpcStatus(14, "the storage is full: events can be read, not appended")
	if w.Code != 503 || w.Header().Get("Retry-After") != "60" || w.Body.String() != want {
		t.Errorf("%d %v %q, want %q", w.Code, w.Header(), w.Body, want)
	}
}
