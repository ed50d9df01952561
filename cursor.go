package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// Cursor is where a page walk goes on, and the size of the log when the walk
// began: events appended later are not part of it, so that a walk sees each
// event exactly once.
type Cursor struct {
	Size  uint64 // the walk sees the indexes below it
	Time  Time   // of the last record seen; unused in the order of indexes
	Index uint64 // of the last record seen
	Skip  uint64 // rows seen already, of lists that are not events
}

// CursorMaxAge is how long a page walk may pause.
const CursorMaxAge = 24 * time.Hour

// CursorKey seals cursors. Whoever does not hold it can neither make nor
// change one.
type CursorKey [32]byte

const (
	cursorBody = 1 + 5*8 // version, time of issue and the members
	cursorMAC  = 16      // a MAC of 128 bits, as RFC 2104 section 5 allows
	cursorV1   = 1
)

// Seal returns the cursor as text for the client, bound to the tenant and to
// what makes the list what it is ([Query.Binding]).
func (k *CursorKey) Seal(c Cursor, tenant TenantID, binding string, now time.Time) string {
	b := append(make([]byte, 0, cursorBody+cursorMAC), cursorV1)
	for _, v := range []uint64{uint64(TimeOf(now)), c.Size, uint64(c.Time), c.Index, c.Skip} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, k.mac(b, tenant, binding)...))
}

// Open reads a cursor back. A cursor that is malformed, forged, older than
// [CursorMaxAge] or made for another tenant or list is a [CodeInvalidCursor],
// always in the same words.
func (k *CursorKey) Open(text string, tenant TenantID, binding string, now time.Time) (*Cursor, error) {
	invalid := Errorf(CodeInvalidCursor,
		"cursor is malformed, expired or was made for another query; begin again without it")
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != cursorBody+cursorMAC || b[0] != cursorV1 || strings.ContainsAny(text, "\r\n") {
		return nil, invalid
	}
	body, mac := b[:cursorBody], b[cursorBody:]
	if !hmac.Equal(mac, k.mac(body, tenant, binding)) {
		return nil, invalid
	}
	u := func(i int) uint64 { return binary.BigEndian.Uint64(body[1+8*i:]) }
	if TimeOf(now).Std().Sub(Time(u(0)).Std()) > CursorMaxAge {
		return nil, invalid
	}
	return &Cursor{Size: u(1), Time: Time(u(2)), Index: u(3), Skip: u(4)}, nil
}

// mac returns the MAC over a body and what it is bound to. No two inputs run
// together: the body has a fixed length and a tenant id holds no NUL.
func (k *CursorKey) mac(body []byte, tenant TenantID, binding string) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(body)
	h.Write(append([]byte(tenant), 0))
	h.Write([]byte(binding))
	return h.Sum(nil)[:cursorMAC]
}

// Binding returns what a cursor of this query is bound to: the filter, the
// row scope and the order, not the size of the pages.
func (q *Query) Binding() string {
	list := Query{Filter: q.Filter, Order: q.Order, FromIndex: q.FromIndex}
	return "logs\x00" + list.String() + rows(q.Within)
}

// Binding returns what a cursor of this stream is bound to: the filter and the
// row scope.
func (q *StreamQuery) Binding() string {
	stream := StreamQuery{Filter: q.Filter}
	return "stream\x00" + stream.String() + rows(q.Within)
}

// Binding returns what a cursor of this query is bound to.
func (q *AccessQuery) Binding() string {
	list := AccessQuery{Filter: q.Filter}
	return "accesses\x00" + list.String() + rows(q.Within)
}

// rows spells a row scope without ambiguity: a path holds no NUL.
func rows(within []Path) string {
	var b strings.Builder
	for _, p := range within {
		b.WriteByte(0)
		b.WriteString(string(p))
	}
	return b.String()
}
