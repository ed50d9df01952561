package proof

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/scaivault/audit"
)

// rangeBuilder gathers the trails of a range of level 0 while its lines come, in
// their order. It takes 100 bytes for each subject.
type rangeBuilder struct {
	identities map[string]*chain // by the text in the lines
	paths      map[string]*chain
}

func newRangeBuilder() *rangeBuilder {
	return &rangeBuilder{make(map[string]*chain), make(map[string]*chain)}
}

// add adds a line and its leaf hash.
func (b *rangeBuilder) add(index uint64, line []byte, leaf *Hash) error {
	identity, path, hasPath, err := namesIn(line)
	if err != nil {
		return err
	}
	link(b.identities, identity, index, leaf)
	if hasPath {
		link(b.paths, path, index, leaf)
	}
	return nil
}

func link(trails map[string]*chain, name []byte, index uint64, leaf *Hash) {
	c := trails[string(name)]
	if c == nil {
		c = new(chain)
		trails[string(name)] = c
	}
	c.link(index, leaf, 1)
}

// entries returns the trails, sorted by key.
func (b *rangeBuilder) entries() ([]trailEntry, error) {
	list := make([]trailEntry, 0, len(b.identities)+len(b.paths))
	for name, c := range b.identities {
		text, err := unescape(name)
		if err != nil {
			return nil, err
		}
		list = append(list, trailEntry{Subject{IdentityID: audit.IdentityID(text)}.key(), c.value(), c.count})
	}
	for name, c := range b.paths {
		text, err := unescape(name)
		if err != nil {
			return nil, err
		}
		list = append(list, trailEntry{Subject{SecretPath: audit.Path(text)}.key(), c.value(), c.count})
	}
	sortEntries(list)
	return list, nil
}

func sortEntries(list []trailEntry) {
	slices.SortFunc(list, func(a, b trailEntry) int { return bytes.Compare(a.key[:], b.key[:]) })
}

// joinEntries returns the trails of a range out of those of the smaller ones that
// it is made of, parts[i] being of the one with the number first+i.
func joinEntries(first uint64, parts [][]trailEntry) []trailEntry {
	type part struct {
		trailEntry
		number uint64
	}
	var all []part
	for i, entries := range parts {
		for _, e := range entries {
			all = append(all, part{e, first + uint64(i)})
		}
	}
	slices.SortFunc(all, func(a, b part) int {
		return cmp.Or(bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.number, b.number))
	})
	var joined []trailEntry
	for len(all) > 0 {
		key, c := all[0].key, chain{}
		for len(all) > 0 && all[0].key == key {
			c.link(all[0].number, &all[0].value, all[0].count)
			all = all[1:]
		}
		joined = append(joined, trailEntry{key, c.value(), c.count})
	}
	return joined
}

// rangeWatch gathers the trails of the ranges that a tree grows over, so that
// they need not be read again. What it has not seen whole is read.
type rangeWatch struct {
	base    uint64
	next    uint64 // the index that is due
	builder *rangeBuilder
	seen    map[uint64][]trailEntry // of whole ranges, by number
}

// watchedRanges bounds the ranges that wait to be sealed in memory.
const watchedRanges = 4

// add sees the next line that the tree grows over.
func (w *rangeWatch) add(index uint64, line []byte, leaf *Hash) {
	if index != w.next {
		w.builder = nil
	}
	w.next = index + 1
	if index%w.base == 0 {
		w.builder = newRangeBuilder()
	}
	if w.builder == nil {
		return
	}
	if w.builder.add(index, line, leaf) != nil {
		w.builder = nil
		return
	}
	if w.next%w.base != 0 {
		return
	}
	// An error comes again with whoever reads the range.
	if entries, err := w.builder.entries(); err == nil && len(w.seen) < watchedRanges {
		if w.seen == nil {
			w.seen = make(map[uint64][]trailEntry)
		}
		w.seen[index/w.base] = entries
	}
	w.builder = nil
}

// take returns the trails of a range that was seen whole, and forgets them.
func (w *rangeWatch) take(number uint64) ([]trailEntry, bool) {
	entries, ok := w.seen[number]
	delete(w.seen, number)
	return entries, ok
}
