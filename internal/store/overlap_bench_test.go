package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// BenchmarkOverlap asks two logs of the same events: one got them in the order of
// their times, so that each segment is of its own days; the other so that each of
// its segments is of all days. It says what overlap costs a question, and is the
// reason of the comment in merge.go.
func BenchmarkOverlap(b *testing.B) {
	const events, segments = 1 << 20, 32
	all := slices.Collect(sampleOf(events).Events())
	spread := make([]audit.Event, 0, events)
	for first := range segments {
		for i := first; i < len(all); i += segments {
			spread = append(spread, all[i])
		}
	}
	for _, log := range []struct {
		name   string
		events []audit.Event
	}{{"ordered", all}, {"overlapping", spread}} {
		b.Run(log.name, func(b *testing.B) {
			s := segmentedLog(b, log.events, events/segments)
			defer s.Close()
			for _, q := range overlapQuestions(all) {
				b.Run(q.name, func(b *testing.B) {
					for b.Loop() {
						check(b, q.ask(b.Context(), s))
					}
				})
			}
		})
	}
}

// segmentedLog returns a log of the events on disk in segments of so many.
func segmentedLog(b *testing.B, events []audit.Event, size int) *store.Store {
	opts := options()
	opts.SealEvents = size / 4
	s, err := store.Open(vfs.OS{}, b.TempDir(), opts)
	check(b, err)
	for part := range slices.Chunk(events, size) {
		for batch := range slices.Chunk(part, 4096) {
			put(b, s, acme, batch...)
		}
		check(b, s.Seal(b.Context()))
	}
	return s
}

// benchQuestion is what a benchmark asks.
type benchQuestion struct {
	name string
	ask  func(context.Context, *store.Store) error
}

// overlapQuestions returns questions about events, which are in order.
func overlapQuestions(all []audit.Event) []benchQuestion {
	middle := all[len(all)/2]
	from, to := middle.Timestamp, middle.Timestamp+audit.Day
	month, end := begin-30*audit.Day, begin
	failed := false
	list := func(f audit.Filter) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.Query(ctx, acme, audit.Query{Filter: f})
			return err
		}
	}
	return []benchQuestion{
		{"newest", list(audit.Filter{})},
		{"day", list(audit.Filter{From: &from, To: &to, Actions: []audit.Action{audit.ActionRead}})},
		{"identity", list(audit.Filter{IdentityID: middle.IdentityID})},
		{"secret", list(audit.Filter{SecretPath: middle.SecretPath})},
		{"failures of a day", list(audit.Filter{From: &from, To: &to, Success: &failed})},
		{"request", list(audit.Filter{RequestID: middle.RequestID})},
		{"event by id", func(ctx context.Context, s *store.Store) error {
			_, err := s.Event(ctx, acme, audit.DerivedID(0, uint64(len(all)/2)), nil)
			return err
		}},
		{"1,000 by index", func(ctx context.Context, s *store.Store) error {
			_, err := s.Query(ctx, acme, audit.Query{Order: audit.OrderIndex, FromIndex: uint64(len(all) / 2), Limit: audit.MaxLimit})
			return err
		}},
		{"200,000 lines", func(ctx context.Context, s *store.Store) error {
			for _, err := range s.Lines(ctx, acme, 0, 200_000) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"summary of 30 days", func(ctx context.Context, s *store.Store) error {
			_, err := s.Summary(ctx, acme, audit.SummaryQuery{
				Filter: audit.Filter{From: &month, To: &end}, Interval: audit.Hour, Top: 10})
			return err
		}},
		{"branches of 30 days", func(ctx context.Context, s *store.Store) error {
			_, err := s.Branches(ctx, acme, audit.BranchQuery{From: month, To: end, Limit: 200})
			return err
		}},
		{"new secrets of 30 days", func(ctx context.Context, s *store.Store) error {
			_, err := s.News(ctx, acme, audit.NewsQuery{Field: audit.FieldSecretPath, From: month, To: end, Limit: 200})
			return err
		}},
		{"50 pages of 1,000", func(ctx context.Context, s *store.Store) error {
			q := audit.Query{Limit: audit.MaxLimit}
			for range 50 {
				p, err := s.Query(ctx, acme, q)
				if err != nil || p.Next == nil {
					return err
				}
				q.After = p.Next
			}
			return nil
		}},
	}
}
