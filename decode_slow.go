package audit

import (
	"fmt"
	"slices"
	"strings"
)

// The fields of an event in the order of the canonical line.
const (
	fieldID = iota
	fieldTimestamp
	fieldAction
	fieldIdentityType
	fieldIdentityID
	fieldSecretPath
	fieldSourceIP
	fieldUserAgent
	fieldSuccess
	fieldDuration
	fieldRequestID
	fieldExtraData
	fieldCount
)

var fieldNames = [fieldCount]string{
	"id", "timestamp", "action", "identity_type", "identity_id", "secret_path", "source_ip",
	"user_agent", "success", "duration_ms", "request_id", "extra_data",
}

// event reads the event at pos, which does not happen after latest, and always
// ends behind the value there.
func (s *strict) event(latest Time) (Event, error) {
	s.err = nil
	if s.peek() != '{' {
		s.value(nil)
		return Event{}, Errorf(CodeInvalidRequest, "want an event, which is a JSON object")
	}
	var f fieldReader
	var buf []byte
	s.members(func(name string) {
		s.deepest = s.depth
		buf = s.value(buf[:0])
		field := slices.Index(fieldNames[:], name)
		if field < 0 {
			s.fail("unknown key %q; want some of %s", clip(name), strings.Join(fieldNames[:], ", "))
			return
		}
		f.values[field] = string(buf)
		if field == fieldExtraData {
			f.extraDepth = s.deepest - s.depth
		}
	})
	if s.err != nil {
		return Event{}, s.err
	}
	return f.event(latest)
}

// fieldReader makes an event of its fields' values and gathers what is wrong
// with them, the first thing of each field.
type fieldReader struct {
	values     [fieldCount]string // canonical JSON; "" is absent
	extraDepth int                // levels of the extra data
	bad        [fieldCount]string // messages
}

func (f *fieldReader) fail(field int, format string, args ...any) {
	if f.bad[field] == "" {
		f.bad[field] = fmt.Sprintf(format, args...)
	}
}

func (f *fieldReader) event(latest Time) (Event, error) {
	for _, field := range []int{fieldAction, fieldIdentityType, fieldIdentityID, fieldSuccess} {
		if f.values[field] == "" {
			f.fail(field, "is required")
		}
	}
	e := Event{
		ID:           f.id(),
		Timestamp:    f.timestamp(latest),
		Action:       Action(f.text(fieldAction)),
		IdentityType: IdentityType(f.text(fieldIdentityType)),
		IdentityID:   IdentityID(f.text(fieldIdentityID)),
		SecretPath:   f.path(),
		SourceIP:     f.ip(),
		UserAgent:    f.text(fieldUserAgent),
		Success:      f.success(),
		DurationMS:   f.duration(),
		RequestID:    f.text(fieldRequestID),
		ExtraData:    f.extra(),
	}
	for _, v := range e.Validate() {
		f.fail(slices.Index(fieldNames[:], v.Field), "%s", v.Message)
	}
	var bad []FieldError
	for field, message := range f.bad {
		if message != "" {
			bad = append(bad, FieldError{Field: fieldNames[field], Message: message})
		}
	}
	if len(bad) > 0 {
		return Event{}, Invalid(bad)
	}
	return e, nil
}

// text returns the value of a string, "" if there is none.
func (f *fieldReader) text(field int) string {
	raw := f.values[field]
	if raw == "" {
		return ""
	}
	if raw[0] != '"' {
		f.fail(field, "want a string")
		return ""
	}
	return unquote(raw)
}

// null reports whether a field is absent or null.
func (f *fieldReader) null(field int) bool { return f.values[field] == "" || f.values[field] == "null" }

func (f *fieldReader) id() EventID {
	if f.values[fieldID] == `""` {
		f.fail(fieldID, "is empty; leave it out to have one derived")
	}
	return EventID(f.text(fieldID))
}

func (f *fieldReader) timestamp(latest Time) Time {
	if f.values[fieldTimestamp] == "" {
		return NoTime
	}
	t, err := ParseTime(f.text(fieldTimestamp))
	switch {
	case err != nil:
		f.fail(fieldTimestamp, "%s", err)
	case t > latest:
		f.fail(fieldTimestamp, "want a time at most 24 h after receipt, here until %s", latest)
	}
	return t
}

// path and ip tell null from an empty string, which is neither.
func (f *fieldReader) path() Path {
	if f.null(fieldSecretPath) {
		return ""
	}
	p := f.text(fieldSecretPath)
	if rule := pathRule(p); rule != "" {
		f.fail(fieldSecretPath, "%s", rule)
	}
	return Path(p)
}

func (f *fieldReader) ip() string {
	if f.null(fieldSourceIP) {
		return ""
	}
	ip, err := ParseIP(f.text(fieldSourceIP))
	if err != nil {
		f.fail(fieldSourceIP, "%s", err)
	}
	return ip
}

func (f *fieldReader) success() bool {
	switch f.values[fieldSuccess] {
	case "true":
		return true
	case "", "false":
		return false
	}
	f.fail(fieldSuccess, "want true or false")
	return false
}

// duration takes an integer literal only: 1e3 and 1.0 are other texts of one
// number, and a canonical line has one.
func (f *fieldReader) duration() int32 {
	raw := f.values[fieldDuration]
	if raw == "" {
		return 0
	}
	n, ok := digits(raw, MaxDuration)
	if !ok {
		f.fail(fieldDuration, "want an integer from 0 to %d", MaxDuration)
		return 0
	}
	return int32(n)
}

func (f *fieldReader) extra() string {
	raw := f.values[fieldExtraData]
	switch {
	case raw == "":
		return "{}"
	case raw[0] != '{':
		f.fail(fieldExtraData, "want an object")
		return "{}"
	case f.extraDepth > MaxExtraDepth:
		f.fail(fieldExtraData, "want at most %d levels of objects and arrays", MaxExtraDepth)
	}
	return raw
}
