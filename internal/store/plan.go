package store

import (
	"slices"

	"github.com/scaivault/audit"
)

// plan is a filter in terms of a part's rows: which codes a row may have, and
// in which rows to look. Before prepare only its bounds say something.
type plan struct {
	part
	number      int // among the parts of the view
	place       int // of a segment: among those of the log
	filter      *audit.Filter
	least, most audit.Time // no row of the part lies beyond
	from, to    audit.Time // from ≤ time < to is selected
	below       uint64     // indexes from here on are not seen
	prepared    bool
	none        bool // no row can match
	sets        []restriction
	// narrow holds every row that can match, ascending, if listed is true.
	narrow []uint32
	listed bool
	later  []int    // see aheadOfList
	codes  []uint32 // scratch
	found  []uint16 // scratch
	// visited is what a block of a segment is opened in if one is done with before
	// the next; nil if several are kept.
	visited *segmentBlock
}

// restriction is the codes that a column of a row may have.
type restriction struct {
	col int
	codeSet
	few []uint32 // its codes if these are few, else none
}

// makePlan returns the plan of a part.
func makePlan(of part, f *audit.Filter) plan {
	p := plan{part: of, filter: f, to: audit.MaxTime + 1, below: everything}
	p.least, p.most = of.times()
	if f.From != nil {
		p.from = *f.From
	}
	if f.To != nil {
		p.to = min(p.to, *f.To)
	}
	p.none = p.from >= p.to || p.most < p.from || p.least >= p.to
	return p
}

// prepare looks the filter's values up in the part, once.
func (p *plan) prepare() error {
	if p.prepared || p.none {
		return nil
	}
	p.prepared = true
	f := p.filter
	if f.RequestID != "" {
		rows, err := p.requests(f.RequestID)
		if err != nil {
			return err
		}
		p.look(rows)
	}
	for _, c := range []struct {
		col    int
		values []string
		not    []string
	}{
		{colIdentity, valuesOf(f.IdentityID), valuesOf(f.NotIdentityID)},
		{colPath, valuesOf(f.SecretPath), nil},
		{colIP, f.SourceIPs, f.NotSourceIPs},
		{colType, valuesOf(f.IdentityType), nil},
		{colAction, valuesOf(f.Actions...), valuesOf(f.NotActions...)},
	} {
		if err := p.only(c.col, c.values); err != nil {
			return err
		}
		if err := p.not(c.col, c.not); err != nil {
			return err
		}
	}
	return p.paths()
}

// valuesOf returns the values that are set as strings.
func valuesOf[S ~string](values ...S) []string {
	var list []string
	for _, v := range values {
		if v != "" {
			list = append(list, string(v))
		}
	}
	return list
}

// codesOf returns the codes of the values that occur in a column.
func (p *plan) codesOf(col int, values []string) (set codeSet, err error) {
	d, err := p.dictionary(col)
	if err != nil {
		return set, err
	}
	for _, v := range values {
		if code, ok := d.find(v); ok && !set.has(code) {
			set.add(code, code+1)
		}
	}
	return set, nil
}

// only admits the rows whose value in the column is one of values, if there
// are any.
func (p *plan) only(col int, values []string) error {
	if len(values) == 0 || p.none {
		return nil
	}
	set, err := p.codesOf(col, values)
	if err != nil {
		return err
	}
	return p.admit(col, set)
}

// not leaves out the rows whose value in the column is one of values.
func (p *plan) not(col int, values []string) error {
	if len(values) == 0 || p.none {
		return nil
	}
	set, err := p.codesOf(col, values)
	set.not = true
	p.restrict(restriction{col: col, codeSet: set})
	return err
}

// paths applies the filter's rules about prefixes.
func (p *plan) paths() error {
	f := p.filter
	if p.none || f.PathPrefix == "" && f.NotPathPrefix == "" && len(f.Within) == 0 {
		return nil
	}
	paths, err := p.dictionary(colPath)
	if err != nil {
		return err
	}
	if f.PathPrefix != "" {
		if err := p.admit(colPath, paths.within([]audit.Path{f.PathPrefix})); err != nil {
			return err
		}
	}
	if len(f.Within) > 0 {
		if err := p.admit(colPath, paths.within(f.Within)); err != nil {
			return err
		}
	}
	if f.NotPathPrefix != "" {
		set := paths.within([]audit.Path{f.NotPathPrefix})
		set.not = true
		p.restrict(restriction{col: colPath, codeSet: set})
	}
	return nil
}

// restrict admits only rows whose codes are in a set. Sets of few codes, whose
// rows are found quickly, stand before the others.
func (p *plan) restrict(r restriction) {
	r.few = r.singles()
	r.flatten()
	at := len(p.sets)
	for len(r.few) > 0 && at > 0 && len(p.sets[at-1].few) == 0 {
		at--
	}
	p.sets = slices.Insert(p.sets, at, r)
}

// admit admits only rows whose code in the column is in the set. Where the part
// lists the rows of the codes, these are all that is looked at.
func (p *plan) admit(col int, set codeSet) error {
	if p.none = p.none || set.none(); p.none {
		return nil
	}
	var lists [][]uint32
	for _, codes := range set.ranges {
		rows, listed, err := p.postings(col, codes)
		if err != nil {
			return err
		}
		if !listed {
			lists = nil
			break
		}
		lists = append(lists, rows)
	}
	if len(lists) == 0 {
		p.restrict(restriction{col: col, codeSet: set})
		return nil
	}
	p.look(union(lists))
	return nil
}

// admitEach is admit for single codes, which may be many. They are looked up in
// lists where these hold few of the part's rows.
func (p *plan) admitEach(col int, codes []uint32) error {
	var lists [][]uint32
	few := true
	for listed, i := 0, 0; few && i < len(codes); i++ {
		rows, ok, err := p.postings(col, codeRange{codes[i], codes[i] + 1})
		if err != nil {
			return err
		}
		lists, listed = append(lists, rows), listed+len(rows)
		few = ok && listed*mostListed <= p.rows()
	}
	switch {
	case p.none || len(codes) == 0:
		p.none = true
	case few:
		p.look(union(lists))
	case len(codes) == 1:
		p.restrict(restriction{col: col, codeSet: codeSet{ranges: []codeRange{{codes[0], codes[0] + 1}}}})
	default:
		set := codeSet{member: make([]bool, 1+slices.Max(codes))}
		for _, code := range codes {
			set.member[code] = true
		}
		p.restrict(restriction{col: col, codeSet: set})
	}
	return nil
}

// union returns the rows of disjoint lists, ascending.
func union(lists [][]uint32) []uint32 {
	rows := lists[0]
	if len(lists) > 1 {
		rows = slices.Concat(lists...)
	}
	if !slices.IsSorted(rows) {
		slices.Sort(rows)
	}
	return rows
}

// look says that only these rows, which ascend, can match.
func (p *plan) look(rows []uint32) {
	if p.listed {
		rows = intersect(p.narrow, rows)
	}
	p.narrow, p.listed = rows, true
	p.none = p.none || len(rows) == 0
}

// free reports whether the plan selects every row of the part that is in its
// times.
func (p *plan) free() bool {
	f := p.filter
	return !p.none && !p.listed && len(p.sets) == 0 && f.Success == nil && len(f.Extra) == 0
}

// blocksIn returns the blocks that may hold a selected row, ascending.
func (p *plan) blocksIn() (blocks []int) {
	if !p.listed {
		for n := range p.blocks() {
			if p.in(n) {
				blocks = append(blocks, n)
			}
		}
		return blocks
	}
	last := -1
	for _, row := range p.narrow {
		n := int(row >> chunkBits)
		if n == last {
			continue
		}
		if last = n; n < p.blocks() && p.in(n) {
			blocks = append(blocks, n)
		}
	}
	return blocks
}

// in reports whether block n may hold a selected row.
func (p *plan) in(n int) bool {
	if p.none {
		return false
	}
	least, most := p.bounds(n)
	return least < p.to && most >= p.from && (!p.listed || len(p.within(n)) > 0)
}

// within returns the part of p.narrow that lies in block n.
func (p *plan) within(n int) []uint32 {
	first := uint32(n) << chunkBits
	rows := p.narrow[gallop(p.narrow, first):]
	return rows[:gallop(rows, first+chunkRows)]
}
