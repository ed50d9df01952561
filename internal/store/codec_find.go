package store

import "math/bits"

// mostSought is how many codes are looked for at the same time.
const mostSought = 4

// sought finds entries of a packed array that are one of a few values, as many
// entries at a time as the bits that are loaded at once hold: each entry is a
// lane of them.
type sought struct {
	width     uint64
	lanes     int
	high, low uint64   // of each lane the highest bit, and the others
	patterns  []uint64 // each of the values in every lane
}

// newSought prepares to look for values, at most mostSought, in the array.
func newSought(p *packed, values []uint32, patterns *[mostSought]uint64) sought {
	s := sought{width: p.width, lanes: maxWidth / int(p.width)}
	ones := uint64(0)
	for lane := range s.lanes {
		ones |= 1 << (uint64(lane) * s.width)
	}
	s.high, s.low = ones<<(s.width-1), ones*(p.mask>>1)
	for i, v := range values {
		patterns[i] = ones * uint64(v)
	}
	s.patterns = patterns[:len(values)]
	return s
}

// in returns the highest bit of each lane of x that is one of the values. A lane
// that is none differs from each in a bit below the highest, whose sum with low
// then has the highest set, or in the highest itself.
func (s *sought) in(x uint64) (found uint64) {
	for _, pattern := range s.patterns {
		y := x ^ pattern
		found |= ^(y&s.low + s.low | y | s.low) & s.high
	}
	return found
}

// find appends the places from ≤ i < to of the entries that are one of values,
// which are at most mostSought and fit into the array's width; that is not 0.
func (p *packed) find(rows []uint16, values []uint32, from, to int) []uint16 {
	var patterns [mostSought]uint64
	s := newSought(p, values, &patterns)
	lane := uint64(1<<16)/s.width + 1 // so that a bit's lane is bit·lane>>16
	pos, step := uint64(from)*s.width, uint64(s.lanes)*s.width
	for i := from; i < to; i += s.lanes {
		found := s.in(load(p.b, pos>>3) >> (pos & 7))
		for pos += step; found != 0; found &= found - 1 {
			if row := i + int(uint64(bits.TrailingZeros64(found))*lane>>16); row < to {
				rows = append(rows, uint16(row))
			}
		}
	}
	return rows
}
