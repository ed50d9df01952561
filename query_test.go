package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

func TestParseInterval(t *testing.T) {
	for s, want := range map[string]audit.Time{
		"1m": audit.Minute, "60m": audit.Hour, "1h": audit.Hour, "24h": audit.Day, "7d": 7 * audit.Day,
		"30d":  30 * audit.Day,
		"720h": 30 * audit.Day, "43200m": 30 * audit.Day,
		"": 0, "m": 0, "0m": 0, "31d": 0, "721h": 0, "43201m": 0, "1s": 0, "1w": 0, "1M": 0, "-1m": 0,
		"+1m": 0, "01m": 0, "1.5h": 0,
		"1 m": 0, "1h30m": 0, "1": 0, "99999999999999999999d": 0, "9223372036854775807d": 0,
	} {
		got, err := audit.ParseInterval(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v, want %d", s, got, err, want)
		}
	}
}

func TestBuckets(t *testing.T) {
	const day, hour = audit.Day, audit.Hour
	tests := []struct {
		from, to, interval, start audit.Time
		n                         int
	}{
		{0, day, hour, 0, 24},
		{0, day, day, 0, 1},
		{1, day, day, 0, 1},
		{day - 1, day + 1, day, 0, 2},
		{day, day + 1, day, day, 1},
		{day + 5*hour, 3*day + 1, day, day, 3},
		{5, 5, day, 0, 0},
		{6, 5, day, 0, 0},
	}
	for _, test := range tests {
		if start, n := audit.Buckets(test.from, test.to, test.interval); start != test.start || n != test.n {
			t.Errorf("[%d, %d) by %d: %d buckets from %d, want %d from %d",
				test.from, test.to, test.interval, n, start, test.n, test.start)
		}
	}
}

// Buckets cover their range, and none of them lies outside it.
func TestBucketsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := audit.Time(rapid.Int64Range(0, int64(100*audit.Day)).Draw(t, "from"))
		to := from + audit.Time(rapid.Int64Range(1, int64(100*audit.Day)).Draw(t, "length"))
		interval := audit.Time(rapid.IntRange(1, 43_200).Draw(t, "minutes")) * audit.Minute
		start, n := audit.Buckets(from, to, interval)
		last := start + audit.Time(n-1)*interval
		if start%interval != 0 || start > from || from >= start+interval || last >= to || to > last+interval {
			t.Fatalf("[%d, %d) by %d: %d buckets from %d", from, to, interval, n, start)
		}
	})
}

var now = time.Date(2026, 4, 23, 10, 0, 0, 0, time.UTC)

func ptr(at audit.Time) *audit.Time { return &at }

func TestSummaryQueryDefault(t *testing.T) {
	end := audit.TimeOf(now)
	tests := []struct {
		name string
		q    audit.SummaryQuery
		want audit.SummaryQuery
	}{
		{"nothing", audit.SummaryQuery{}, audit.SummaryQuery{
			Filter: audit.Filter{From: ptr(end - audit.DefaultPeriod), To: ptr(end)}, Top: audit.DefaultTop}},
		{"from", audit.SummaryQuery{Filter: audit.Filter{From: ptr(7)}, Top: 5}, audit.SummaryQuery{
			Filter: audit.Filter{From: ptr(7), To: ptr(end)}, Top: 5}},
		{"to", audit.SummaryQuery{Filter: audit.Filter{To: ptr(40 * audit.Day)}}, audit.SummaryQuery{
			Filter: audit.Filter{From: ptr(10 * audit.Day), To: ptr(40 * audit.Day)}, Top: audit.DefaultTop}},
		{"early to", audit.SummaryQuery{Filter: audit.Filter{To: ptr(7)}}, audit.SummaryQuery{
			Filter: audit.Filter{From: ptr(0), To: ptr(7)}, Top: audit.DefaultTop}},
	}
	for _, test := range tests {
		if err := test.q.Default(now); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, test.q); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestSummaryQueryBuckets(t *testing.T) {
	for to, want := range map[audit.Time]audit.Code{
		audit.MaxBuckets * audit.Minute:   "",
		audit.MaxBuckets*audit.Minute + 1: audit.CodeValidationError,
	} {
		q := audit.SummaryQuery{Filter: audit.Filter{From: ptr(0), To: ptr(to)}, Interval: audit.Minute}
		if err := q.Default(now); audit.ErrorCode(err) != want {
			t.Errorf("minutes until %d: %v, want %q", to, err, want)
		}
	}
}

func TestValuesQueryDefault(t *testing.T) {
	end := audit.TimeOf(now)
	q := audit.ValuesQuery{Field: audit.FieldAction}
	q.Default(now)
	want := audit.ValuesQuery{
		Field: audit.FieldAction, From: ptr(end - audit.DefaultPeriod), To: ptr(end), Limit: audit.MaxValues,
	}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Error(diff)
	}
}
