package store

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// TestRunOf says which segments are merged, of a list of their numbers of rows.
// The number of one that has a gap before it is negative.
func TestRunOf(t *testing.T) {
	for name, c := range map[string]struct {
		rows []int
		want []int
	}{
		"too few":               {[]int{4, 4, 4}, nil},
		"as many as that":       {[]int{4, 4, 4, 4}, []int{4, 4, 4, 4}},
		"more":                  {[]int{1, 2, 1, 4, 2, 3}, []int{1, 2, 1, 4, 2, 3}},
		"after a large one":     {[]int{20, 4, 4, 4, 4}, []int{4, 4, 4, 4}},
		"before a large one":    {[]int{4, 4, 4, 4, 20}, []int{4, 4, 4, 4}},
		"not over a large one":  {[]int{4, 4, 20, 4, 4}, nil},
		"not over a gap":        {[]int{4, 4, -4, 4, 4}, []int{}},
		"after a gap":           {[]int{4, 4, -4, 4, 4, 3}, []int{4, 4, 4, 3}},
		"until they are enough": {[]int{5, 5, 5, 5, 5}, []int{5, 5, 5, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			var list []*segment
			next := uint64(0)
			for _, n := range c.rows {
				if n < 0 {
					n, next = -n, next+1
				}
				indexes := audit.IndexRange{From: next, To: next + uint64(n)}
				list = append(list, &segment{footer: &footer{rows: n, indexes: indexes}})
				next = indexes.To
			}
			var got []int
			for _, s := range runOf(list, mergeFactor, 5, 20) {
				got = append(got, s.rows())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestConsistent says what a manifest that is made anew names, when segments
// are left beside the one that they were merged into.
func TestConsistent(t *testing.T) {
	of := func(ranges ...uint64) (list []segmentInfo) {
		for i := 0; i < len(ranges); i += 2 {
			list = append(list, segmentInfo{Tenant: "acme", From: ranges[i], To: ranges[i+1]})
		}
		return list
	}
	other := segmentInfo{Tenant: "bravo", From: 2, To: 6}
	for name, c := range map[string]struct{ sound, lost, want []segmentInfo }{
		"apart":                      {of(0, 4, 4, 8), nil, of(0, 4, 4, 8)},
		"merged and its parts":       {of(0, 4, 0, 8, 4, 8), nil, of(0, 8)},
		"merged and one part":        {of(0, 8, 4, 8, 8, 9), nil, of(0, 8, 8, 9)},
		"merged is lost":             {of(0, 4, 4, 8), of(0, 8), of(0, 4, 4, 8)},
		"merged is lost, and a part": {of(4, 8), of(0, 8, 0, 4), of(0, 4, 4, 8)},
		"merged is lost, a gap":      {of(2, 4), of(0, 8), of(0, 2, 2, 4, 4, 8)},
		"lost":                       {of(0, 4), of(4, 8), of(0, 4, 4, 8)},
	} {
		t.Run(name, func(t *testing.T) {
			m := manifest{Segments: consistent(append(c.sound, other), c.lost)}
			m.sort()
			if diff := cmp.Diff(append(c.want, other), m.Segments); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
