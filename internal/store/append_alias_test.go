package store_test

import (
	"slices"
	"testing"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// Whoever appends may write over the texts of a batch afterwards: the store has
// its own, in memory, in the lines that are followed, and in segments.
func TestAppendKeepsNoText(t *testing.T) {
	fsys := vfs.NewMem()
	opts := options()
	opts.SealEvents = 1 << 16
	s := open(t, fsys, opts)
	var body []byte
	var want []string // lines
	for n := range 2000 {
		e := named(n)
		want = append(want, line(&e))
		body = append(e.AppendLine(body), '\n')
	}
	b, err := audit.DecodeBatch(audit.FormNDJSON, unsafe.String(&body[0], len(body)), audit.MaxTime, false)
	check(t, err)
	b.Key, b.Partial = "key", true
	_, err = s.Append(t.Context(), acme, b)
	check(t, err)
	for i := range body {
		body[i] = 'x'
	}

	wantLines(t, s, want)
	check(t, s.Seal(t.Context()))
	wantLines(t, s, want)
	check(t, s.Close())
	wantLines(t, open(t, fsys, opts), want)
}

// wantLines fails the test unless acme's log holds these lines, and finds each by
// what it is indexed by.
func wantLines(t *testing.T, s *store.Store, want []string) {
	t.Helper()
	var got []string
	for text, err := range s.Lines(t.Context(), acme, 0, s.Size(acme)) {
		check(t, err)
		got = append(got, string(text))
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for _, r := range walk(t, s, acme, audit.Query{Order: audit.OrderIndex}) {
		if text := line(&r.Event); text != want[r.Index] {
			t.Errorf("event %d is %s, want %s", r.Index, text, want[r.Index])
		}
	}
	for n := 0; n < len(want); n += 97 {
		e := named(n)
		if r, err := s.Event(t.Context(), acme, e.ID, nil); err != nil || line(&r.Event) != want[n] {
			t.Errorf("event %s is %s, %v", e.ID, line(&r.Event), err)
		}
		found := walk(t, s, acme, audit.Query{Filter: audit.Filter{RequestID: e.RequestID,
			IdentityID: e.IdentityID, SecretPath: e.SecretPath}})
		if !slices.ContainsFunc(found, func(r audit.Record) bool { return line(&r.Event) == want[n] }) {
			t.Errorf("event %s is not found by its identity, path and request", e.ID)
		}
	}
}
