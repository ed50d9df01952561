package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
)

// TestBench compares the rows that every question answered with what the
// events themselves say.
func TestBench(t *testing.T) {
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	got := runLine(t, "", "bench", "--events", "20k", "--end", "2026-01-01T00:00:00Z", "--time", "1ms", "--json")
	var r benchReport
	if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil || got.Code != exitOK || got.Stderr != "" {
		t.Fatalf("%+v: %v", got, err)
	}
	events := slices.Collect(sample.New(1, sample.Options{Events: 20_000, End: end}).Events())
	var rows []nameAndRows
	for _, q := range r.Questions {
		rows = append(rows, nameAndRows{q.Name, q.Rows})
		if q.Runs < leastRuns || q.P50 <= 0 || q.P99 < q.P50 || q.CPU <= 0 {
			t.Errorf("%+v: figures that cannot be", q)
		}
	}
	if diff := gocmp.Diff(expectedRows(events), rows); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	var names []string
	for _, l := range r.Load {
		names = append(names, l.Name)
		if l.Seconds <= 0 || l.CPU <= 0 || !strings.HasSuffix(l.Name, "seal") && (l.Events != 20_000 || l.Rate <= 0) {
			t.Errorf("%+v: figures that cannot be", l)
		}
	}
	if want := []string{"append", "append_seal", "http", "load", "seal", "import"}; !slices.Equal(names, want) {
		t.Errorf("ways of filling a log %q, want %q", names, want)
	}
	if r.Events != 20_000 || r.Tenants != 1 || r.Disk[0].Files != 1 || r.Disk[0].PerEvent < 5 ||
		r.Open.Time <= 0 || r.Open.Heap <= 0 {
		t.Errorf("%+v: figures that cannot be", r)
	}
}

type nameAndRows struct {
	Name string
	Rows int
}

// expectedRows answers the questions from a slice.
func expectedRows(events []audit.Event) []nameAndRows {
	identities, addresses, paths := make(map[string]int), make(map[string]int), make(map[string]int)
	for _, e := range events {
		identities[string(e.IdentityID)]++
		addresses[e.SourceIP]++
		paths[string(e.SecretPath)]++
	}
	delete(paths, "")
	busiest := byCount(identities)
	heavy, rare := busiest[0], busiest[len(busiest)-1]
	ips, secrets := byCount(addresses), byCount(paths)
	address, secret, busy := ips[len(ips)/2], secrets[len(secrets)/2], secrets[0]
	prefix := audit.Path(strings.Join(strings.Split(busy, "/")[:2], "/"))
	to := events[len(events)-1].Timestamp + 1
	month, day := to-30*audit.Day, events[len(events)/2].Timestamp/audit.Day
	hours := func(t audit.Time) audit.Time { return t - t%audit.Hour }
	count := func(limit int, match func(e *audit.Event) bool) (n int) {
		for i := range events {
			if match(&events[i]) {
				n++
			}
		}
		return min(n, limit)
	}
	letters := 0
	for id := range identities {
		if strings.Contains(id, heavy[:6]) && count(1, func(e *audit.Event) bool {
			return string(e.IdentityID) == id && e.Timestamp >= month
		}) == 1 {
			letters++
		}
	}
	return []nameAndRows{
		{"newest_100", 100},
		{"day_action", count(100, func(e *audit.Event) bool {
			return e.Timestamp/audit.Day == day && e.Action == audit.ActionRead
		})},
		{"heavy_identity", min(100, identities[heavy])},
		{"rare_identity", min(100, identities[rare])},
		{"source_ip", min(100, addresses[address])},
		{"secret_trail", min(100, paths[secret])},
		{"busy_secret", min(100, paths[busy])},
		{"prefix_failures", count(100, func(e *audit.Event) bool {
			return e.Timestamp >= month && !e.Success && e.SecretPath.Within(prefix)
		})},
		{"request_id", 1},
		{"no_match", 0},
		{"summary_30d", count(len(events), func(e *audit.Event) bool {
			return hours(month) <= e.Timestamp && e.Timestamp < hours(to)
		})},
		{"summary_90d", len(events)},
		{"pages_100x1000", len(events)},
		{"values", min(100, letters)},
		{"scan_jsonl", len(events)},
	}
}

func byCount(counts map[string]int) []string {
	var values []string
	for value := range counts {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return values
}

func TestFigures(t *testing.T) {
	for _, x := range []struct{ got, want string }{
		{grouped(0), "0"}, {grouped(999), "999"}, {grouped(1000), "1,000"}, {grouped(1234567), "1,234,567"},
		{figure(0.0204), "0.020"}, {figure(1.234), "1.23"}, {figure(12.34), "12.3"}, {figure(1234.5), "1,235"},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
	var times []time.Duration
	for i := range 200 {
		times = append(times, time.Duration(200-i)*time.Millisecond)
	}
	if p50, p99 := quantiles(times); p50 != 100 || p99 != 198 {
		t.Errorf("quantiles of 1 to 200 ms: %v and %v, want 100 and 198", p50, p99)
	}
	if p50, p99 := quantiles(times[:1]); p50 != 1 || p99 != 1 {
		t.Errorf("quantiles of 1 ms: %v and %v", p50, p99)
	}
}
