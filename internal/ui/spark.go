package ui

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/scaivault/audit"
)

// spark is a small chart of a timeline, beside the number that it illustrates.
type spark struct {
	Path string // of an SVG, 100 wide and 24 high; "" for nothing to draw
	Fail bool
}

// newSpark draws the failed events of a timeline, or all of them.
func newSpark(buckets []audit.Bucket, failed bool) *spark {
	count := func(b audit.Bucket) uint64 {
		if failed {
			return b.FailedEvents
		}
		return b.TotalEvents
	}
	var most uint64
	for _, b := range buckets {
		most = max(most, count(b))
	}
	x := &spark{Fail: failed}
	if most == 0 || len(buckets) < 2 {
		return x
	}
	y := func(b audit.Bucket) float64 { return 22 - 20*float64(count(b))/float64(most) }
	var path strings.Builder
	fmt.Fprintf(&path, "M-9 40V%.1f", y(buckets[0])) // the frame is out of sight
	for i, b := range buckets {
		fmt.Fprintf(&path, "L%.1f %.1f", 100*float64(i)/float64(len(buckets)-1), y(b))
	}
	path.WriteString("H109V40Z")
	x.Path = path.String()
	return x
}

// maxSparkBars is how many points a small chart has at most.
const maxSparkBars = 31

// sparkWidth returns the width of the buckets of a small chart.
func sparkWidth(span period) audit.Time {
	for _, i := range intervals {
		if (span.To-span.From)/i.width < maxSparkBars {
			return i.width
		}
	}
	width, _ := interval(span.From, span.To)
	return width
}

// spark answers GET /ui/spark: the small chart of the events that a filter of
// Explore selects. A filter by one value costs more than the counts of all, so
// that pages ask for each chart when it comes into sight.
func (s *Server) spark(p *page) error {
	p.w.Header().Set("HX-Reswap", "none") // an error has no room in the place of a chart
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	st := readState(p.r.URL.RawQuery, p.now)
	if st.err != nil {
		return st.err
	}
	width := sparkWidth(st.period)
	sum, err := s.summarize(p, st.query.Filter, width, 1)
	if err != nil {
		return err
	}
	p.w.Header().Del("HX-Reswap")
	s.render(p.w, p.r, http.StatusOK, "spark", newSpark(sum.Timeline, false))
	return nil
}
