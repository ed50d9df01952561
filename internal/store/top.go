package store

import (
	"cmp"
	"slices"
	"strings"
)

// top returns the n values that were counted most, ties by name: the threshold
// algorithm of Fagin, Lotem and Naor, "Optimal aggregation algorithms for
// middleware" (2001). It goes down the rankings of all parts side by side, some
// ranks at a time, and looks a value that it meets up in the parts where it did
// not meet it, unless the value cannot be among the first n even if it occurs
// there as often as what was met last; until that holds for all values below.
func (t *tally) top(n int) []ranked {
	const perLookup = 8 // values that are added up in the time of one lookup
	d := t.descend()
	var best []ranked
	for values := t.values(); d.lookups*perLookup <= max(values, 1000); {
		for _, c := range d.meet(n + 10) {
			least := uint64(0)
			if len(best) == n {
				least = best[n-1].n
			}
			if !d.complete(c, least) {
				continue
			}
			at, _ := slices.BinarySearchFunc(best, c.ranked, ranked.compare)
			best = slices.Insert(best, at, c.ranked)
			best = best[:min(len(best), n)]
		}
		if d.sum == 0 || len(best) == n && best[n-1].n > d.sum {
			return best
		}
	}
	return rank(t.fold(), n)
}

// values returns how many values the parts have, each counted in each.
func (t *tally) values() (n int) {
	for _, p := range t.parts {
		n += p.dict.len()
	}
	return n
}

// descent is how far the rankings of all parts were gone down. A value that was
// not met occurs in a part at most as often as the one that was met there last.
type descent struct {
	parts   []partCounts
	cursors []cursor
	counts  []uint64 // of the values that were met last, 0 at the end
	sum     uint64   // of counts
	met     map[string]bool
	lookups int
}

func (t *tally) descend() *descent {
	d := &descent{parts: t.parts, cursors: make([]cursor, len(t.parts)), counts: make([]uint64, len(t.parts)),
		met: map[string]bool{"": true}} // null is not ranked
	for i, p := range t.parts {
		d.cursors[i] = p.counts.top()
	}
	return d
}

// candidate is a value, how often it occurs where it was met, and where that is.
type candidate struct {
	ranked
	in []int // parts, ascending
}

// meet goes some ranks down and returns the values that were not met before,
// those of which most is known first.
func (d *descent) meet(ranks int) []*candidate {
	fresh := make(map[string]*candidate)
	for i := range d.parts {
		for range ranks {
			code, count, ok := d.cursors[i].next()
			d.sum += uint64(count) - d.counts[i]
			if d.counts[i] = uint64(count); !ok {
				break
			}
			value := d.parts[i].dict.value(code)
			if d.met[value] {
				continue
			}
			c := fresh[value]
			if c == nil {
				c = &candidate{ranked: ranked{value: value}}
				fresh[value] = c
			}
			c.n, c.in = c.n+uint64(count), append(c.in, i)
		}
	}
	list := make([]*candidate, 0, len(fresh))
	for value, c := range fresh {
		d.met[value] = true
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.value, b.value))
	})
	return list
}

// complete looks a value up where it was not met, and reports whether it occurs
// at least so often in all; it stops as soon as it cannot.
func (d *descent) complete(c *candidate, least uint64) bool {
	rest := d.sum
	for _, i := range c.in {
		rest -= d.counts[i]
	}
	in := c.in
	for i, p := range d.parts {
		if len(in) > 0 && in[0] == i {
			in = in[1:]
			continue
		}
		if c.n+rest < least {
			return false
		}
		rest -= d.counts[i]
		d.lookups++
		if code, ok := p.dict.find(c.value); ok {
			c.n += uint64(p.counts.count(code))
		}
	}
	return c.n >= least
}
