package audit

import (
	"math/bits"
	"slices"
	"strings"
)

// quick reads the spelling of events that almost all producers use: known keys
// in any order, plain ASCII strings, extra data without white space. It
// accepts only what the strict reader accepts, with the same result, and
// leaves everything else, errors above all, to that one. A method that returns
// false leaves pos anywhere.
type quick struct {
	text string
	pos  int
}

// quickRequired are the fields that every event brings.
const quickRequired = 1<<fieldAction | 1<<fieldIdentityType | 1<<fieldIdentityID | 1<<fieldSuccess

// quickKeys are the fields' keys as the canonical line has them.
var quickKeys = func() (keys [len(fieldNames)]string) {
	for i, name := range fieldNames {
		keys[i] = `"` + name + `":`
	}
	return keys
}()

// event reads the event at pos, which does not happen after latest, into e,
// which is zero.
func (q *quick) event(e *Event, latest Time) bool {
	e.Timestamp, e.ExtraData = NoTime, "{}"
	if !q.take('{') {
		return false
	}
	seen := 0
	for field := -1; ; {
		field = q.key(field + 1)
		if field < 0 || seen&(1<<field) != 0 || !q.value(e, field) {
			return false
		}
		seen |= 1 << field
		if q.take(',') {
			continue
		}
		return q.take('}') && seen&quickRequired == quickRequired &&
			e.Timestamp <= latest && e.Validate() == nil
	}
}

// key reads a key and returns its field, or -1. Most events keep to the order
// of the canonical line, so the likely field is looked for first.
func (q *quick) key(likely int) int {
	q.space()
	if likely < len(quickKeys) && strings.HasPrefix(q.text[q.pos:], quickKeys[likely]) {
		q.pos += len(quickKeys[likely])
		return likely
	}
	name, ok := q.string()
	if !ok || !q.take(':') {
		return -1
	}
	return slices.Index(fieldNames[:], name)
}

// value reads the value of a field into e.
func (q *quick) value(e *Event, field int) (ok bool) {
	switch field {
	case fieldSuccess:
		e.Success, ok = q.boolean()
		return ok
	case fieldDuration:
		e.DurationMS, ok = q.duration()
		return ok
	case fieldExtraData:
		e.ExtraData, ok = q.extra()
		return ok
	case fieldSecretPath, fieldSourceIP:
		if q.literal("null") {
			return true
		}
	}
	s, ok := q.string()
	return ok && setText(e, field, s)
}

// setText sets a field that is a string.
func setText(e *Event, field int, s string) bool {
	var err error
	switch field {
	case fieldID:
		e.ID = EventID(s)
		return s != ""
	case fieldTimestamp:
		e.Timestamp, err = ParseTime(s)
	case fieldAction:
		e.Action = Action(s)
	case fieldIdentityType:
		e.IdentityType = IdentityType(s)
	case fieldIdentityID:
		e.IdentityID = IdentityID(s)
	case fieldSecretPath:
		e.SecretPath = Path(s)
		return s != ""
	case fieldSourceIP:
		e.SourceIP = s // canonical, or else Validate refuses it
		return s != ""
	case fieldUserAgent:
		e.UserAgent = s
	case fieldRequestID:
		e.RequestID = s
	}
	return err == nil
}

// space skips white space, of which there is little.
func (q *quick) space() {
	if q.pos < len(q.text) && q.text[q.pos] <= ' ' {
		q.skip()
	}
}

func (q *quick) skip() {
	for q.pos < len(q.text) && strings.IndexByte(blank, q.text[q.pos]) >= 0 {
		q.pos++
	}
}

// end reports whether only white space follows.
func (q *quick) end() bool {
	q.space()
	return q.pos == len(q.text)
}

// take skips c, if it stands here or behind white space.
func (q *quick) take(c byte) bool { return q.next(c) || q.takeLater(c) }

func (q *quick) takeLater(c byte) bool {
	q.space()
	return q.next(c)
}

// next skips c, if it stands here.
func (q *quick) next(c byte) bool {
	if q.pos >= len(q.text) || q.text[q.pos] != c {
		return false
	}
	q.pos++
	return true
}

// string reads a string of plain bytes.
func (q *quick) string() (string, bool) {
	if !q.take('"') {
		return "", false
	}
	start := q.pos
	q.pos += PlainLen(q.text[start:])
	return q.text[start:q.pos], q.next('"')
}

// PlainLen returns how many bytes at the start of s are printable ASCII that
// stands for itself in a JSON string. It looks at eight bytes at a time: each
// term of odd sets the high bit of the bytes that are not plain (and perhaps
// of bytes above such a one, which do not matter).
func PlainLen(s string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+8 <= len(s); n += 8 {
		w := word(s[n : n+8])
		quote, backslash := w^(ones*'"'), w^(ones*'\\')
		odd := w | (w + ones) | (w - ones*' ') | (quote - ones) | (backslash - ones)
		if odd &= high; odd != 0 {
			return n + bits.TrailingZeros64(odd)/8
		}
	}
	for n < len(s) && ' ' <= s[n] && s[n] < 0x7f && s[n] != '"' && s[n] != '\\' {
		n++
	}
	return n
}

// isPlain reports whether s is ASCII that stands for itself in a JSON string.
// It looks at the last eight bytes whether it has seen some of them or not.
func isPlain(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	if len(s) < 8 {
		return PlainLen(s) == len(s)
	}
	odd := uint64(0)
	for n := 0; ; n += 8 {
		n = min(n, len(s)-8)
		w := word(s[n : n+8])
		odd |= w | (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)
		if n == len(s)-8 {
			return odd&high == 0
		}
	}
}

// word returns the eight bytes of b, the first one lowest.
func word(b string) uint64 {
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func (q *quick) literal(word string) bool {
	q.space()
	if !strings.HasPrefix(q.text[q.pos:], word) {
		return false
	}
	q.pos += len(word)
	return true
}

func (q *quick) boolean() (value, ok bool) {
	if q.literal("true") {
		return true, true
	}
	return false, q.literal("false")
}

// digits skips decimal digits and returns how many.
func (q *quick) digits() int {
	start := q.pos
	for q.pos < len(q.text) && '0' <= q.text[q.pos] && q.text[q.pos] <= '9' {
		q.pos++
	}
	return q.pos - start
}

func (q *quick) duration() (int32, bool) {
	q.space()
	start := q.pos
	if !q.integer() || q.pos-start > len("2147483647") {
		return 0, false
	}
	n := 0
	for i := start; i < q.pos; i++ {
		n = 10*n + int(q.text[i]-'0')
	}
	return int32(n), n <= MaxDuration
}

// integer skips a JSON integer without sign: no leading zeros.
func (q *quick) integer() bool {
	start := q.pos
	n := q.digits()
	return n == 1 || n > 1 && q.text[start] != '0'
}
