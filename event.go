package audit

import (
	"fmt"
	"math"
	"net/netip"
	"unicode/utf8"
)

// IdentityID names who acted: 1 to 256 printable characters, by convention
// with a prefix user:, sa:, group: or system:.
type IdentityID string

// Limits of an event's fields.
const (
	// MaxIdentityID is the longest identity id in characters.
	MaxIdentityID = 256
	// MaxUserAgent is the longest user agent in bytes.
	MaxUserAgent = 1024
	// MaxDuration is the largest duration in milliseconds.
	MaxDuration = math.MaxInt32
	// MaxRequestID is the longest request id in characters.
	MaxRequestID = 128
	// MaxExtraData is the longest extra data in bytes of its canonical text.
	MaxExtraData = 16 << 10
	// MaxExtraDepth is how deeply objects and arrays of extra data may nest;
	// the object itself is the first level.
	MaxExtraDepth = 8
	// MaxLine is the longest canonical line in bytes.
	MaxLine = 65_535
	// MaxFuture is how far after its receipt an event's time may lie.
	MaxFuture = 24 * Hour
)

// Event is one thing that an identity did, or tried to do. Its fields are
// those of the ScaiVault Audit API, in the order of the canonical line.
type Event struct {
	ID           EventID      // "" until the log derives one
	Timestamp    Time         // when it happened, by the producer's clock
	Action       Action       // what was done
	IdentityType IdentityType // what kind of identity did it
	IdentityID   IdentityID   // who did it
	SecretPath   Path         // to which secret; "" is null
	SourceIP     string       // from where, a canonical IP address; "" is null
	UserAgent    string       // with what, at most 1024 bytes
	Success      bool         // whether it was done
	DurationMS   int32        // how long it took, in milliseconds
	RequestID    string       // the producer's name of the request
	ExtraData    string       // a JSON object as canonical text; "" is {}
}

// NoTime is the Timestamp of an event that brought none: the log puts the time
// of receipt in its place.
const NoTime Time = math.MinInt64

// Validate returns what is wrong with the fields, every offender, or nil. The
// extra data is not parsed again; [DecodeEvent] has done that.
func (e *Event) Validate() []FieldError {
	var bad []FieldError
	add := func(field, format string, args ...any) {
		bad = append(bad, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if e.ID != "" && !e.ID.Valid() {
		add("id", "want log_ and 1 to %d of A-Z, a-z, 0-9, _ and -", maxIDTail)
	}
	switch {
	case e.Timestamp == NoTime && e.ID != "":
		add("timestamp", "want a timestamp, as the event brings its own id")
	case e.Timestamp != NoTime && (e.Timestamp < 0 || e.Timestamp > MaxTime):
		add("timestamp", "want a year from 1970 to 2261")
	}
	if !e.Action.Known() {
		add("action", "unknown action %q; want one of %s", clip(string(e.Action)), actionList())
	}
	if !e.IdentityType.Known() {
		add("identity_type", "unknown type %q; want user, service_account, group or system",
			clip(string(e.IdentityType)))
	}
	if msg := identityRule(string(e.IdentityID)); msg != "" {
		add("identity_id", "%s", msg)
	}
	if e.SecretPath != "" {
		if rule := pathRule(string(e.SecretPath)); rule != "" {
			add("secret_path", "%s", rule)
		}
	}
	if e.SourceIP != "" {
		if ip, err := ParseIP(e.SourceIP); err != nil || ip != e.SourceIP {
			add("source_ip", "want an IP address without zone")
		}
	}
	if len(e.UserAgent) > MaxUserAgent || !utf8.ValidString(e.UserAgent) {
		add("user_agent", "want at most %d bytes of UTF-8", MaxUserAgent)
	}
	if e.DurationMS < 0 {
		add("duration_ms", "want an integer from 0 to %d", MaxDuration)
	}
	if msg := requestIDRule(e.RequestID); msg != "" {
		add("request_id", "%s", msg)
	}
	if len(e.ExtraData) > MaxExtraData {
		add("extra_data", "want at most %d bytes", MaxExtraData)
	}
	return bad
}

func identityRule(s string) string {
	if s == "" || len(s) > MaxIdentityID && utf8.RuneCountInString(s) > MaxIdentityID || !printable(s) {
		return fmt.Sprintf("want 1 to %d printable characters", MaxIdentityID)
	}
	return ""
}

func requestIDRule(s string) string {
	if len(s) > MaxRequestID && utf8.RuneCountInString(s) > MaxRequestID || !utf8.ValidString(s) {
		return fmt.Sprintf("want at most %d characters", MaxRequestID)
	}
	return ""
}

// ParseIP returns the canonical text of an IP address: a v4-mapped v6 address
// is the v4 address, v6 is as RFC 5952 writes it. Zones are refused.
func ParseIP(s string) (string, error) {
	if canonicalIPv4(s) {
		return s, nil
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return "", fmt.Errorf("%q is not an IP address", clip(s))
	}
	if ip.Zone() != "" {
		return "", fmt.Errorf("%q has a zone, which means nothing on another machine", clip(s))
	}
	return ip.Unmap().String(), nil
}

// canonicalIPv4 reports whether s is a dotted IPv4 address as it is printed.
func canonicalIPv4(s string) bool {
	if len(s) < len("0.0.0.0") || len(s) > len("255.255.255.255") {
		return false
	}
	dots, n, digits := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9' && (digits == 0 || n > 0):
			n, digits = 10*n+int(c-'0'), digits+1
			if n > 255 {
				return false
			}
		case c == '.' && digits > 0:
			dots, n, digits = dots+1, 0, 0
		default:
			return false
		}
	}
	return dots == 3 && digits > 0
}
