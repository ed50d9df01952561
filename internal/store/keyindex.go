package store

import (
	"bytes"
	"hash/maphash"
)

// keyIndex finds the rows of a key that most rows have to themselves: a
// request id, a producer's event id. It holds no keys, only rows, 11 to 21
// bytes a row: whoever asks knows how to read the key of a row.
type keyIndex struct {
	seed  maphash.Seed
	slots []keySlot         // a power of two
	keys  int               // occupied slots
	prev  map[uint32]uint32 // row → the row before it with the same key; nil if all differ
}

// keySlot is the newest row of a key, and the low half of the key's hash: other
// keys need no reading, and none does when the index grows.
type keySlot struct {
	row  uint32 // + 1; 0 if free
	hash uint32
}

// newKeyIndex returns an index that has room for so many keys, and grows.
func newKeyIndex(keys int) *keyIndex {
	slots := 16
	for 4*keys > 3*slots {
		slots *= 2
	}
	return &keyIndex{seed: maphash.MakeSeed(), slots: make([]keySlot, slots)}
}

// slot returns the slot of key, its own or the free one where it belongs, and
// what is kept of its hash.
func (x *keyIndex) slot(key []byte, keyOf func(row uint32) []byte) (s *keySlot, hash uint32) {
	hash = uint32(maphash.Bytes(x.seed, key))
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s = &x.slots[i]
		if s.row == 0 || s.hash == hash && bytes.Equal(keyOf(s.row-1), key) {
			return s, hash
		}
	}
}

// add notes a row under its key. Rows are added in ascending order.
func (x *keyIndex) add(row uint32, keyOf func(row uint32) []byte) {
	if 4*(x.keys+1) > 3*len(x.slots) {
		x.grow()
	}
	s, hash := x.slot(keyOf(row), keyOf)
	if s.row == 0 {
		x.keys++
	} else {
		if x.prev == nil {
			x.prev = make(map[uint32]uint32)
		}
		x.prev[row] = s.row - 1
	}
	*s = keySlot{row + 1, hash}
}

func (x *keyIndex) grow() {
	old := x.slots
	x.slots = make([]keySlot, 2*len(old))
	mask := uint32(len(x.slots) - 1)
	for _, s := range old {
		if s.row == 0 {
			continue
		}
		i := s.hash & mask
		for x.slots[i].row != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = s
	}
}

// rows returns the rows of key, the newest first.
func (x *keyIndex) rows(key string, keyOf func(row uint32) []byte) []uint32 {
	var rows []uint32
	slot, _ := x.slot([]byte(key), keyOf)
	for s := slot.row; s != 0; {
		rows = append(rows, s-1)
		before, ok := x.prev[s-1]
		if !ok {
			break
		}
		s = before + 1
	}
	return rows
}
