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
func (t *tally) top(n int) ([]ranked, error) {
	const perLookup = 8 // values that are added up in the time of one lookup
	d, err := t.descend()
	if err != nil {
		return nil, err
	}
	var best []ranked
	for values := t.values(); !d.ended && d.lookups*perLookup <= max(values, 1000); {
		for _, c := range d.meet(n + 10) {
			least := uint64(0)
			if len(best) == n {
				least = best[n-1].n
			}
			if ok, err := d.complete(c, least); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			at, _ := slices.BinarySearchFunc(best, c.ranked, ranked.compare)
			best = slices.Insert(best, at, c.ranked)
			best = best[:min(len(best), n)]
		}
		if d.sum == 0 || len(best) == n && best[n-1].n > d.sum {
			return best, nil
		}
	}
	if len(t.eras) > 0 { // they do not know enough
		if t, err = t.single(); err != nil {
			return nil, err
		}
		return t.top(n)
	}
	sums, err := t.fold()
	return rank(sums, n), err
}

// values returns how many values the parts have, each counted in each.
func (t *tally) values() (n int) {
	for _, p := range t.parts {
		n += p.dict.len()
	}
	for _, r := range t.eras {
		for _, s := range r.of {
			n += s.footer.values[t.col]
		}
	}
	return n
}

// ranks is what a descent goes down.
type ranks interface {
	// next returns the next value, the most frequent first, and how often it
	// occurs; at the end false and how often any other occurs at most.
	next() (value string, n uint64, ok bool)
	// count returns how often a value occurs.
	count(value string) (uint64, error)
}

// descent is how far the rankings of all parts were gone down. A value that was
// not met occurs in a part at most as often as the one that was met there last.
type descent struct {
	parts   []ranks
	counts  []uint64 // of the values that were met last, or of any other at the end
	sum     uint64   // of counts
	met     map[string]bool
	lookups int
	ended   bool // nothing is left to meet
}

func (t *tally) descend() (*descent, error) {
	d := &descent{met: map[string]bool{"": true}} // null is not ranked
	for i := range t.parts {
		d.parts = append(d.parts, &partRanks{&t.parts[i], t.parts[i].counts.top()})
	}
	for _, r := range t.eras {
		known, err := r.counts(t.col)
		if err != nil {
			return nil, err
		}
		d.parts = append(d.parts, &eraRanks{era: r, known: known, col: t.col})
	}
	d.counts = make([]uint64, len(d.parts))
	return d, nil
}

// partRanks goes through the values of a part.
type partRanks struct {
	*partCounts
	cursor cursor
}

func (p *partRanks) next() (string, uint64, bool) {
	code, n, ok := p.cursor.next()
	if !ok {
		return "", 0, false
	}
	return p.dict.value(code), uint64(n), true
}

func (p *partRanks) count(value string) (uint64, error) {
	if code, ok := p.dict.find(value); ok {
		return uint64(p.counts.count(code)), nil
	}
	return 0, nil
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
	d.ended = true
	for i, p := range d.parts {
		for range ranks {
			value, count, ok := p.next()
			d.sum += count - d.counts[i]
			if d.counts[i] = count; !ok {
				break
			}
			d.ended = false
			if d.met[value] {
				continue
			}
			c := fresh[value]
			if c == nil {
				c = &candidate{ranked: ranked{value: value}}
				fresh[value] = c
			}
			c.n, c.in = c.n+count, append(c.in, i)
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
func (d *descent) complete(c *candidate, least uint64) (bool, error) {
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
			return false, nil
		}
		rest -= d.counts[i]
		d.lookups++
		n, err := p.count(c.value)
		if err != nil {
			return false, err
		}
		c.n += n
	}
	return c.n >= least, nil
}
