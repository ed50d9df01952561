package store

import "slices"

// top returns the n values that were counted most, ties by name: the threshold
// algorithm of Fagin, Lotem and Naor, "Optimal aggregation algorithms for
// middleware" (2001). It goes down the rankings of all parts side by side and
// looks each value that it meets up in the others, until no value below can
// reach the first n.
func (t *tally) top(n int) []ranked {
	cursors := make([]cursor, len(t.parts))
	for i, p := range t.parts {
		cursors[i] = p.counts.top()
	}
	var best []ranked
	seen := map[string]bool{"": true} // null is not ranked
	for most := t.worth(); len(seen) <= most; {
		var threshold uint64
		for i, p := range t.parts {
			code, count, ok := cursors[i].next()
			if !ok {
				continue
			}
			threshold += uint64(count)
			value := p.dict.value(code)
			if seen[value] {
				continue
			}
			seen[value] = true
			r := ranked{value, t.sum(value, i, count)}
			at, _ := slices.BinarySearchFunc(best, r, ranked.compare)
			best = slices.Insert(best, at, r)
			best = best[:min(len(best), n)]
		}
		if threshold == 0 || len(best) == n && best[n-1].n > threshold {
			return best
		}
	}
	return rank(t.fold(), n)
}

// sum returns how often a value occurs, of which part i has count.
func (t *tally) sum(value string, i int, count int64) uint64 {
	for j, p := range t.parts {
		if j == i {
			continue
		}
		if code, ok := p.dict.find(value); ok {
			count += p.counts.count(code)
		}
	}
	return uint64(count)
}

// worth returns how many values may be looked up in all parts before it costs
// less to add up the counts of all values.
func (t *tally) worth() int {
	const perLookup = 8 // values that are added up while one is looked up in a part
	values := 0
	for _, p := range t.parts {
		values += p.dict.len()
	}
	return max(values/(perLookup*max(len(t.parts), 1)), 100)
}
