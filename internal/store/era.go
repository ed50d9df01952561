package store

import (
	"slices"
	"sync"
)

// era is eraLength segments of a log that follow each other, the first of which
// has a place in it that eraLength divides. Segments do not change, so what is
// counted of all their rows is kept, bounded, for the next summary: of a log of a
// thousand segments it goes through a hundred eras.
type era struct {
	of     []*segment
	mu     sync.Mutex // guards all below
	known  [numCols]*eraCounts
	trails map[trailOf]*trailSum // those that were asked for
	kept   int                   // values in them
}

const (
	eraLength = 8
	// mostRanked is how many of the most frequent values of a column an era knows,
	// mostLooked how many others that were asked for.
	mostRanked = 64
	mostLooked = 256
	// mostTrailed is how many values of the other side its trails may have.
	mostTrailed = 4096
)

// eraCounts is what an era knows of a column.
type eraCounts struct {
	list  []ranked // the most frequent values, null not among them
	below uint64   // how often any other occurs at most
	n     map[string]uint64
}

// eraOf returns the era of segments, of which s is the first.
func (s *segment) eraOf(of []*segment) *era {
	e := s.era.Load()
	if e == nil || !slices.Equal(e.of, of) {
		e = &era{of: slices.Clone(of)}
		s.era.Store(e)
	}
	return e
}

// eraAt returns the era of the view's parts from i on, nil if they are none or one
// of them is not whole.
func (v *view) eraAt(i int, whole func(*plan) (bool, error)) (*era, error) {
	var of [eraLength]*segment
	if first := v.parts[i]; first.place%eraLength != 0 || len(v.parts)-i < eraLength {
		return nil, nil
	}
	for k := range of {
		p := v.parts[i+k]
		s, ok := p.part.(*segment)
		if !ok || p.place != v.parts[i].place+k {
			return nil, nil
		}
		if ok, err := whole(p); err != nil || !ok {
			return nil, err
		}
		of[k] = s
	}
	return of[0].eraOf(of[:]), nil
}

// complete reports whether the plan selects all rows of its part.
func (p *plan) complete() (bool, error) {
	if !p.spans() {
		return false, nil
	}
	err := p.prepare()
	return p.free(), err
}

// spans reports whether all rows of the part are in the plan's times, and seen.
func (p *plan) spans() bool {
	return p.from <= p.least && p.most < p.to && p.indexes().To <= p.below
}

// counts returns what is known of a column.
func (e *era) counts(col int) (*eraCounts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.known[col]; c != nil {
		return c, nil
	}
	all, err := e.tally(col)
	if err != nil {
		return nil, err
	}
	c := &eraCounts{n: make(map[string]uint64)}
	if c.list, err = all.top(mostRanked); err != nil {
		return nil, err
	}
	if len(c.list) == mostRanked {
		c.below = c.list[mostRanked-1].n
	}
	for _, v := range c.list {
		c.n[v.value] = v.n
	}
	e.known[col] = c
	return c, nil
}

// tally returns the counts of a column in each of the segments.
func (e *era) tally(col int) (*tally, error) {
	t := newTally(col)
	for _, s := range e.of {
		if err := t.begin(&span{part: s, to: s.rows()}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// count returns how often a value of a column occurs.
func (e *era) count(c *eraCounts, col int, value string) (uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, ok := c.n[value]
	if ok || c.below == 0 {
		return n, nil
	}
	for _, s := range e.of {
		w, err := s.words(col)
		if err != nil {
			return 0, err
		}
		if code, ok := w.find(value); ok {
			n += uint64(w.ranking.count(code))
		}
	}
	if len(c.n) < mostRanked+mostLooked {
		c.n[value] = n
	}
	return n, nil
}

// trail returns what a trail has in the era, nil if that is not known.
func (e *era) trail(of trailOf) *trailSum {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.trails[of]
}

// keep keeps what a trail has in the era, and others no longer if it is too much.
func (e *era) keep(of trailOf, sum *trailSum) {
	n := len(sum.others) + 1
	if n > mostTrailed {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.trails == nil {
		e.trails = make(map[trailOf]*trailSum)
	}
	if e.trails[of] != nil {
		return // somebody else asked the same meanwhile
	}
	for other, old := range e.trails {
		if e.kept+n <= mostTrailed {
			break
		}
		e.kept -= len(old.others) + 1
		delete(e.trails, other)
	}
	e.trails[of] = sum
	e.kept += n
}

// eraRanks goes through the values of an era that are ranked.
type eraRanks struct {
	*era
	known *eraCounts
	col   int
	at    int
}

func (r *eraRanks) next() (string, uint64, bool) {
	if r.at == len(r.known.list) {
		return "", r.known.below, false
	}
	v := r.known.list[r.at]
	r.at++
	return v.value, v.n, true
}

func (r *eraRanks) count(value string) (uint64, error) { return r.era.count(r.known, r.col, value) }
