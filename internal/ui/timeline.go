package ui

import (
	"fmt"

	"github.com/scaivault/audit"
)

// chart is a histogram: its data is a table, from which the script draws.
type chart struct {
	Label string // for who does not see it
	Every string // 15 minutes
	Bars  []bar
	Low   bool
	Zoom  string // where a selection leads, without its from and to; "" for no zoom
	Out   string // where a double click leads
}

type bar struct {
	Label         string // Nov 22, 14:45
	Start, End    int64  // seconds since 1970
	Total, Failed uint64
	URL           string // of the bar's own range
}

// intervals are the widths of bars.
var intervals = []struct {
	width audit.Time
	name  string
}{
	{audit.Second, "1 second"}, {5 * audit.Second, "5 seconds"}, {10 * audit.Second, "10 seconds"},
	{30 * audit.Second, "30 seconds"}, {audit.Minute, "1 minute"}, {2 * audit.Minute, "2 minutes"},
	{5 * audit.Minute, "5 minutes"}, {10 * audit.Minute, "10 minutes"}, {15 * audit.Minute, "15 minutes"},
	{30 * audit.Minute, "30 minutes"}, {audit.Hour, "1 hour"}, {2 * audit.Hour, "2 hours"},
	{3 * audit.Hour, "3 hours"}, {6 * audit.Hour, "6 hours"}, {12 * audit.Hour, "12 hours"},
	{audit.Day, "1 day"}, {2 * audit.Day, "2 days"}, {5 * audit.Day, "5 days"}, {10 * audit.Day, "10 days"},
	{30 * audit.Day, "30 days"},
}

// maxBars is how many bars a chart has at most, but for ranges of decades.
const maxBars = 100

// interval returns the width of the bars of a range: the smallest of which
// there are not too many.
func interval(from, to audit.Time) (width audit.Time, name string) {
	for _, i := range intervals {
		if width, name = i.width, i.name; (to-from)/width <= maxBars {
			return width, name
		}
	}
	for years := audit.Time(1); ; years *= 2 {
		if width = years * 365 * audit.Day; (to-from)/width <= maxBars {
			return width, fmt.Sprintf("%d days", width/audit.Day)
		}
	}
}

// summarize asks for the counts of a range with its timeline.
func (s *Server) summarize(p *page, f audit.Filter, width audit.Time, top int) (audit.Summary, error) {
	f.Within = p.who.PathPrefixes
	q := audit.SummaryQuery{Filter: f, Interval: width, Top: top}
	return s.Log.Summary(p.r.Context(), p.tenant, q)
}

// newChart makes the chart of a timeline. st, if any, is what zooming changes.
func newChart(buckets []audit.Bucket, width audit.Time, name string, st *state) *chart {
	c := &chart{Every: name}
	form := "Jan 2, 15:04"
	switch {
	case width < audit.Minute:
		form = "Jan 2, 15:04:05"
	case width >= audit.Day:
		form = "Jan 2, 2006"
	}
	var total, failed uint64
	for _, b := range buckets {
		x := bar{Label: b.Start.Std().Format(form), Start: int64(b.Start / audit.Second),
			End: int64((b.Start + width) / audit.Second), Total: b.TotalEvents, Failed: b.FailedEvents}
		if st != nil {
			x.URL = st.url(within(b.Start, b.Start+width)...)
		}
		total, failed = total+b.TotalEvents, failed+b.FailedEvents
		c.Bars = append(c.Bars, x)
	}
	c.Label = fmt.Sprintf("Events over time, %s a bar: %s events, %s failed.",
		name, number(total), number(failed))
	if st != nil {
		c.Zoom = st.url("from", "", "to", "", "range", "", "event", "")
		c.Out = st.url(st.period.wider()...)
	}
	return c
}
