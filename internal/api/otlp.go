package api

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/scaivault/audit"
)

// DecodeOTLP reads a body of OTLP logs, in protobuf or in OTLP's JSON, as a partial
// batch. Its errors carry codes.
type DecodeOTLP func(body []byte, json bool, latest audit.Time) (audit.Batch, error)

// otlpRoute is where exporters of OTLP send logs, by default.
const otlpRoute = "/v1/logs"

// Content types of OTLP over HTTP.
const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// ingestOTLP answers POST /v1/logs as OTLP 1.x over HTTP asks for it: 200 once all
// records that are events are durable, and a partial success that counts those that
// are none. Answers and errors have the encoding of the request.
func (s *Server) ingestOTLP(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	form := otlpForm(r.Header)
	if form == "" {
		return audit.Errorf(audit.CodeUnsupportedMediaType, "want one Content-Type, %s or %s", typeProtobuf, typeJSON)
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	b, err := s.OTLP([]byte(body), form == typeJSON, s.latest())
	if err != nil {
		return err
	}
	receipt, err := s.Log.Append(r.Context(), r.tenant, b)
	if err != nil {
		return err
	}
	r.writeAs(form, statusOK, otlpAnswer(form, receipt.Rejected))
	return nil
}

// otlpForm returns the content type of a request, "" if it is none of OTLP's.
func otlpForm(h http.Header) string {
	types := h.Values("Content-Type")
	if len(types) != 1 {
		return ""
	}
	name, params, err := mime.ParseMediaType(types[0])
	if charset, ok := params["charset"]; err != nil || ok && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	if name == typeProtobuf || name == typeJSON {
		return name
	}
	return ""
}

// toldRejections is how many records that were refused an answer names.
const toldRejections = 10

// otlpAnswer returns an ExportLogsServiceResponse; without rejections an empty one,
// as OTLP wants it.
func otlpAnswer(form string, rejected []audit.Rejection) []byte {
	var said []string
	for i, j := range rejected {
		if i == toldRejections {
			said = append(said, fmt.Sprintf("and %d more", len(rejected)-i))
			break
		}
		said = append(said, fmt.Sprintf("log record %d: %s", j.Line, j.Message))
	}
	message := strings.ToValidUTF8(strings.Join(said, "; "), "\ufffd")
	switch {
	case form == typeProtobuf && len(rejected) == 0:
		return nil
	case form == typeProtobuf:
		var partial []byte
		partial = protowire.AppendTag(partial, 1, protowire.VarintType) // rejected_log_records
		partial = protowire.AppendVarint(partial, uint64(len(rejected)))
		partial = protowire.AppendTag(partial, 2, protowire.BytesType) // error_message
		partial = protowire.AppendString(partial, message)
		answer := protowire.AppendTag(nil, 1, protowire.BytesType) // partial_success
		return protowire.AppendBytes(answer, partial)
	case len(rejected) == 0:
		return []byte("{}")
	}
	answer := fmt.Appendf(nil, `{"partialSuccess":{"rejectedLogRecords":"%d","errorMessage":`, len(rejected))
	return append(audit.AppendString(answer, message), "}}"...)
}

// failOTLP answers with an error as exporters of OTLP read it: a google.rpc.Status.
// Its JSON has the error as everywhere beside the members of the Status.
func (r *request) failOTLP(status int, e *audit.Error) {
	code, f := faultOf(e)
	number := rpcCode(code, f)
	body := r.errorBody(e)
	if otlpForm(r.Header) == typeProtobuf {
		b := protowire.AppendTag(nil, 1, protowire.VarintType) // code
		b = protowire.AppendVarint(b, uint64(number))
		b = protowire.AppendTag(b, 2, protowire.BytesType) // message
		b = protowire.AppendString(b, strings.ToValidUTF8(string(body.Error.Message), "\ufffd"))
		r.writeAs(typeProtobuf, status, b)
		return
	}
	r.answer(status, struct {
		Code    int  `json:"code"`
		Message text `json:"message"`
		errorBody
	}{number, body.Error.Message, body})
}

// rpcCode returns the code of google.rpc that says the same as a code of the API.
func rpcCode(code audit.Code, f fault) int {
	switch code {
	case audit.CodeAuthenticationRequired, audit.CodeTokenExpired, audit.CodeTokenInvalid, audit.CodeTokenRevoked:
		return 16 // UNAUTHENTICATED
	case audit.CodeInsufficientScope, audit.CodeTenantAccessDenied, audit.CodeAccessDenied:
		return 7 // PERMISSION_DENIED
	case audit.CodeRateLimited:
		return 8 // RESOURCE_EXHAUSTED
	case audit.CodeInternal, audit.CodeDataDamaged:
		return 13 // INTERNAL
	case audit.CodeIDConflict:
		return 6 // ALREADY_EXISTS
	}
	if f.retry > 0 {
		return 14 // UNAVAILABLE
	}
	return 3 // INVALID_ARGUMENT
}
