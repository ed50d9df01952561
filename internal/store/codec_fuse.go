package store

import "math/bits"

// shape is how a lookup spreads keys over its slots: (segments + 2) segments
// of 2^segment slots. A key has one slot in each of three consecutive segments.
type shape struct {
	segment  int // logarithm of a segment's slots, 0 to 18
	segments uint32
	seed     uint64
}

const mostSegment = 18

// shapeFor returns a shape for n keys. The formulas are those of the paper:
// segments of 3.33^(s-2.25) keys have 2^s slots, and there are 1.125 slots a
// key, or 0.875 + 0.25 × log(10⁶)/log(n) if that is more.
func shapeFor(n int) shape {
	if n == 0 {
		return shape{}
	}
	s := shape{segment: 2}
	for keys := 2466; 1000*n >= keys && s.segment < mostSegment; keys = keys * 333 / 100 {
		s.segment++
	}
	// The logarithm to base 2, in 1/65536, a straight line between powers of 2.
	whole := bits.Len(uint(n)) - 1
	log := whole<<16 + n<<16>>whole - 1<<16
	slots := n + n/8
	if log > 0 {
		const quarterLog = 326534 // a quarter of the logarithm of a million
		slots = max(slots, n*7/8+n*quarterLog/log)
	}
	s.segments = uint32(max((slots-1)>>s.segment-1, 1))
	return s
}

// size returns the number of slots.
func (s *shape) size() int {
	if s.segments == 0 {
		return 0
	}
	return (int(s.segments) + 2) << s.segment
}

// mix returns the hash that spreads a key: the finalizer of MurmurHash3 over
// the key's own hash plus the seed.
func (s *shape) mix(hash uint64) uint64 {
	h := hash + s.seed
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// seedOf returns the seed of the n-th try.
func seedOf(n uint64) uint64 { return n * 0x9e3779b97f4a7c15 }

// slots returns the slots of a key by its mixed hash: the first by the high
// bits, in the first segments but two; the two others in the segments after,
// at the same place but for some bits.
func (s *shape) slots(h uint64) [3]uint32 {
	first, _ := bits.Mul64(h, uint64(s.segments)<<s.segment)
	size := uint32(1) << s.segment
	a := uint32(first)
	b := (a + size) ^ uint32(h>>18)&(size-1)
	c := (a + 2*size) ^ uint32(h)&(size-1)
	return [3]uint32{a, b, c}
}

// fill finds a seed with which the exclusive or of the slots of each key is
// its value, and returns the slots. The hashes are distinct.
func (s *shape) fill(hashes []uint64, value func(key int, mixed uint64) uint64) []uint64 {
	var order []peeled
	for try := uint64(1); len(order) < len(hashes); try++ {
		if try%16 == 0 { // all but impossible
			s.segments += 1 + s.segments/8
		}
		s.seed = seedOf(try)
		order = s.peel(hashes)
	}
	slots := make([]uint64, s.size())
	for i := len(order) - 1; i >= 0; i-- {
		p := order[i]
		h := s.mix(hashes[p.key])
		at := s.slots(h)
		// Its slot is still 0.
		slots[p.slot] = value(int(p.key), h) ^ slots[at[0]] ^ slots[at[1]] ^ slots[at[2]]
	}
	return slots
}

// peeled is a key and its slot that no key peeled later has.
type peeled struct{ key, slot uint32 }

// peel orders the keys so that each has such a slot, as far as that goes.
func (s *shape) peel(hashes []uint64) []peeled {
	// What is left: for each slot, how many keys have it, and the exclusive or
	// of their numbers, which is the key if it is one.
	left := make([]struct{ keys, xor uint32 }, s.size())
	for i, hash := range hashes {
		for _, slot := range s.slots(s.mix(hash)) {
			left[slot].keys++
			left[slot].xor ^= uint32(i)
		}
	}
	order := make([]peeled, 0, len(hashes))
	var single []uint32 // slots that one key has, or had
	for i := range left {
		if left[i].keys == 1 {
			single = append(single, uint32(i))
		}
		for len(single) > 0 {
			slot := single[len(single)-1]
			single = single[:len(single)-1]
			if left[slot].keys == 0 {
				continue
			}
			key := left[slot].xor
			order = append(order, peeled{key, slot})
			for _, other := range s.slots(s.mix(hashes[key])) {
				left[other].keys--
				left[other].xor ^= key
				if left[other].keys == 1 {
					single = append(single, other)
				}
			}
		}
	}
	return order
}
