package audit_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

var (
	cursorKey = audit.CursorKey{1, 2, 3}
	sealedAt  = time.Date(2026, 4, 23, 10, 0, 0, 987_654_321, time.UTC)
	place     = audit.Cursor{Size: 1000, Time: 42 * audit.Second, Index: 999, Skip: 5}
)

func TestCursorReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := audit.Cursor{
			Size: rapid.Uint64().Draw(t, "size"), Time: audit.Time(rapid.Int64().Draw(t, "time")),
			Index: rapid.Uint64().Draw(t, "index"), Skip: rapid.Uint64().Draw(t, "skip"),
		}
		text := cursorKey.Seal(want, "tnt_a", "list", sealedAt)
		got, err := cursorKey.Open(text, "tnt_a", "list", sealedAt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// refused checks that a cursor is refused, in the words of all others.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	const words = "cursor is malformed, expired or was made for another query; begin again without it"
	if audit.ErrorCode(err) != audit.CodeInvalidCursor || err.Error() != words {
		t.Errorf("%s: %v", what, err)
	}
}

func TestCursorBitFlips(t *testing.T) {
	text := cursorKey.Seal(place, "tnt_a", "list", sealedAt)
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(sealed) {
		flipped := []byte(string(sealed))
		flipped[i/8] ^= 1 << (i % 8)
		_, err := cursorKey.Open(base64.RawURLEncoding.EncodeToString(flipped), "tnt_a", "list", sealedAt)
		refused(t, "bit of the body", err)
	}
	for i := range 8 * len(text) {
		flipped := []byte(text)
		flipped[i/8] ^= 1 << (i % 8)
		_, err := cursorKey.Open(string(flipped), "tnt_a", "list", sealedAt)
		refused(t, "bit of the text", err)
	}
}

func TestCursorMalformed(t *testing.T) {
	text := cursorKey.Seal(place, "tnt_a", "list", sealedAt)
	for what, bad := range map[string]string{
		"empty": "", "no base64": "!", "cut": text[:len(text)-1], "cut by a group": text[:len(text)-4],
		"longer": text + "AAAA",
		"padded": text + "=", "line feed inside": text[:8] + "\n" + text[8:], "CR LF behind": text + "\r\n",
		"space": " " + text,
		"huge":  strings.Repeat("A", 1<<20), "twice": text + text,
	} {
		_, err := cursorKey.Open(bad, "tnt_a", "list", sealedAt)
		refused(t, what, err)
	}
}

func TestCursorIsBound(t *testing.T) {
	text := cursorKey.Seal(place, "tnt_a", "list", sealedAt)
	_, err := cursorKey.Open(text, "tnt_b", "list", sealedAt)
	refused(t, "another tenant", err)
	_, err = cursorKey.Open(text, "tnt_a", "list2", sealedAt)
	refused(t, "another list", err)
	_, err = cursorKey.Open(text, "tnt_", "alist", sealedAt)
	refused(t, "tenant and list run together", err)
	other := audit.CursorKey{9}
	_, err = other.Open(text, "tnt_a", "list", sealedAt)
	refused(t, "another key", err)
}

func TestCursorAge(t *testing.T) {
	text := cursorKey.Seal(place, "tnt_a", "list", sealedAt)
	ages := []time.Duration{-time.Hour, 0, audit.CursorMaxAge - time.Microsecond, audit.CursorMaxAge}
	for _, age := range ages {
		if _, err := cursorKey.Open(text, "tnt_a", "list", sealedAt.Add(age)); err != nil {
			t.Errorf("after %v: %v", age, err)
		}
	}
	_, err := cursorKey.Open(text, "tnt_a", "list", sealedAt.Add(audit.CursorMaxAge+time.Microsecond))
	refused(t, "a microsecond too old", err)
}

// A cursor belongs to all that makes the list what it is, and to no more.
func TestQueryBinding(t *testing.T) {
	base := audit.Query{Filter: audit.Filter{IdentityID: "sa:a", Within: []audit.Path{"a/b"}}}
	from, no := audit.Time(7), false
	others := map[string]func(q *audit.Query){
		"from":          func(q *audit.Query) { q.From = &from },
		"to":            func(q *audit.Query) { q.To = &from },
		"actions":       func(q *audit.Query) { q.Actions = []audit.Action{"read"} },
		"identity":      func(q *audit.Query) { q.IdentityID = "sa:b" },
		"identity type": func(q *audit.Query) { q.IdentityType = "user" },
		"path":          func(q *audit.Query) { q.SecretPath = "a/b/c" },
		"prefix":        func(q *audit.Query) { q.PathPrefix = "a/b/c" },
		"success":       func(q *audit.Query) { q.Success = &no },
		"address":       func(q *audit.Query) { q.SourceIPs = []string{"::1"} },
		"request":       func(q *audit.Query) { q.RequestID = "r" },
		"extra":         func(q *audit.Query) { q.Extra = []audit.ExtraFilter{{Key: "a"}} },
		"not actions":   func(q *audit.Query) { q.NotActions = []audit.Action{"read"} },
		"not identity":  func(q *audit.Query) { q.NotIdentityID = "sa:b" },
		"not prefix":    func(q *audit.Query) { q.NotPathPrefix = "a/b/c" },
		"not address":   func(q *audit.Query) { q.NotSourceIPs = []string{"::1"} },
		"no scope":      func(q *audit.Query) { q.Within = nil },
		"other scope":   func(q *audit.Query) { q.Within = []audit.Path{"a/c"} },
		"wider scope":   func(q *audit.Query) { q.Within = []audit.Path{"a/b", "c"} },
		"order":         func(q *audit.Query) { q.Order = audit.OrderAsc },
		"from index":    func(q *audit.Query) { q.FromIndex = 1 },
	}
	for what, change := range others {
		q := base
		change(&q)
		text := cursorKey.Seal(place, "tnt_a", base.Binding(), sealedAt)
		_, err := cursorKey.Open(text, "tnt_a", q.Binding(), sealedAt)
		refused(t, what, err)
	}
	same := base
	same.Order, same.Limit, same.Cursor, same.Proof, same.After = audit.OrderDesc, 7, "x", true, &place
	if same.Binding() != base.Binding() {
		t.Errorf("the size of a page changes the list: %q, %q", same.Binding(), base.Binding())
	}
}

func TestAccessQueryBinding(t *testing.T) {
	q := audit.AccessQuery{Filter: audit.Filter{IdentityID: "sa:a"}, Limit: 5, Cursor: "x"}
	list := audit.Query{Filter: q.Filter}
	if q.Binding() == list.Binding() {
		t.Error("a cursor of accesses opens a list of events")
	}
	page := audit.AccessQuery{Filter: q.Filter}
	if q.Binding() != page.Binding() {
		t.Error("the size of a page changes the list")
	}
	page.Within = []audit.Path{"a"}
	if q.Binding() == page.Binding() {
		t.Error("the row scope does not change the list")
	}
}

func FuzzCursorOpen(f *testing.F) {
	good := cursorKey.Seal(place, "tnt_a", "list", sealedAt)
	f.Add(good)
	f.Add(good[1:])
	f.Add(cursorKey.Seal(audit.Cursor{}, "tnt_b", "list", sealedAt))
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 57)))
	f.Fuzz(func(t *testing.T, text string) {
		_, err := cursorKey.Open(text, "tnt_a", "list", sealedAt)
		if err == nil && text != good {
			t.Fatalf("forged: %q", text)
		}
	})
}
