package ui

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// state is what a page of events shows: all of it stands in the URL, so that a
// link is a finding and Back undoes.
type state struct {
	params audit.Params // of the filter and the range, as the URL has them
	query  audit.Query
	period period
	err    error // what is wrong with the filter
}

// period is a range of time. A relative one ends now.
type period struct {
	Name     string // 24h; "" if it is absolute
	From, To audit.Time
}

// defaultPeriod is what Explore shows first.
const defaultPeriod = "24h"

// periods are the relative ranges of the menu.
var periods = []string{"15m", "1h", "6h", "24h", "7d", "30d", "90d"}

// ofPage are parameters that say what the page shows, not which events.
var ofPage = []string{"event", "cursor", "q", "shown"}

// readState reads the state from a query string. Parameters without a value
// come from forms and are none.
func readState(raw string, now time.Time) state {
	all, err := audit.ParseParams(raw)
	s := state{params: audit.Params{}}
	if err != nil {
		s.err = err
		s.period, _ = relative(defaultPeriod, now)
		return s
	}
	for name, value := range all {
		if value != "" && !slices.Contains(ofPage, name) {
			s.params[name] = value
		}
	}
	filter := maps.Clone(s.params)
	for _, name := range []string{"from", "to"} {
		if v := localTime(filter[name]); v != "" {
			filter[name], s.params[name] = v, v
		}
	}
	name := filter["range"]
	delete(filter, "range")
	s.query, s.err = audit.ParseQuery(filter)
	s.setPeriod(name, now)
	s.query.Limit = audit.DefaultLimit
	s.query.From, s.query.To = &s.period.From, &s.period.To
	return s
}

// setPeriod finds the range: from and to, else range, else the default. One of
// from and to alone goes with the default's length.
func (s *state) setPeriod(name string, now time.Time) {
	from, to := s.query.From, s.query.To
	ok := true
	if from == nil && to == nil {
		if name == "" {
			name = defaultPeriod
		}
		if s.period, ok = relative(name, now); !ok {
			s.invalid("range", "want a number with m, h or d")
			s.period, _ = relative(defaultPeriod, now)
		}
		return
	}
	delete(s.params, "range")
	s.period.To = audit.TimeOf(now)
	if to != nil {
		s.period.To = *to
	}
	s.period.From = max(0, s.period.To-audit.Day)
	if from != nil {
		s.period.From = *from
	}
	if s.period.From >= s.period.To && s.err == nil {
		s.invalid("from", "want a time before to")
	}
}

func (s *state) invalid(field, message string) {
	if s.err == nil {
		s.err = audit.Invalid([]audit.FieldError{{Field: field, Message: message}})
	}
}

// relative reads a range that ends now: 90m, 24h, 7d.
func relative(name string, now time.Time) (period, bool) {
	units := map[byte]audit.Time{'m': audit.Minute, 'h': audit.Hour, 'd': audit.Day}
	if name == "" {
		return period{}, false
	}
	unit, ok := units[name[len(name)-1]]
	n, err := strconv.Atoi(name[:len(name)-1])
	if !ok || err != nil || n < 1 || n > 100_000 {
		return period{}, false
	}
	to := audit.TimeOf(now)
	return period{name, max(0, to-audit.Time(n)*unit), to}, true
}

// localTime completes what a browser's field for date and time gives, which
// has no seconds; it is meant in UTC. Other text is left as it is.
func localTime(v string) string {
	if len(v) == len("2006-01-02T15:04") && v[10] == 'T' {
		return v + ":00"
	}
	return v
}

// url returns the address of Explore with the changes: pairs of a name and a
// value, "" for none.
func (s *state) url(changes ...string) string { return "/ui/" + s.search(changes...) }

func (s *state) search(changes ...string) string {
	v := url.Values{}
	for name, value := range s.params {
		v.Set(name, value)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if v.Del(changes[i]); changes[i+1] != "" {
			v.Set(changes[i], changes[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// only returns the address with one more filter, and without its opposite.
func (s *state) only(name, value string) string {
	return s.url(name, value, opposite(name), "", "event", "")
}

// opposite returns the name of the filter that excludes what name selects, and
// the reverse.
func opposite(name string) string {
	if rest, ok := strings.CutPrefix(name, "not_"); ok {
		return rest
	}
	return "not_" + name
}

// within returns the changes that make the range [from, to).
func within(from, to audit.Time) []string {
	return []string{"from", from.String(), "to", to.String(), "range", "", "event", ""}
}

// title names the range.
func (p period) title() string {
	if p.Name == "" {
		from, to := p.From.Std(), p.To.Std()
		day := "Jan 2, 15:04"
		if p.To-p.From < 10*audit.Minute {
			day = "Jan 2, 15:04:05"
		}
		if from.YearDay() == to.YearDay() && from.Year() == to.Year() {
			return from.Format(day) + " to " + to.Format(strings.TrimPrefix(day, "Jan 2, "))
		}
		return from.Format(day) + " to " + to.Format(day)
	}
	n := p.Name[:len(p.Name)-1]
	unit := map[byte]string{'m': "minute", 'h': "hour", 'd': "day"}[p.Name[len(n)]]
	if n != "1" {
		unit += "s"
	}
	return "Last " + n + " " + unit
}

// wider returns the changes that show a longer range: the next of the menu, or
// three times the range around the same middle.
func (p period) wider() []string {
	if p.Name != "" {
		for _, name := range periods {
			if next, _ := relative(name, p.To.Std()); next.To-next.From > p.To-p.From {
				return []string{"range", name, "from", "", "to", "", "event", ""}
			}
		}
	}
	d := p.To - p.From
	return within(max(0, p.From-d), min(p.To+d, audit.MaxTime))
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
