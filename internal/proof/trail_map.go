package proof

import (
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

// The trails of a range stand in a binary trie over the bits of their keys, from
// the highest: a subtree without a trail is the empty root, one with a single
// trail its leaf, every other a node over its two halves. Leaves and nodes are
// hashed as those of a tree (RFC 6962), a leaf over key and value. So each key
// has one place, whoever made the trie, and the path to it tells what is there.

// keyBits is how deep a trie can be.
const keyBits = 8 * len(Hash{})

func bitOf(key *Hash, depth int) byte { return key[depth/8] >> (7 - depth%8) & 1 }

func leafOf(key, value Hash) Hash { return tlog.RecordHash(append(key[:], value[:]...)) }

// mapRoot returns the root of the trie over entries that are sorted by key and
// agree in the bits above the depth.
func mapRoot(entries []trailEntry, depth int) Hash {
	switch len(entries) {
	case 0:
		return emptyRoot()
	case 1:
		return leafOf(entries[0].key, entries[0].value)
	}
	mid := halfOf(entries, depth)
	return tlog.NodeHash(mapRoot(entries[:mid], depth+1), mapRoot(entries[mid:], depth+1))
}

// halfOf returns where the entries begin that have a 1 at the depth.
func halfOf(entries []trailEntry, depth int) int {
	return sort.Search(len(entries), func(i int) bool { return bitOf(&entries[i].key, depth) == 1 })
}

// mapPath returns what the trie has in the place of the key, nil for nothing,
// which may be the entry of another key, and the hashes beside the path to it
// from the root.
func mapPath(entries []trailEntry, key Hash) (found *trailEntry, path []Hash) {
	for depth := 0; len(entries) > 1; depth++ {
		mid := halfOf(entries, depth)
		own, other := entries[:mid], entries[mid:]
		if bitOf(&key, depth) == 1 {
			own, other = other, own
		}
		entries, path = own, append(path, mapRoot(other, depth+1))
	}
	if len(entries) == 1 {
		found = &entries[0]
	}
	return found, path
}

// climbMap returns the root of the trie that has the hash at the end of the path
// to the key.
func climbMap(key, hash Hash, path []Hash) Hash {
	for depth := len(path) - 1; depth >= 0; depth-- {
		if bitOf(&key, depth) == 1 {
			hash = tlog.NodeHash(path[depth], hash)
		} else {
			hash = tlog.NodeHash(hash, path[depth])
		}
	}
	return hash
}

// shares reports whether two keys agree in their first n bits.
func shares(a, b *Hash, n int) bool {
	for i := range n {
		if bitOf(a, i) != bitOf(b, i) {
			return false
		}
	}
	return true
}
