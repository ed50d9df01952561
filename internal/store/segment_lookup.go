package store

// The lookups of a segment say in which blocks an id may be: that of an id
// that is in no block says so, save in one case of 256. The section of a
// column without ids is empty.

// spareBits is the length of a fingerprint in a lookup.
const spareBits = 8

// hashOf returns the hash of an id that lookups go by: 64-bit FNV-1a.
func hashOf[T []byte | string](id T) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 0x100000001b3
	}
	return h
}

// lookupKeys are the ids of a lookup to be.
type lookupKeys []located

// add adds the ids of a block; the empty ones are no ids. There are at most so
// many in all blocks.
func (k *lookupKeys) add(ids [][]byte, block, most int) {
	for _, id := range ids {
		if len(id) > 0 {
			if *k == nil {
				*k = make(lookupKeys, 0, most)
			}
			*k = append(*k, located{hash: hashOf(id), block: uint32(block)})
		}
	}
}

// append appends the section of the lookup for so many blocks.
func (k lookupKeys) append(dst []byte, blocks int) []byte {
	if len(k) == 0 {
		return dst
	}
	return appendLookup(dst, k, uint32(blocks), spareBits)
}
