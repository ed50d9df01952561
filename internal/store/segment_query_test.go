package store

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// openWrong returns a store whose log is a segment with these bytes, nil if
// they are none that can be asked in a short time.
func openWrong(t *testing.T, b []byte) *Store {
	t.Helper()
	seg, err := openSegment(b)
	if err != nil || seg.rows() > mostFuzzed || seg.footer.tenant != "acme" {
		return nil
	}
	m := vfs.NewMem()
	info := seg.info()
	for _, err := range []error{
		m.MkdirAll("/d/acme"),
		vfs.WriteFile(m, "/d/"+info.file(), b),
		writeManifest(m, "/d", &manifest{Format: manifestFormat, Segments: []segmentInfo{info}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(m, "/d", Options{
		Clock:  func() time.Time { return shapeTime.Std() },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Origin: shapeOrigin,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.find("acme").damaged = nil // nobody misses the indexes before
	return s
}

// shapeTime is after the events of smallSegment.
const shapeTime = 1_700_000_100 * audit.Second

// interrogate asks a store one question of every kind, and gives the answers
// away: what is wanted is that there are some, or errors.
func interrogate(ctx context.Context, s *Store) {
	middle, end := shapeTime-audit.Hour/2, shapeTime
	no := false
	for _, f := range []audit.Filter{
		{}, {From: &middle}, {To: &middle}, {From: &middle, To: &end}, {Success: &no},
		{IdentityID: "user:1"}, {IdentityType: "type2"}, {SecretPath: "prod/é/3"}, {PathPrefix: "prod"},
		{SourceIPs: []string{"10.0.0.1", "10.0.0.4"}}, {RequestID: "a"}, {Actions: []audit.Action{"act1", "act2"}},
		{NotActions: []audit.Action{"act1"}, NotIdentityID: "user:2", NotPathPrefix: "prod/é/1"},
		{Extra: []audit.ExtraFilter{{Key: "version", Value: "1"}}}, {Within: []audit.Path{"prod/é"}},
	} {
		for _, order := range []audit.Order{audit.OrderDesc, audit.OrderAsc, audit.OrderIndex} {
			q := audit.Query{Filter: f, Order: order, Limit: 7}
			p, _ := s.Query(ctx, "acme", q)
			q.After = p.Next
			_, _ = s.Query(ctx, "acme", q)
		}
		_, _ = s.Accesses(ctx, "acme", audit.AccessQuery{Filter: f, Limit: 5})
		f.From, f.To = &middle, &end
		for _, interval := range []audit.Time{0, 10 * audit.Minute, audit.Hour} {
			_, _ = s.Summary(ctx, "acme", audit.SummaryQuery{Filter: f, Top: 3, Interval: interval})
		}
	}
	_, _ = s.Secret(ctx, "acme", audit.Query{Filter: audit.Filter{SecretPath: "prod/é/3"}})
	_, _ = s.Identity(ctx, "acme", audit.Query{Filter: audit.Filter{IdentityID: "user:1"}})
	_, _ = s.Values(ctx, "acme", audit.ValuesQuery{Field: audit.FieldSecretPath, Contains: "3",
		From: &middle, To: &end, Limit: 5})
	for _, within := range [][]audit.Path{nil, {"prod/é/3", "prod"}} {
		for _, field := range []audit.ValuesField{audit.FieldSecretPath, audit.FieldIdentityID, audit.FieldUserAgent} {
			_, _ = s.Values(ctx, "acme", audit.ValuesQuery{Field: field, From: &middle, To: &end, Limit: 5, Within: within})
			_, _ = s.News(ctx, "acme", audit.NewsQuery{Field: field, From: middle, To: end, Limit: 5, Within: within})
			_, _ = s.News(ctx, "acme", audit.NewsQuery{Field: field, To: end, Limit: 5, Within: within})
		}
		_, _ = s.Branches(ctx, "acme", audit.BranchQuery{Under: "prod", From: middle, To: end, Limit: 5, Within: within})
		_, _ = s.Branches(ctx, "acme", audit.BranchQuery{To: end, Limit: 5, Within: within})
	}
	first := s.find("acme").segments[0].indexes().From
	for range s.Lines(ctx, "acme", first, first+miniRows) {
	}
	for _, id := range []audit.EventID{audit.DerivedID(shapeOrigin, first), "log_a", "log_none"} {
		_, _ = s.Event(ctx, "acme", id, nil)
	}
	_, _ = s.Append(ctx, "acme", audit.Batch{Events: []audit.Event{{ID: "log_a", Timestamp: middle}}})
}

// TestStoreOfWrongBytes changes some bytes of a segment, makes the checksums
// fit and asks the store: what a broken writer might leave must not bring the
// program down.
func TestStoreOfWrongBytes(t *testing.T) {
	file, _ := smallSegment(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range wrongFiles / 4 {
		b := bytes.Clone(file)
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		if s := openWrong(t, reseal(b)); s != nil {
			interrogate(t.Context(), s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// FuzzQuerySegment asks a store whatever its one segment, with checksums that
// are right, may answer: nothing may panic, and every question ends.
func FuzzQuerySegment(f *testing.F) {
	file, _ := smallSegment(f)
	f.Add(file)
	for i := 0; i < len(file); i += 101 {
		damaged := bytes.Clone(file)
		damaged[i] ^= 0xff
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := openWrong(t, reseal(b)); s != nil {
			interrogate(t.Context(), s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
