package store

// What is not in memory is read in large pieces, while those before are looked
// at: a disk takes as long for one piece as for many at once. Little is read in
// vain, by these bounds.
const (
	aheadBlocks = 32 // of a list
	aheadParts  = 4  // in whose dictionaries or lookups a filter is looked up
)

// ahead begins to read blocks.
func (p *plan) ahead(blocks ...int) {
	s, ok := p.part.(*segment)
	if !ok || len(blocks) == 0 {
		return
	}
	for _, n := range blocks {
		s.aheadOf(n)
	}
	s.aheadOfSections(sectionPairs, sectionPairs+numCols-1)
}

// aheadOfList begins to read the first of the blocks, which will be opened in this
// order and no others. With each that is, aheadOfNext begins another one.
func (p *plan) aheadOfList(blocks []int) {
	n := min(len(blocks), aheadBlocks)
	p.ahead(blocks[:n]...)
	p.later = blocks[n:]
}

// aheadOfNext begins to read one more block of the list.
func (p *plan) aheadOfNext() {
	if len(p.later) > 0 {
		p.ahead(p.later[0])
		p.later = p.later[1:]
	}
}

// aheadOfFilter begins to read what the filter is looked up in first.
func (p *plan) aheadOfFilter() {
	s, ok := p.part.(*segment)
	if !ok || p.prepared || p.none {
		return
	}
	f := p.filter
	if f.RequestID != "" {
		s.aheadOfPaged(sectionRequests)
	}
	if f.IdentityID != "" {
		s.aheadOfSections(sectionDictionary+colIdentity, sectionDictionary+colIdentity)
	}
	if f.SecretPath != "" || f.PathPrefix != "" {
		s.aheadOfSections(sectionDictionary+colPath, sectionDictionary+colPath)
	}
	if len(f.SourceIPs) > 0 {
		s.aheadOfSections(sectionDictionary+colIP, sectionDictionary+colIP)
	}
}

// aheadOfParts begins to read what the filter is looked up in in the parts that
// follow p in a walk, descending or ascending by index.
func aheadOfParts(parts []*plan, p *plan, desc bool) {
	for k := 1; k <= aheadParts; k++ {
		i := p.number + k
		if desc {
			i = p.number - k
		}
		if i >= 0 && i < len(parts) {
			parts[i].aheadOfFilter()
		}
	}
}
