package audit

import (
	"fmt"
	"slices"
	"time"
)

// Order is the order of a list.
type Order string

// The orders.
const (
	// OrderDesc is by timestamp, newest first, then by index, newest first.
	OrderDesc Order = "desc"
	// OrderAsc is the reverse of OrderDesc.
	OrderAsc Order = "asc"
	// OrderIndex is the order of appending: a reader that goes on from the
	// last index it saw misses no event that arrived late.
	OrderIndex Order = "index"
)

// Limits of a query.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
	DefaultTop   = 10
	MaxTop       = 100
	// MaxValues is the largest number of values that [ValuesQuery] asks for.
	MaxValues = 100
	// MaxBuckets is the largest number of buckets of a timeline.
	MaxBuckets = 1000
	// MaxInterval is the longest interval of a timeline; the shortest is a minute.
	MaxInterval = 30 * Day
	// MaxListValues is the largest number of values of a comma list.
	MaxListValues = 100
	// DefaultPeriod is what summaries and suggestions look back on.
	DefaultPeriod = 30 * Day
)

// Query lists events, page by page.
type Query struct {
	Filter
	Order     Order   // "" is OrderDesc
	FromIndex uint64  // with OrderIndex: the first index
	Limit     int     // 1 to MaxLimit; 0 is DefaultLimit
	Cursor    string  // where the page begins, as a client passes it
	Proof     bool    // include=proof: answer index and time of receipt too
	After     *Cursor // Cursor opened, by whoever holds the key
}

// StreamQuery follows a log: the events that it selects, in the order in which
// the log took them, and those still to come.
type StreamQuery struct {
	Filter
	FromIndex *uint64 // the first index; nil is what comes from now on
	Cursor    string  // where an earlier stream ended, before FromIndex
	Proof     bool    // include=proof: answer index and time of receipt too
}

// SummaryQuery counts events.
type SummaryQuery struct {
	Filter
	Interval Time // 0 for no timeline
	Top      int  // length of the top lists; 0 is DefaultTop
}

// ValuesField is a field whose values can be listed.
type ValuesField string

// The fields of a [ValuesQuery].
const (
	FieldIdentityID ValuesField = "identity_id"
	FieldSecretPath ValuesField = "secret_path"
	FieldSourceIP   ValuesField = "source_ip"
	FieldAction     ValuesField = "action"
	FieldUserAgent  ValuesField = "user_agent"
)

// ValuesQuery lists the values of a field that contain a text.
type ValuesQuery struct {
	Field    ValuesField
	Contains string // values that begin with it come first
	From, To *Time
	Limit    int    // 0 is DefaultLimit
	Within   []Path // as in [Filter]
}

// NewsQuery lists the values of a field that no event had before a range.
type NewsQuery struct {
	Field       ValuesField
	From, To    Time
	Skip, Limit int
	Within      []Path // as in [Filter]
}

// BranchQuery lists what lies directly below a prefix in the tree of paths.
type BranchQuery struct {
	Under       Path // "" is the top
	From, To    Time
	ByEvents    bool // those with the most events first; else by name
	Skip, Limit int
	Within      []Path // as in [Filter]
}

// Scope returns the prefixes whose paths lie both below Under and within Within,
// none for all paths; ok is false if there are no such paths.
func (q *BranchQuery) Scope() (prefixes []Path, ok bool) {
	switch {
	case q.Under == "":
		return q.Within, true
	case len(q.Within) == 0 || slices.ContainsFunc(q.Within, q.Under.Within):
		return []Path{q.Under}, true
	}
	for _, p := range q.Within {
		if p.Within(q.Under) {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes, len(prefixes) > 0
}

// AccessQuery lists who touched what.
type AccessQuery struct {
	Filter
	Limit  int
	Cursor string
	After  *Cursor
}

// ParseInterval reads an interval of a timeline: a number with the unit m, h
// or d, from 1m to 30d.
func ParseInterval(s string) (Time, error) {
	units := map[byte]Time{'m': Minute, 'h': Hour, 'd': Day}
	if len(s) >= 2 {
		if n, ok := digits(s[:len(s)-1], 100_000); ok {
			if d := Time(n) * units[s[len(s)-1]]; Minute <= d && d <= MaxInterval {
				return d, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not an interval: want a number with m, h or d, from 1m to 30d", clip(s))
}

// formatInterval is the inverse of [ParseInterval].
func formatInterval(d Time) string {
	switch {
	case d%Day == 0:
		return fmt.Sprintf("%dd", d/Day)
	case d%Hour == 0:
		return fmt.Sprintf("%dh", d/Hour)
	}
	return fmt.Sprintf("%dm", d/Minute)
}

// Buckets returns the start of the first bucket and the number of buckets of a
// timeline over [from, to), aligned to the epoch.
func Buckets(from, to, interval Time) (start Time, n int) {
	if to <= from {
		return 0, 0
	}
	start = from - from%interval
	return start, int((to - start + interval - 1) / interval)
}

// Default fills in the range of a summary that has none: the [DefaultPeriod]
// before its end, and now as its end. It checks what depends on the range.
func (q *SummaryQuery) Default(now time.Time) error {
	q.From, q.To = defaultRange(q.From, q.To, now)
	if q.Top == 0 {
		q.Top = DefaultTop
	}
	if q.Interval == 0 {
		return nil
	}
	if _, n := Buckets(*q.From, *q.To, q.Interval); n > MaxBuckets {
		return Invalid([]FieldError{{Field: "interval",
			Message: fmt.Sprintf("the range has %d buckets; want at most %d", n, MaxBuckets)}})
	}
	return nil
}

// Default fills in the range of suggestions that have none, as for summaries.
func (q *ValuesQuery) Default(now time.Time) {
	q.From, q.To = defaultRange(q.From, q.To, now)
	if q.Limit == 0 {
		q.Limit = MaxValues
	}
}

func defaultRange(from, to *Time, now time.Time) (*Time, *Time) {
	if to == nil {
		t := TimeOf(now)
		to = &t
	}
	if from == nil {
		t := max(0, *to-DefaultPeriod)
		from = &t
	}
	return from, to
}
