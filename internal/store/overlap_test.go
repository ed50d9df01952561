package store

import (
	"testing"

	"github.com/scaivault/audit"
)

// TestOverlapping says which segments are merged because they overlap, of a list
// of their rows and times; size is 10 rows.
func TestOverlapping(t *testing.T) {
	type of struct {
		rows     int
		from, to audit.Time
	}
	times := func(n int, one of) (list []of) {
		for range n {
			list = append(list, one)
		}
		return list
	}
	join := func(lists ...[]of) (all []of) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	inOrder := func(n int, width audit.Time) (list []of) {
		for i := range n {
			from := audit.Time(i * 100)
			list = append(list, of{10, from, from + width})
		}
		return list
	}
	always := of{10, 0, 1000}
	for name, c := range map[string]struct {
		list     []of
		from, to int
	}{
		"too few":                      {times(6, always), 0, 0},
		"all at all times":             {times(8, always), 0, 8},
		"seven are almost eight":       {times(7, always), 0, 7},
		"not more than eight or so":    {times(12, always), 0, 8},
		"large ones are left":          {times(3, of{80, 0, 1000}), 0, 0},
		"behind a large one":           {join(times(1, of{80, 0, 1000}), times(8, always)), 1, 9},
		"a small one between":          {join(times(4, always), times(1, of{1, 7, 8}), times(4, always)), 0, 9},
		"in order":                     {inOrder(20, 99), 0, 0},
		"in order but for moments":     {inOrder(20, 150), 0, 0},
		"each over the next":           {inOrder(20, 250), 0, 8},
		"each at one time, the same":   {times(8, of{10, 5, 5}), 0, 8},
		"each at one time, another":    {inOrder(9, 0), 0, 0},
		"in order, then at all times":  {join(inOrder(4, 99), times(8, always)), 0, 8},
		"at all times, but separately": {join(times(4, always), times(4, of{10, 2000, 3000})), 0, 8},
	} {
		t.Run(name, func(t *testing.T) {
			l := &tenantLog{}
			next := uint64(0)
			for _, s := range c.list {
				end := next + uint64(s.rows)
				l.segments = append(l.segments, &segment{footer: &footer{rows: s.rows,
					indexes: audit.IndexRange{From: next, To: end}, middle: interval{s.from, s.to}}})
				next = end
			}
			from, to := 0, 0
			if run := l.overlapping(10); len(run) > 0 {
				for l.segments[from] != run[0] {
					from++
				}
				to = from + len(run)
			}
			if from != c.from || to != c.to {
				t.Errorf("segments %d to %d, want %d to %d", from, to, c.from, c.to)
			}
		})
	}
}

// TestOverlapStops says that damage and gaps bound what is merged.
func TestOverlapStops(t *testing.T) {
	for name, change := range map[string]func(*segment){
		"damaged": func(s *segment) { s.alone = true },
		"a gap":   func(s *segment) { s.footer.indexes.From++ },
		"origin":  func(s *segment) { s.footer.origin++ },
	} {
		l := &tenantLog{}
		for i := range uint64(10) {
			s := &segment{footer: &footer{rows: 10, indexes: audit.IndexRange{From: 10 * i, To: 10*i + 10}}}
			l.segments = append(l.segments, s)
		}
		if change(l.segments[4]); len(l.overlapping(10)) > 0 {
			t.Errorf("%s: merged", name)
		}
	}
}
