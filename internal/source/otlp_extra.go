package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	common "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/scaivault/audit"
)

// otlpExtra builds the extra data of an event: first whole, however large.
type otlpExtra struct {
	members []otlpMember
	seen    map[string]bool
	cut     bool // a member is too deep, or its name stands twice
	// Of an event that another log has forwarded the first members, own of them, are
	// its own. The others say how it came here: what of them does not fit is left out,
	// and nothing of the event is missing for that.
	forwarded bool
	own       int
}

// otlpMember is a member of the extra data, its value in canonical JSON.
type otlpMember struct {
	name  string
	value []byte
	deep  bool // deeper than extra data may be
}

// extra returns as extra data what a record says beyond the fields of an event,
// without the attributes that became those: its body as message, its own
// attributes under their names, those of resource and scope behind "resource." and
// "scope.". What does not fit is on record in the member truncated. The extra data
// of an event that another log has forwarded stand in place of the body.
func (r *otlpRecord) extra(used map[string]bool, forwarded *audit.Event) string {
	x := otlpExtra{seen: make(map[string]bool)}
	if forwarded != nil {
		x.event(forwarded)
		x.forwarded, x.own = true, len(x.members)
	}
	x.text("event_name", r.log.EventName)
	x.text("trace_id", r.hexID(r.log.TraceId))
	x.text("span_id", r.hexID(r.log.SpanId))
	x.text("severity_text", r.log.SeverityText)
	if n := r.log.SeverityNumber; n != 0 {
		x.add("severity_number", strconv.AppendInt(nil, int64(n), 10), false)
	}
	for _, a := range r.log.Attributes {
		if used[a.Key] {
			used[a.Key] = false // should its name stand there again
			continue
		}
		x.attribute("", a)
	}
	for _, a := range r.resource.Attributes {
		x.attribute("resource.", a)
	}
	x.text("scope.name", r.scope.Name)
	x.text("scope.version", r.scope.Version)
	for _, a := range r.scope.Attributes {
		x.attribute("scope.", a)
	}
	if forwarded == nil && !isEmpty(r.log.Body) {
		x.attribute("", &common.KeyValue{Key: "message", Value: r.log.Body})
	}
	return x.String()
}

// hexID returns the id of a trace or a span. OTLP's JSON has ids in hex, where
// protobuf's has bytes in base64: read as that, hex has become other bytes, of
// which it can be had again.
func (r *otlpRecord) hexID(id []byte) string {
	if r.json {
		return base64.StdEncoding.EncodeToString(id)
	}
	return hex.EncodeToString(id)
}

// event adds the extra data of an event, which are canonical JSON already.
func (x *otlpExtra) event(e *audit.Event) {
	dec := jsontext.NewDecoder(strings.NewReader(e.ExtraData))
	dec.ReadToken() // the brace
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return
		}
		x.add(key, bytes.Clone(value), false)
	}
}

func (x *otlpExtra) text(name, value string) {
	if value != "" {
		x.add(name, audit.AppendString(nil, value), false)
	}
}

func (x *otlpExtra) attribute(prefix string, a *common.KeyValue) {
	var j otlpJSON
	value := j.append(nil, a.Value, 1)
	x.cut = x.cut || j.cut && !x.forwarded
	x.add(prefix+a.Key, value, j.deepest >= audit.MaxExtraDepth)
}

// add adds a member; a name that there is already is left out.
func (x *otlpExtra) add(name string, value []byte, deep bool) {
	if x.forwarded && (x.seen[name] || deep) {
		return
	}
	if x.seen[name] {
		x.cut = true
		return
	}
	x.seen[name] = true
	x.cut = x.cut || deep
	x.members = append(x.members, otlpMember{name, value, deep})
}

// String returns the extra data, "" without members.
func (x *otlpExtra) String() string {
	if len(x.members) == 0 {
		return ""
	}
	whole := []byte{'{'}
	for i, m := range x.members {
		before := len(whole)
		if before > 1 {
			whole = append(whole, ',')
		}
		whole = append(append(audit.AppendString(whole, m.name), ':'), m.value...)
		if x.forwarded && i >= x.own && len(whole) >= audit.MaxExtraData {
			whole = whole[:before]
		}
	}
	whole = append(whole, '}')
	if !x.cut && len(whole) <= audit.MaxExtraData {
		return string(whole)
	}
	return x.short(whole)
}

// short returns what fits of the extra data, long texts cut, and with it the size
// and the SHA-256 of the whole.
func (x *otlpExtra) short(whole []byte) string {
	d := extraData{object: object{limit: audit.MaxExtraData - truncatedSize}}
	for _, m := range x.members {
		var s string
		switch {
		case m.deep || m.name == "truncated":
		case len(m.value) > maxText && m.value[0] == '"' && json.Unmarshal(m.value, &s) == nil:
			d.text(m.name, s)
		default:
			d.add(m.name, m.value)
		}
	}
	sum := sha256.Sum256(whole)
	d.limit = audit.MaxExtraData
	d.add("truncated", []byte(`{"size":`+strconv.Itoa(len(whole))+`,"sha256":"`+hex.EncodeToString(sum[:])+`"}`))
	return d.String()
}

// otlpJSON writes values as canonical JSON.
type otlpJSON struct {
	deepest int  // level that a value has reached
	cut     bool // of two members with one name the second is left out
}

// append appends a value that stands depth levels deep. What JSON has no number
// for is a string, and so are bytes, in base64.
func (j *otlpJSON) append(dst []byte, v *common.AnyValue, depth int) []byte {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return audit.AppendString(dst, v.StringValue)
	case *common.AnyValue_BoolValue:
		return strconv.AppendBool(dst, v.BoolValue)
	case *common.AnyValue_IntValue:
		return strconv.AppendInt(dst, v.IntValue, 10)
	case *common.AnyValue_DoubleValue:
		return appendDouble(dst, v.DoubleValue)
	case *common.AnyValue_BytesValue:
		return audit.AppendString(dst, base64.StdEncoding.EncodeToString(v.BytesValue))
	case *common.AnyValue_ArrayValue:
		return j.array(dst, v.ArrayValue.GetValues(), depth)
	case *common.AnyValue_KvlistValue:
		return j.object(dst, v.KvlistValue.GetValues(), depth)
	}
	return append(dst, "null"...)
}

func (j *otlpJSON) array(dst []byte, values []*common.AnyValue, depth int) []byte {
	j.deepest = max(j.deepest, depth)
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = j.append(dst, v, depth+1)
	}
	return append(dst, ']')
}

func (j *otlpJSON) object(dst []byte, members []*common.KeyValue, depth int) []byte {
	j.deepest = max(j.deepest, depth)
	seen := make(map[string]bool, len(members))
	dst = append(dst, '{')
	for _, m := range members {
		if seen[m.GetKey()] {
			j.cut = true
			continue
		}
		if len(seen) > 0 {
			dst = append(dst, ',')
		}
		seen[m.GetKey()] = true
		dst = append(audit.AppendString(dst, m.GetKey()), ':')
		dst = j.append(dst, m.GetValue(), depth+1)
	}
	return append(dst, '}')
}

func appendDouble(dst []byte, f float64) []byte {
	text, err := json.Marshal(f)
	if err != nil { // NaN, Infinity
		return audit.AppendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return append(dst, text...)
}
