package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// TestValuesOfSegments counts values that are rare and frequent, in segments of
// which all rows are in the range, some, or none, and in memory: counts and times
// are those of the events.
func TestValuesOfSegments(t *testing.T) {
	opts := options()
	opts.SealEvents = 4000
	s := open(t, vfs.NewMem(), opts)
	const n = 13_000
	for i := range n {
		e := event(i)
		e.Timestamp = begin + audit.Time(i*7919%n)*audit.Second
		e.SecretPath = audit.Path(fmt.Sprintf("rare/%d", i%2500)) // a list of rows each
		if i%3 == 0 {
			e.SecretPath = audit.Path(fmt.Sprintf("often/%d", i%5)) // none
		}
		put(t, s, acme, e)
		if i == n-900 {
			check(t, s.Seal(t.Context()))
		}
	}
	end := begin + n*audit.Second
	for _, r := range [][2]audit.Time{{begin, end}, {begin + 999*audit.Second, end}, {begin, end - 5000*audit.Second}, {0, begin + 1}} {
		for _, text := range []string{"", "rare/7", "often", "/1", "no such"} {
			q := audit.ValuesQuery{Field: audit.FieldSecretPath, Contains: text, From: &r[0], To: &r[1], Limit: n}
			got, err := s.Values(t.Context(), acme, q)
			check(t, err)
			want := make(map[string]audit.Value)
			filter := audit.Filter{From: &r[0], To: &r[1]}
			for e, err := range s.Scan(t.Context(), acme, audit.Query{Filter: filter}) {
				check(t, err)
				if path := string(e.SecretPath); strings.Contains(path, text) {
					v, ok := want[path]
					if !ok {
						v = audit.Value{Value: path, FirstAt: e.Timestamp}
					}
					v.Count, v.LastAt = v.Count+1, e.Timestamp
					want[path] = v
				}
			}
			counted := make(map[string]audit.Value)
			for _, v := range got.Values {
				counted[v.Value] = v
			}
			if diff := cmp.Diff(want, counted); diff != "" || len(got.Values) != len(want) {
				t.Errorf("%v, %q: values differ (-want +got):\n%s", r, text, diff)
			}
		}
	}
}

// TestNewsAndBranchesOfSegments asks logs whose segments follow each other in
// time, or overlap, with rows in memory behind them: the answers are those of the
// events, one after the other.
func TestNewsAndBranchesOfSegments(t *testing.T) {
	const n = 12_000
	for name, at := range map[string]func(i int) int{
		"ordered":     func(i int) int { return i },
		"late":        func(i int) int { return max(0, i-i%7/6*3000) },
		"overlapping": func(i int) int { return i * 7919 % n },
	} {
		t.Run(name, func(t *testing.T) {
			opts := options()
			opts.SealEvents = 3000
			s, l := open(t, vfs.NewMem(), opts), newSliceLog()
			for i := range n {
				e := event(i)
				e.Timestamp = begin + audit.Time(at(i))*audit.Second
				e.SecretPath = audit.Path(fmt.Sprintf("new%d/%d/%d", i%3, at(i)/1000, i%50))
				switch i % 4 {
				case 0:
					e.SecretPath = audit.Path(fmt.Sprintf("often/%d", i%5)) // more than lists hold
				case 1:
					e.SecretPath = audit.Path(fmt.Sprintf("often/%d/%d", i%5, i%900))
				}
				e.IdentityID = audit.IdentityID(fmt.Sprintf("user:%d", at(i)/(1+i%40)))
				put(t, s, acme, e)
				l.append(begin, &audit.Batch{Events: []audit.Event{e}})
				if i%4000 == 3000 {
					check(t, s.Seal(t.Context()))
				}
			}
			for _, r := range [][2]int{{0, n}, {5000, n}, {n - 100, n + 1}, {3100, 7777}} {
				from, to := begin+audit.Time(r[0])*audit.Second, begin+audit.Time(r[1])*audit.Second
				for _, within := range [][]audit.Path{nil, {"often"}, {"new1/4", "often/2", "new1"}} {
					askNews(t, s, l, audit.NewsQuery{From: from, To: to, Within: within})
					askBranches(t, s, l, audit.BranchQuery{From: from, To: to, Within: within})
				}
			}
		})
	}
}

func askNews(t *testing.T, s *store.Store, l *sliceLog, q audit.NewsQuery) {
	t.Helper()
	for _, q.Field = range []audit.ValuesField{audit.FieldIdentityID, audit.FieldSecretPath} {
		for _, page := range [][2]int{{0, 6}, {7, 200}} {
			q.Skip, q.Limit = page[0], page[1]
			got, err := s.News(t.Context(), acme, q)
			check(t, err)
			if diff := cmp.Diff(l.news(&q), got); diff != "" {
				t.Errorf("%+v: news differ (-want +got):\n%s", q, diff)
			}
		}
	}
}

func askBranches(t *testing.T, s *store.Store, l *sliceLog, q audit.BranchQuery) {
	t.Helper()
	for _, q.Under = range []audit.Path{"", "often", "often/3", "new1", "new1/4", "none"} {
		for _, page := range [][2]int{{0, 200}, {3, 5}} {
			q.Skip, q.Limit, q.ByEvents = page[0], page[1], !q.ByEvents
			got, err := s.Branches(t.Context(), acme, q)
			check(t, err)
			if diff := cmp.Diff(l.branches(&q), got); diff != "" {
				t.Errorf("%+v: branches differ (-want +got):\n%s", q, diff)
			}
		}
	}
}
