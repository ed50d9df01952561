package proof

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// ErrNotWhole says that files do not have every line of a log up to some size.
var ErrNotWhole = errors.New("lines are missing")

// ProveWhole returns the contents of the proofs of exported files which together
// have every line of a log up to some size once, that size and the root. It takes
// nothing but the lines; whether a log ever was that is for a signed checkpoint to
// say. Files that have not every line are [ErrNotWhole].
func ProveWhole(parts []*Part) (proofs [][]byte, size uint64, root Hash, err error) {
	var all []node
	for _, p := range parts {
		if p.lines > MaxPartLines {
			return nil, 0, Hash{}, fmt.Errorf("prove part: %d lines: want at most %d", p.lines, MaxPartLines)
		}
		all = append(all, p.fold.nodes...)
	}
	if err := sortNodes(all, MaxSize); err != nil {
		return nil, 0, Hash{}, err
	}
	for _, n := range all {
		if n.from != size {
			return nil, 0, Hash{}, fmt.Errorf("%w: index %d", ErrNotWhole, size)
		}
		size = n.to
	}
	within := func(from, to uint64) (Hash, error) {
		i := sort.Search(len(all), func(i int) bool { return all[i].from >= from })
		return climb(from, to, before(all[i:], to), func(from, to uint64) (Hash, error) {
			return Hash{}, fmt.Errorf("%w: indexes %d to %d", ErrNotWhole, from, to-1) // they were counted
		})
	}
	if root, err = within(0, size); err != nil {
		return nil, 0, Hash{}, err
	}
	for _, p := range parts {
		var hashes []Hash
		nodes := slices.Clone(p.fold.nodes)
		if err := sortNodes(nodes, size); err != nil {
			return nil, 0, Hash{}, err
		}
		_, err := climb(0, size, nodes, func(from, to uint64) (Hash, error) {
			h, err := within(from, to)
			hashes = append(hashes, h)
			return h, err
		})
		if err != nil {
			return nil, 0, Hash{}, err
		}
		proofs = append(proofs, p.encode(size, hashes))
	}
	return proofs, size, root, nil
}
