package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/scaivault/audit"
)

// otlpFields are the fields of an event that attributes of a log record give, in
// the order of the canonical line.
var otlpFields = [...]string{"id", "action", "identity_type", "identity_id", "secret_path", "source_ip",
	"user_agent", "success", "duration_ms", "request_id"}

// otlpPrefix may stand before the name of a field in an attribute.
const otlpPrefix = "audit."

// otlpAliases are attributes that give a field that has none of its own name:
// those that the log's own sink sends, and OpenTelemetry's semantic conventions.
var otlpAliases = map[string]string{
	"id":            "scaivault.event.id",
	"action":        "scaivault.action",
	"identity_type": "scaivault.identity.type",
	"identity_id":   "user.id",
	"secret_path":   "scaivault.secret.path",
	"source_ip":     "client.address",
	"user_agent":    "user_agent.original",
	"success":       "scaivault.success",
	"request_id":    "scaivault.request.id",
}

// recordUID is the attribute that names a log record, the same in each delivery.
const recordUID = "log.record.uid"

// appendLine appends the record as the JSON of an event. What it holds is not
// checked here: the strict reader of events says what is wrong with a value, and
// what is missing.
func (r *otlpRecord) appendLine(dst []byte) []byte {
	attributes := make(map[string]*common.AnyValue, len(r.log.Attributes))
	for _, a := range r.log.Attributes {
		if _, ok := attributes[a.Key]; !ok {
			attributes[a.Key] = a.Value
		}
	}
	forwarded := forwardedEvent(attributes, r.log.Body)
	used := make(map[string]bool)
	at := r.time()
	dst = append(dst, '{')
	add := func(name string, value []byte) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(audit.AppendString(dst, name), ':')
		dst = append(dst, value...)
	}
	if at != 0 {
		add("timestamp", audit.AppendString(nil, timeOfNanos(at)))
	}
	for _, field := range otlpFields {
		name := fieldAttribute(attributes, field)
		value := attributes[name]
		used[name] = value != nil
		switch {
		case field == "id":
			id, derived := r.id(value.GetStringValue(), attributes[recordUID].GetStringValue(), at)
			used[name] = used[name] && !derived
			if id != "" {
				add("id", audit.AppendString(nil, id))
			}
		case value != nil:
			add(field, fieldValue(field, value))
		case field == "action" && r.eventAction() != "":
			add("action", audit.AppendString(nil, string(r.eventAction())))
		case field == "duration_ms" && forwarded != nil:
			add("duration_ms", strconv.AppendInt(nil, int64(forwarded.DurationMS), 10))
		case field == "success" && r.log.SeverityNumber > 0:
			add("success", strconv.AppendBool(nil, r.log.SeverityNumber < logs.SeverityNumber_SEVERITY_NUMBER_WARN))
		}
	}
	if extra := r.extra(used, forwarded); extra != "" {
		add("extra_data", []byte(extra))
	}
	return append(dst, '}')
}

// forwardedEvent returns the event in the body of a record that a sink of another
// log has sent, nil for other records: it has what the attributes do not tell.
func forwardedEvent(attributes map[string]*common.AnyValue, body *common.AnyValue) *audit.Event {
	if attributes[otlpAliases["id"]] == nil {
		return nil
	}
	e, err := audit.DecodeEvent(body.GetStringValue())
	if err != nil {
		return nil // in another format than the log's own
	}
	return &e
}

// fieldAttribute returns the name of the attribute that gives a field, "" for
// none. An empty string is as good as none.
func fieldAttribute(attributes map[string]*common.AnyValue, field string) string {
	for _, name := range [...]string{otlpPrefix + field, field, otlpAliases[field]} {
		value, ok := attributes[name]
		if !ok || isEmpty(value) || name == otlpAliases[field] && !fitsField(field, value) {
			continue
		}
		return name
	}
	return ""
}

// isEmpty reports whether a value is none, or an empty string.
func isEmpty(v *common.AnyValue) bool {
	if v.GetValue() == nil {
		return true
	}
	s, ok := v.Value.(*common.AnyValue_StringValue)
	return ok && s.StringValue == ""
}

// fitsField reports whether a field can hold what an alias has: by convention a
// client's address may be a name. What does not fit is extra data.
func fitsField(field string, v *common.AnyValue) bool {
	switch field {
	case "source_ip":
		_, err := audit.ParseIP(v.GetStringValue())
		return err == nil
	case "user_agent":
		return len(v.GetStringValue()) <= audit.MaxUserAgent
	}
	return true
}

// fieldValue returns a value as the JSON of a field. Collectors turn booleans and
// numbers into strings; those are undone.
func fieldValue(field string, v *common.AnyValue) []byte {
	s := v.GetStringValue()
	switch field {
	case "success":
		if s == "true" || s == "false" {
			return []byte(s)
		}
	case "duration_ms":
		if n, err := strconv.ParseUint(s, 10, 31); err == nil {
			return strconv.AppendUint(nil, n, 10)
		}
	}
	var j otlpJSON
	return j.append(nil, v, 0)
}

// eventAction returns the action that the record's event name is, "" for none.
func (r *otlpRecord) eventAction() audit.Action {
	if a := audit.Action(strings.TrimPrefix(r.log.EventName, "scaivault.")); a.Known() {
		return a
	}
	return ""
}

// time returns when the record happened, else when it was observed, in
// nanoseconds since 1970; 0 if neither is known.
func (r *otlpRecord) time() uint64 {
	if t := r.log.TimeUnixNano; t != 0 {
		return t
	}
	return r.log.ObservedTimeUnixNano
}

// timeOfNanos returns a time as RFC 3339, cut to microseconds.
func timeOfNanos(t uint64) string {
	return time.Unix(int64(t/1e9), int64(t%1e9)).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}

// id returns the id of the event. An id that a producer may choose is kept as it
// is. Any other, as one that another log derived from an index, is hashed with the
// time and the tenant it comes from; the uid of a record, unique by convention,
// alone. So the same record always has the same id, and its repetition is known.
// derived is true if own is not the id.
func (r *otlpRecord) id(own, uid string, at uint64) (id string, derived bool) {
	var text string
	switch {
	case own != "":
		e := audit.EventID(own)
		if _, _, byIndex := e.Derived(); e.Valid() && !byIndex && !e.Reserved() {
			return own, false
		}
		text = fmt.Sprintf("id %q %q %d", r.resourceText("scaivault.tenant_id"), own, at)
	case uid != "":
		text = fmt.Sprintf("uid %q", uid)
	default:
		return "", true
	}
	sum := sha256.Sum256([]byte(text))
	return "log_otlp_" + hex.EncodeToString(sum[:16]), true
}

// resourceText returns a string among the attributes of the resource.
func (r *otlpRecord) resourceText(name string) string {
	for _, a := range r.resource.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}
