package source

import (
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/scaivault/audit"
)

const (
	// maxRecord is the largest log record that is read, in bytes: what is larger
	// is refused alone.
	maxRecord = 1 << 20
	// maxOrigin is the largest resource or scope, in bytes: each of its records gets
	// the attributes.
	maxOrigin = 64 << 10
	// maxEvents is how large the events of a request may become, in bytes: each
	// gets the attributes of its resource.
	maxEvents = 16 << 20
	// maxMessages is how deeply messages of a record may nest.
	maxMessages = 100
)

// DecodeOTLP reads the body of an OTLP export of logs (an
// ExportLogsServiceRequest), in protobuf or in OTLP's JSON, as a partial batch of
// events: log records that are none are in Rejected, their lines counted from 1
// over the whole body. No event may happen after latest. A body that cannot be
// read is a [audit.CodeInvalidRequest]; with more than [audit.MaxBatch] records,
// or more than 16 MiB of events, a [audit.CodePayloadTooLarge].
//
// Unknown fields are passed over, as OTLP asks of every receiver: unlike in a
// body of the log's own, where a misspelt name is an error.
func DecodeOTLP(body []byte, json bool, latest audit.Time) (audit.Batch, error) {
	d := otlpDecoder{json: json}
	split := splitProtobuf
	if json {
		split = splitJSON
	}
	scopes, err := split(body)
	if err != nil {
		return audit.Batch{}, err
	}
	for _, s := range scopes {
		if err := d.scope(s); err != nil {
			return audit.Batch{}, err
		}
	}
	b, err := audit.DecodeBatch(audit.FormNDJSON, string(d.lines), latest, true)
	if err != nil {
		return audit.Batch{}, err
	}
	b.Rejected = mergeRejections(d.refused, b.Rejected)
	return b, nil
}

// mergeRejections merges two lists in the order of their lines.
func mergeRejections(a, b []audit.Rejection) []audit.Rejection {
	var all []audit.Rejection
	for len(a) > 0 && len(b) > 0 {
		if a[0].Line < b[0].Line {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// otlpDecoder turns log records into the JSON of events, a line for each.
type otlpDecoder struct {
	json    bool
	records int
	lines   []byte
	refused []audit.Rejection
}

// scope adds the records of one scope.
func (d *otlpDecoder) scope(s otlpScope) error {
	if len(s.resource) > maxOrigin || len(s.scope) > maxOrigin {
		return audit.Errorf(audit.CodePayloadTooLarge,
			"the resource or the scope before log record %d has more than %d bytes", d.records+1, maxOrigin)
	}
	var from origin
	if err := d.unmarshal(s.resource, &from.resource); err != nil {
		return malformedOTLP("the resource before log record %d: %s", d.records+1, err)
	}
	if err := d.unmarshal(s.scope, &from.scope); err != nil {
		return malformedOTLP("the scope before log record %d: %s", d.records+1, err)
	}
	for _, text := range s.records {
		d.records++
		if len(text) > maxRecord {
			d.refuse(audit.Errorf(audit.CodePayloadTooLarge, "the log record has more than %d bytes", maxRecord))
			continue
		}
		r := otlpRecord{origin: &from, json: d.json}
		if err := d.unmarshal(text, &r.log); err != nil {
			return malformedOTLP("log record %d: %s", d.records, err)
		}
		d.lines = append(r.appendLine(d.lines), '\n')
		if len(d.lines) > maxEvents {
			return audit.Errorf(audit.CodePayloadTooLarge,
				"the events are larger than %d bytes, each with the attributes of its resource; send fewer at a time", maxEvents)
		}
	}
	return nil
}

// refuse notes a record that is not read; its line stays blank.
func (d *otlpDecoder) refuse(err *audit.Error) {
	d.refused = append(d.refused, audit.Rejection{Line: d.records, Code: err.Code, Message: err.Message})
	d.lines = append(d.lines, '\n')
}

// unmarshal reads a message; one that is absent is empty.
func (d *otlpDecoder) unmarshal(text []byte, m proto.Message) error {
	switch {
	case text == nil:
		return nil
	case d.json:
		return protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxMessages}.Unmarshal(text, m)
	}
	return proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxMessages}.Unmarshal(text, m)
}

// malformedOTLP returns the error of a body that is no OTLP. The library that
// reads messages puts a no-break space into some of its texts.
func malformedOTLP(format string, args ...any) error {
	err := audit.Errorf(audit.CodeInvalidRequest, format, args...)
	err.Message = strings.ReplaceAll(err.Message, "\u00a0", " ")
	return err
}

// origin is what log records come from.
type origin struct {
	resource resource.Resource
	scope    common.InstrumentationScope
}

// otlpRecord is one log record on its way.
type otlpRecord struct {
	*origin
	json bool // it was read from JSON
	log  logs.LogRecord
}
