package store

import (
	"cmp"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// counts is how often the values of a column occur in some rows of a part.
type counts interface {
	count(code uint32) int64
	// top returns a cursor before the most frequent value.
	top() cursor
}

// cursor goes through the values that occur, the most frequent first, then by
// code; false is the end.
type cursor interface {
	next() (code uint32, count int64, ok bool)
}

// tally counts rows by the values of a column, over all parts. Those of an era, an
// era has counted.
type tally struct {
	col   int
	parts []partCounts
	eras  []*era
	codes []uint32 // scratch
}

// partCounts is the part of a tally that counts the rows of one part.
type partCounts struct {
	part   part
	dict   dictionary
	counts counts
}

func newTally(col int) *tally { return &tally{col: col} }

// add counts rows of a block.
func (t *tally) add(p *plan, b block, rows []uint16) error {
	n, err := t.scanned(p)
	if err != nil {
		return err
	}
	if len(rows) < b.len()/16 {
		for _, i := range rows {
			n.add(b.code(t.col, int(i)), 1)
		}
		return nil
	}
	t.codes = b.codes(t.col, t.codes)
	for _, i := range rows {
		n.add(t.codes[i], 1)
	}
	return nil
}

// scanned returns the counts of a part whose rows are read.
func (t *tally) scanned(p *plan) (*scanned, error) {
	if n := len(t.parts); n > 0 && t.parts[n-1].part == p.part {
		return t.parts[n-1].counts.(*scanned), nil
	}
	d, err := p.dictionary(t.col)
	if err != nil {
		return nil, err
	}
	n := new(scanned)
	if p.listed && len(p.narrow) < d.len() {
		n.few = make(map[uint32]uint32)
	} else {
		n.many = make([]uint32, d.len())
	}
	t.parts = append(t.parts, partCounts{p.part, d, n})
	return n, nil
}

// begin begins to count the rows of a span: with those of its part, from which
// others are taken off, or with none.
func (t *tally) begin(s *span) error {
	d, err := s.dictionary(t.col)
	if err != nil {
		return err
	}
	all, err := s.counts(t.col)
	if err != nil {
		return err
	}
	p := partCounts{part: s.part, dict: d, counts: all}
	switch {
	case s.from == 0 && s.to == s.rows(): // nothing will be read
	case s.most():
		p.counts = &scanned{many: all.all()}
	default:
		p.counts = &scanned{many: make([]uint32, d.len())}
	}
	t.parts = append(t.parts, p)
	return nil
}

// read adds n for each of the rows from ≤ row < to of a block of the span that
// was begun last.
func (t *tally) read(b block, from, to int, n uint32) {
	counts := t.parts[len(t.parts)-1].counts.(*scanned) // of many values
	t.codes = b.codes(t.col, t.codes)
	counts.addAll(t.codes[from:to], n)
}

// addEra counts the rows of an era.
func (t *tally) addEra(r *era) { t.eras = append(t.eras, r) }

// single returns the tally of the same rows without eras.
func (t *tally) single() (*tally, error) {
	if len(t.eras) == 0 {
		return t, nil
	}
	all := &tally{col: t.col, parts: slices.Clone(t.parts)}
	for _, r := range t.eras {
		of, err := r.tally(t.col)
		if err != nil {
			return nil, err
		}
		all.parts = append(all.parts, of.parts...)
	}
	return all, nil
}

// fold returns the counts by value; null is not among them.
func (t *tally) fold() (map[string]uint64, error) {
	sums := make(map[string]uint64)
	for _, r := range t.eras {
		best, err := r.counts(t.col)
		if err != nil {
			return nil, err
		}
		if best.below > 0 { // it does not know all
			if t, err = t.single(); err != nil {
				return nil, err
			}
			return t.fold()
		}
		for _, v := range best.list {
			sums[v.value] += v.n
		}
	}
	for _, p := range t.parts {
		for c := p.counts.top(); ; {
			code, n, ok := c.next()
			if !ok {
				break
			}
			sums[p.dict.value(code)] += uint64(n)
		}
	}
	delete(sums, "")
	return sums, nil
}

// breakdown returns the counts by action.
func (t *tally) breakdown() (map[audit.Action]uint64, error) {
	m := make(map[audit.Action]uint64)
	sums, err := t.fold()
	for value, n := range sums {
		m[audit.Action(value)] = n
	}
	return m, err
}

// ranked is a value and its count.
type ranked struct {
	value string
	n     uint64
}

// compare orders ranked values: the most frequent first, ties by name.
func (a ranked) compare(b ranked) int {
	return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.value, b.value))
}

// rank returns the first n of the values in their order.
func rank(sums map[string]uint64, n int) []ranked {
	list := make([]ranked, 0, len(sums))
	for value, count := range sums {
		list = append(list, ranked{value, count})
	}
	slices.SortFunc(list, ranked.compare)
	return list[:min(n, len(list))]
}

func identityCounts(list []ranked) []audit.IdentityCount {
	counts := make([]audit.IdentityCount, len(list))
	for i, r := range list {
		counts[i] = audit.IdentityCount{IdentityID: audit.IdentityID(r.value), Count: r.n}
	}
	return counts
}

func pathCounts(list []ranked) []audit.PathCount {
	counts := make([]audit.PathCount, len(list))
	for i, r := range list {
		counts[i] = audit.PathCount{Path: audit.Path(r.value), Count: r.n}
	}
	return counts
}
