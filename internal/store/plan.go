package store

import (
	"cmp"
	"slices"

	"github.com/scaivault/audit"
)

// plan is a filter in terms of a part's rows: which codes a row may have, and
// in which rows to look.
type plan struct {
	part
	filter   *audit.Filter
	from, to audit.Time // from ≤ time < to
	below    uint64     // indexes from here on are not seen
	sets     [numCols]codeSet
	none     bool // no row can match
	// narrow holds every row that can match, ascending, if listed is true.
	narrow []uint32
	listed bool
}

// newPlan prepares a filter for a part.
func newPlan(of part, f *audit.Filter) (*plan, error) {
	p := &plan{part: of, filter: f, to: audit.MaxTime + 1, below: everything}
	if f.From != nil {
		p.from = *f.From
	}
	if f.To != nil {
		p.to = min(p.to, *f.To)
	}
	p.none = p.from >= p.to
	for _, restriction := range []struct {
		col    int
		values []string
	}{
		{colIdentity, texts(f.IdentityID)},
		{colType, texts(f.IdentityType)},
		{colPath, texts(f.SecretPath)},
		{colAction, texts(f.Actions...)},
		{colIP, f.SourceIPs},
	} {
		if err := p.only(restriction.col, restriction.values); err != nil {
			return nil, err
		}
	}
	if f.RequestID != "" && !p.none {
		rows, err := p.requests(f.RequestID)
		if err != nil {
			return nil, err
		}
		p.look(rows)
	}
	return p, p.leaveOut(f)
}

// newSegmentPlan is newPlan for a segment; one whose times lie outside the
// filter's is not looked at.
func newSegmentPlan(s *sealed, f *audit.Filter) (*plan, error) {
	if f.From != nil && s.most < *f.From || f.To != nil && s.least >= *f.To {
		return &plan{part: s.part, filter: f, none: true}, nil
	}
	return newPlan(s.part, f)
}

// leaveOut applies the filter's exclusions.
func (p *plan) leaveOut(f *audit.Filter) error {
	for _, restriction := range []struct {
		col    int
		values []string
	}{
		{colIdentity, texts(f.NotIdentityID)},
		{colAction, texts(f.NotActions...)},
		{colIP, f.NotSourceIPs},
	} {
		if err := p.not(restriction.col, restriction.values); err != nil {
			return err
		}
	}
	return nil
}

// texts returns the values that are set as strings.
func texts[S ~string](values ...S) []string {
	var list []string
	for _, v := range values {
		if v != "" {
			list = append(list, string(v))
		}
	}
	return list
}

// only admits the rows whose value in the column is one of values, if there
// are any.
func (p *plan) only(col int, values []string) error {
	if len(values) == 0 || p.none {
		return nil
	}
	d, err := p.dictionary(col)
	if err != nil {
		return err
	}
	set := make(codeSet, d.len())
	var lists [][]uint32
	all := true
	for _, v := range values {
		code, ok, err := p.find(col, v)
		if err != nil {
			return err
		}
		if !ok || set[code] {
			continue
		}
		set[code] = true
		rows, listed, err := p.postings(col, code)
		if err != nil {
			return err
		}
		lists, all = append(lists, rows), all && listed
	}
	if all {
		p.look(union(lists))
	}
	p.restrict(col, set)
	return nil
}

// union returns the rows of disjoint lists, ascending.
func union(lists [][]uint32) []uint32 {
	if len(lists) == 1 {
		return lists[0]
	}
	rows := slices.Concat(lists...)
	slices.Sort(rows)
	return rows
}

// not leaves out the rows whose value in the column is one of values.
func (p *plan) not(col int, values []string) error {
	if len(values) == 0 || p.none {
		return nil
	}
	d, err := p.dictionary(col)
	if err != nil {
		return err
	}
	set := make(codeSet, d.len())
	for code := range set {
		set[code] = true
	}
	for _, v := range values {
		code, ok, err := p.find(col, v)
		if err != nil {
			return err
		}
		if ok {
			set[code] = false
		}
	}
	p.restrict(col, set)
	return nil
}

// paths applies the filter's rules about paths. It may walk all of them, so it
// is called without the lock.
func (p *plan) paths() error {
	f := p.filter
	if p.none || f.PathPrefix == "" && f.NotPathPrefix == "" && len(f.Within) == 0 {
		return nil
	}
	d, err := p.dictionary(colPath)
	if err != nil {
		return err
	}
	p.restrictFunc(colPath, d, func(v string) bool { return f.MatchPath(audit.Path(v)) })
	return nil
}

func (p *plan) restrictFunc(col int, d dictionary, ok func(string) bool) {
	set := make(codeSet, d.len())
	for code := range set {
		set[code] = ok(d.value(uint32(code)))
	}
	p.restrict(col, set)
}

// restrict admits only rows whose code in the column is in the set.
func (p *plan) restrict(col int, set codeSet) {
	if old := p.sets[col]; old != nil {
		for code := range set {
			set[code] = set[code] && old.has(uint32(code))
		}
	}
	p.sets[col] = set
	p.none = p.none || !slices.Contains(set, true)
}

// look says that only these rows, which ascend, can match.
func (p *plan) look(rows []uint32) {
	if p.listed {
		rows = intersect(p.narrow, rows)
	}
	p.narrow, p.listed = rows, true
	p.none = p.none || len(rows) == 0
}

// free reports whether the plan selects every row of the part.
func (p *plan) free() bool {
	for _, set := range p.sets {
		if set != nil {
			return false
		}
	}
	f := p.filter
	return !p.none && !p.listed && f.From == nil && f.To == nil && f.Success == nil && len(f.Extra) == 0
}

// in reports whether block n may hold a selected row.
func (p *plan) in(n int) bool {
	least, most := p.bounds(n)
	return !p.none && least < p.to && most >= p.from && (!p.listed || len(p.within(n)) > 0)
}

// within returns the part of p.narrow that lies in block n.
func (p *plan) within(n int) []uint32 {
	first := uint32(n) << chunkBits
	rows := p.narrow[gallop(p.narrow, first):]
	return rows[:gallop(rows, first+chunkRows)]
}

// selected returns block n and its selected rows, ascending.
func (p *plan) selected(n int) (block, []uint16, error) {
	if !p.in(n) {
		return nil, nil, nil
	}
	b, err := p.block(n)
	if err != nil {
		return nil, nil, err
	}
	rows := p.candidates(b, n)
	for col, set := range p.sets {
		if set != nil && len(rows) > 0 {
			rows = keepCodes(rows, b, col, set)
		}
	}
	f := p.filter
	if f.Success != nil {
		rows = keep(rows, func(i int) bool { return b.success(i) == *f.Success })
	}
	if f.RequestID != "" {
		rows = keep(rows, func(i int) bool { return string(b.request(i)) == f.RequestID })
	}
	if len(f.Extra) > 0 {
		rows = keep(rows, func(i int) bool { return f.MatchExtra(string(b.extra(i))) })
	}
	return b, rows, p.bound(n, &rows)
}

// bound drops the rows whose index the view does not see.
func (p *plan) bound(n int, rows *[]uint16) (err error) {
	if p.indexes().To <= p.below {
		return nil
	}
	*rows = keep(*rows, func(i int) bool {
		index, e := p.indexOf(n<<chunkBits + i)
		err = cmp.Or(err, e)
		return index < p.below
	})
	return err
}

// candidates returns the rows of block n, ascending, that the lists and the
// times of the plan admit.
func (p *plan) candidates(b block, n int) []uint16 {
	least, most := p.bounds(n)
	whole := p.from <= least && most < p.to
	if p.listed {
		list := p.within(n)
		rows := make([]uint16, 0, len(list))
		for _, row := range list {
			i := int(row) % chunkRows
			if i < b.len() && (whole || p.admits(b.time(i))) {
				rows = append(rows, uint16(i))
			}
		}
		return rows
	}
	rows := make([]uint16, 0, b.len())
	if whole {
		for i := range b.len() {
			rows = append(rows, uint16(i))
		}
		return rows
	}
	for i, t := range b.times(nil) {
		if p.admits(t) {
			rows = append(rows, uint16(i))
		}
	}
	return rows
}

func (p *plan) admits(t audit.Time) bool { return p.from <= t && t < p.to }

// keepCodes keeps the rows whose code in the column is in the set. Where many
// are left it is cheaper to read the whole column.
func keepCodes(rows []uint16, b block, col int, set codeSet) []uint16 {
	if len(rows) > b.len()/16 {
		codes := b.codes(col, nil)
		return keep(rows, func(i int) bool { return set.has(codes[i]) })
	}
	return keep(rows, func(i int) bool { return set.has(b.code(col, i)) })
}

// keep keeps, in place, the rows for which ok holds.
func keep(rows []uint16, ok func(i int) bool) []uint16 {
	kept := rows[:0]
	for _, i := range rows {
		if ok(int(i)) {
			kept = append(kept, i)
		}
	}
	return kept
}

// ordered returns block n and its selected rows by (time, index).
func (p *plan) ordered(n int) (block, []uint16, error) {
	b, rows, err := p.selected(n)
	if err != nil || len(rows) < 2 || b.order() == nil {
		return b, rows, err
	}
	if len(rows) < b.len()/16 {
		slices.SortFunc(rows, func(x, y uint16) int {
			return cmp.Or(cmp.Compare(b.time(int(x)), b.time(int(y))), cmp.Compare(x, y))
		})
		return b, rows, nil
	}
	var chosen [chunkRows]bool
	for _, i := range rows {
		chosen[i] = true
	}
	rows = rows[:0]
	for _, i := range b.order() {
		if chosen[i] {
			rows = append(rows, i)
		}
	}
	return b, rows, nil
}
