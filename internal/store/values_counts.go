package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/scaivault/audit"
)

// valueCounts is how often the values of a column occur in the rows that a plan
// selects. Of a part whose rows are read they come with their times; of a
// segment from its own counts, and times are looked for when they are asked for.
type valueCounts struct {
	plan   *plan
	col    int
	values lexicon
	ranges []codeRange // the ranks that are looked at, ascending
	byRank []uint32
	// By code; nil if the rows were not read.
	first, last []audit.Time
}

// countValues counts the rows of a view by the values of a column. within
// bounds the values of paths. Of ctx's deadline it returns the parts that were
// counted before it.
func (v *view) countValues(ctx context.Context, col int, within []audit.Path) (list []*valueCounts, err error) {
	if err := v.intact(); err != nil {
		return nil, err
	}
	for _, p := range v.parts {
		if err := ctx.Err(); err != nil {
			return list, err
		}
		c, err := p.countValues(ctx, col, within)
		if err != nil {
			return list, err
		}
		if c != nil {
			list = append(list, c)
		}
	}
	return list, nil
}

// countValues counts the rows of a part; nil if there are none.
func (p *plan) countValues(ctx context.Context, col int, within []audit.Path) (*valueCounts, error) {
	if err := p.prepare(); err != nil || p.none {
		return nil, err
	}
	dict, err := p.dictionary(col)
	if err != nil {
		return nil, err
	}
	c := &valueCounts{plan: p, col: col, values: dict.lexicon()}
	c.ranges = []codeRange{{1, uint32(c.values.len())}} // without the empty value
	if len(within) > 0 {
		c.ranges = below(c.values, within)
	}
	if len(c.ranges) == 0 {
		return nil, nil
	}
	s, ok, err := p.spanOf()
	switch {
	case err != nil:
		return nil, err
	case ok:
		c.byRank, err = s.countCodes(col)
		return c, err // the codes of a segment are ranks
	}
	return c, c.read(ctx)
}

// read counts the rows of a part by reading them.
func (c *valueCounts) read(ctx context.Context) error {
	n := c.values.len()
	byCode := make([]uint32, n)
	c.first, c.last = make([]audit.Time, n), make([]audit.Time, n)
	var codes []uint32
	var times []audit.Time
	err := c.plan.each(ctx, func(_ *plan, b block, rows []uint16) error {
		codes, times = b.codes(c.col, codes), b.times(times)
		for _, i := range rows {
			code, t := codes[i], times[i]
			if int(code) >= n { // a damaged code is none
				continue
			}
			if byCode[code] == 0 {
				c.first[code], c.last[code] = t, t
			}
			c.first[code], c.last[code] = min(c.first[code], t), max(c.last[code], t)
			byCode[code]++
		}
		return nil
	})
	c.byRank = make([]uint32, n)
	for rank := range c.byRank {
		c.byRank[rank] = byCode[c.values.code(uint32(rank))]
	}
	return err
}

// countCodes counts the rows of a span by the codes of a column: those of its
// part less those that are not in the span, or those in it.
func (s *span) countCodes(col int) ([]uint32, error) {
	ranking, err := s.counts(col)
	if err != nil {
		return nil, err
	}
	list, step := ranking.all(), ^uint32(0) // one less
	if s.from == 0 && s.to == s.rows() {
		return list, nil
	}
	if !s.most() {
		clear(list)
		step = 1
	}
	var codes []uint32
	err = s.read(func(b block, from, to int) {
		codes = b.codes(col, codes)
		for _, code := range codes[from:to] {
			if int(code) < len(list) {
				list[code] += step
			}
		}
	})
	return list, err
}

// sum returns how many rows have values of a range of ranks.
func (c *valueCounts) sum(r codeRange) (n uint64) {
	for _, count := range c.byRank[r.from:r.to] {
		n += uint64(count)
	}
	return n
}

// least and most return times that no selected row lies beyond.
func (c *valueCounts) least() audit.Time { return max(c.plan.least, c.plan.from) }
func (c *valueCounts) most() audit.Time  { return min(c.plan.most, c.plan.to-1) }

// noTime is the time of what does not occur.
const noTime audit.Time = -1

// clip calls use with what of a range of ranks is looked at.
func (c *valueCounts) clip(r codeRange, use func(codeRange)) {
	for _, own := range c.ranges {
		if from, to := max(own.from, r.from), min(own.to, r.to); from < to {
			use(codeRange{from, to})
		}
	}
}

// times returns the first or the last times of n sets of values, each of which
// occurs in one part at least. ranks calls use with the ranks of set i in a part.
//
// Parts are asked in the order in which they begin, or end, and only for sets
// for which they may change something.
func times(parts []*valueCounts, n int, last bool,
	ranks func(c *valueCounts, i int, use func(codeRange))) ([]audit.Time, error) {
	bound := func(c *valueCounts) audit.Time { // no row lies beyond; the later, the more promising
		if last {
			return c.most()
		}
		return -c.least()
	}
	sign := audit.Time(-1)
	if last {
		sign = 1
	}
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b *valueCounts) int { return cmp.Compare(bound(b), bound(a)) })
	found := make([]audit.Time, n)
	for i := range found {
		found[i] = noTime
	}
	for _, c := range parts {
		var due []int
		var wanted []codeRange
		for i, t := range found {
			if t != noTime && t*sign >= bound(c) {
				continue
			}
			ranks(c, i, func(r codeRange) {
				if c.sum(r) > 0 {
					due, wanted = append(due, i), append(wanted, r)
				}
			})
		}
		ends, err := c.ends(wanted, last)
		if err != nil {
			return nil, err
		}
		for k, t := range ends {
			if i := due[k]; t != noTime && (found[i] == noTime || t*sign > found[i]*sign) {
				found[i] = t
			}
		}
	}
	return found, nil
}
