package audit

import (
	"strconv"
)

// AppendLine appends the canonical line of e to dst, without a line end: the
// compact JSON of its twelve fields in order, null for a path or an address
// that is absent, strings with the shortest escapes (RFC 8785). Events with
// equal lines have the same content.
func (e *Event) AppendLine(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, e.ID...)
	dst = append(dst, `","timestamp":"`...)
	dst = e.Timestamp.Append(dst)
	dst = append(dst, `","action":"`...)
	dst = append(dst, e.Action...)
	dst = append(dst, `","identity_type":"`...)
	dst = append(dst, e.IdentityType...)
	dst = append(dst, `","identity_id":`...)
	dst = AppendString(dst, string(e.IdentityID))
	dst = append(dst, `,"secret_path":`...)
	dst = appendNullable(dst, string(e.SecretPath))
	dst = append(dst, `,"source_ip":`...)
	dst = appendNullable(dst, e.SourceIP)
	dst = append(dst, `,"user_agent":`...)
	dst = AppendString(dst, e.UserAgent)
	dst = append(dst, `,"success":`...)
	dst = strconv.AppendBool(dst, e.Success)
	dst = append(dst, `,"duration_ms":`...)
	dst = strconv.AppendInt(dst, int64(e.DurationMS), 10)
	dst = append(dst, `,"request_id":`...)
	dst = AppendString(dst, e.RequestID)
	dst = append(dst, `,"extra_data":`...)
	if e.ExtraData == "" {
		dst = append(dst, "{}"...)
	}
	dst = append(dst, e.ExtraData...)
	return append(dst, '}')
}

// MarshalJSON returns the canonical line.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendLine(nil), nil }

func appendNullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, s)
}

// AppendString appends s, which is valid UTF-8, as a JSON string with the
// shortest escapes: only '"', '\' and control characters below U+0020 are
// escaped (RFC 8785, section 3.2.2.2).
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if isPlain(s) { // as most are
		return append(append(dst, s...), '"')
	}
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		start = i + 1
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
