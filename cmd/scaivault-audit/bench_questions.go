package main

import (
	"context"
	"io"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
)

// question is one of the fixed set. Its name is for programs, its text for
// people. Rows are events listed or counted, or values.
type question struct {
	name, text string
	ask        func(context.Context, *store.Store) (rows int, err error)
}

// questions returns the fixed set.
func (x *subjects) questions() []question {
	read, failed := []audit.Action{audit.ActionRead}, false
	day, month := x.middle-x.middle%audit.Day, x.to-30*audit.Day
	return []question{
		{"newest_100", "newest 100", x.newest(audit.Filter{})},
		{"day_action", "one day's reads, newest 100", x.newest(audit.Filter{
			From: &day, To: new(day + audit.Day), Actions: read})},
		{"heavy_identity", "busiest identity, newest 100", x.newest(audit.Filter{IdentityID: x.heavy})},
		{"rare_identity", "rarest identity, newest 100", x.newest(audit.Filter{IdentityID: x.rare})},
		{"source_ip", "one address, newest 100", x.newest(audit.Filter{SourceIPs: []string{x.address}})},
		{"secret_trail", "one secret, newest 100 and its 30 days", x.trail(x.secret)},
		{"busy_secret", "busiest secret, newest 100 and its 30 days", x.trail(x.busy)},
		{"prefix_failures", "30 days' failures below a prefix, newest 100", x.newest(audit.Filter{
			From: &month, PathPrefix: x.prefix, Success: &failed})},
		{"request_id", "one request", x.newest(audit.Filter{RequestID: x.request})},
		{"no_match", "identity and secret that never met", x.newest(audit.Filter{
			IdentityID: x.heavy, SecretPath: x.untouched})},
		{"summary_30d", "summary of 30 days, whole hours", x.summary(month-month%audit.Hour, x.to-x.to%audit.Hour)},
		{"summary_90d", "summary of 90 days", x.summary(x.from, x.to)},
		{"pages_100x1000", "100 pages of 1,000", x.pages},
		{"values", "identities that begin with a text", x.values},
		{"scan_jsonl", "all events as JSON lines", x.scan},
	}
}

// newest lists what a filter selects, newest first; without a range of its
// own, over the 90 days.
func (x *subjects) newest(f audit.Filter) func(context.Context, *store.Store) (int, error) {
	if f.From == nil {
		f.From = &x.from
	}
	if f.To == nil {
		f.To = &x.to
	}
	return func(ctx context.Context, s *store.Store) (int, error) {
		page, err := s.Query(ctx, x.tenant, audit.Query{Filter: f})
		return len(page.Records), err
	}
}

func (x *subjects) trail(secret audit.Path) func(context.Context, *store.Store) (int, error) {
	f := audit.Filter{From: &x.from, To: &x.to, SecretPath: secret}
	return func(ctx context.Context, s *store.Store) (int, error) {
		trail, err := s.Secret(ctx, x.tenant, audit.Query{Filter: f})
		return len(trail.Records), err
	}
}

func (x *subjects) summary(from, to audit.Time) func(context.Context, *store.Store) (int, error) {
	return func(ctx context.Context, s *store.Store) (int, error) {
		sum, err := s.Summary(ctx, x.tenant, audit.SummaryQuery{
			Filter: audit.Filter{From: &from, To: &to}, Top: audit.DefaultTop})
		return int(sum.TotalEvents), err
	}
}

// pages walks from the newest event into the past.
func (x *subjects) pages(ctx context.Context, s *store.Store) (rows int, err error) {
	q := audit.Query{Filter: audit.Filter{From: &x.from, To: &x.to}, Limit: audit.MaxLimit}
	for range 100 {
		page, err := s.Query(ctx, x.tenant, q)
		if rows += len(page.Records); err != nil || page.Next == nil {
			return rows, err
		}
		q.After = page.Next
	}
	return rows, nil
}

// values suggests identities by their first letters.
func (x *subjects) values(ctx context.Context, s *store.Store) (int, error) {
	q := audit.ValuesQuery{Field: audit.FieldIdentityID, Contains: string(x.heavy[:min(6, len(x.heavy))])}
	q.Default(x.to.Std())
	found, err := s.Values(ctx, x.tenant, q)
	return len(found.Values), err
}

// scan writes the canonical lines of the whole log.
func (x *subjects) scan(ctx context.Context, s *store.Store) (rows int, err error) {
	var line []byte
	for l, err := range s.ScanLines(ctx, x.tenant, audit.Query{}) {
		if err != nil {
			return rows, err
		}
		line = append(append(line[:0], l.Text...), '\n')
		if _, err := io.Discard.Write(line); err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}
