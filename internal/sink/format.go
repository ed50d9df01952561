package sink

import (
	"strconv"

	"github.com/scaivault/audit"
)

// record is an event on its way to a receiver.
type record struct {
	audit.Event
	index uint64 // in the tenant's log
	text  []byte // the event in the sink's format, without a line end
}

// form writes events in the format of a sink.
type form struct {
	format  audit.SinkFormat
	ocsf    string // version of the schema
	tenant  audit.TenantID
	version string // of this program
}

// isJSON reports whether an event is written as a JSON object.
func (f *form) isJSON() bool { return f.format != audit.SinkCEF }

// append appends the text of an event, which holds no line end.
func (f *form) append(dst []byte, r *record) []byte {
	switch f.format {
	case audit.SinkOCSF:
		return f.appendOCSF(dst, r)
	case audit.SinkECS:
		return f.appendECS(dst, r)
	case audit.SinkCEF:
		return f.appendCEF(dst, r)
	}
	return r.AppendLine(dst)
}

// The name of what writes events, as the formats ask for it.
const (
	vendor  = "ScaiVault"
	product = "Audit"
)

// millisecond is what OCSF and CEF count time in.
const millisecond = audit.Second / 1000

// member appends a string member with its name; name holds the punctuation, as
// `,"uid":`.
func member(dst []byte, name, value string) []byte {
	return audit.AppendString(append(dst, name...), value)
}

// number appends a member with an integer.
func number(dst []byte, name string, value int64) []byte {
	return strconv.AppendInt(append(dst, name...), value, 10)
}

// extra returns the extra data of an event, {} if it has none.
func (r *record) extra() string {
	if r.ExtraData == "" {
		return "{}"
	}
	return r.ExtraData
}
