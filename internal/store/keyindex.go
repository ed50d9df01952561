package store

import (
	"bytes"
	"hash/maphash"
)

// keyIndex finds the rows of a key that most rows have to themselves: a
// request id, a producer's event id. It holds no keys, only rows, 7 to 14
// bytes a row: whoever asks knows how to read the key of a row.
type keyIndex struct {
	seed  maphash.Seed
	slots []uint32          // row + 1 of the newest row of a key, 0 if free
	tags  []byte            // 8 bits of the hash of a slot's key: most others need no reading
	keys  int               // occupied slots
	prev  map[uint32]uint32 // row → the row before it with the same key
}

func newKeyIndex() *keyIndex {
	const slots = 16
	return &keyIndex{
		seed: maphash.MakeSeed(), slots: make([]uint32, slots), tags: make([]byte, slots),
		prev: make(map[uint32]uint32),
	}
}

// slot returns the slot of key, its own or the free one where it belongs, and
// its tag.
func (x *keyIndex) slot(key []byte, keyOf func(row uint32) []byte) (i int, tag byte) {
	hash := maphash.Bytes(x.seed, key)
	mask := len(x.slots) - 1
	i, tag = int(hash)&mask, byte(hash>>56)
	for x.slots[i] != 0 && (x.tags[i] != tag || !bytes.Equal(keyOf(x.slots[i]-1), key)) {
		i = (i + 1) & mask
	}
	return i, tag
}

// add notes a row under its key. Rows are added in ascending order.
func (x *keyIndex) add(row uint32, keyOf func(row uint32) []byte) {
	if 4*(x.keys+1) > 3*len(x.slots) {
		x.grow(keyOf)
	}
	i, tag := x.slot(keyOf(row), keyOf)
	if x.slots[i] == 0 {
		x.keys++
	} else {
		x.prev[row] = x.slots[i] - 1
	}
	x.slots[i], x.tags[i] = row+1, tag
}

func (x *keyIndex) grow(keyOf func(row uint32) []byte) {
	old := x.slots
	x.slots, x.tags = make([]uint32, 2*len(old)), make([]byte, 2*len(old))
	for _, s := range old {
		if s != 0 {
			i, tag := x.slot(keyOf(s-1), keyOf)
			x.slots[i], x.tags[i] = s, tag
		}
	}
}

// rows returns the rows of key, the newest first.
func (x *keyIndex) rows(key string, keyOf func(row uint32) []byte) []uint32 {
	var rows []uint32
	i, _ := x.slot([]byte(key), keyOf)
	for s := x.slots[i]; s != 0; {
		rows = append(rows, s-1)
		before, ok := x.prev[s-1]
		if !ok {
			break
		}
		s = before + 1
	}
	return rows
}
