package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
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
