// Package audit is the vocabulary of ScaiVault Audit, the audit log of a
// secrets manager: what an event is and how it is written, how the log is
// asked, what it answers, who asks, and what can go wrong.
//
// An [Event] says that an identity did something to a secret. A tenant's log
// is a sequence of events; each has an index, its position in that sequence,
// given when it is appended and never reused. An event is written as one
// canonical line of JSON ([Event.AppendLine]): the same bytes in every answer,
// in every export and under the tree that proves the log. [DecodeEvent] reads
// events strictly: what two parsers could read in two ways is an error.
//
// A [Query] selects events by a [Filter] and lists them in [Page]s that are
// tied together by a [Cursor]. A [Summary] counts them, a [SecretTrail] and an
// [IdentityTrail] tell the story of one secret and of one identity.
//
// A [Principal] is who asks; it belongs to one tenant. An [Error] carries a
// [Code], by which programs decide, and a message, which people read.
//
// The package does no I/O, reads no clock and imports the standard library
// only. Whoever has read it knows the product.
package audit

// TenantID names a tenant: 1 to 64 of A–Z, a–z, 0–9, '_' and '-'. Every record
// belongs to exactly one tenant, and no answer ever mixes two.
type TenantID string

// maxTenantID is the longest tenant id in bytes; ids become file names.
const maxTenantID = 64

// ParseTenantID returns s as a tenant id, or an error with
// [CodeValidationError] that names the rule.
func ParseTenantID(s string) (TenantID, error) {
	if len(s) == 0 || len(s) > maxTenantID || !isName(s) {
		return "", Errorf(CodeValidationError,
			"tenant %q: want 1 to %d of A-Z, a-z, 0-9, _ and -", clip(s), maxTenantID)
	}
	return TenantID(s), nil
}

// isName reports whether s consists of A–Z, a–z, 0–9, '_' and '-' only.
func isName(s string) bool {
	for i := range len(s) {
		if !nameByte[s[i]] {
			return false
		}
	}
	return true
}

// nameByte marks the bytes that names and ids are made of.
var nameByte = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_' || c == '-'
	}
	return t
}()

// clip shortens a value that is quoted in an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
