package proof

import "encoding/binary"

// finder finds the leaf of a block that was changed, if it is the only one, by
// what a Hamming code does with bits. It takes 18 bytes for 256 leaves: the first
// two bytes of all their hashes, combined by exclusive or, and those of the
// leaves whose place in the block has bit 0, 1, … 7. It proves nothing.
type finder [1 + blockLevel]uint16

const finderSize = 2 * (1 + blockLevel) // bytes

// newFinder returns the finder of the leaves of a full block.
func newFinder(leaves []Hash) (f finder) {
	var sums [blockSize]uint16
	for i := range leaves {
		sums[i] = binary.LittleEndian.Uint16(leaves[i][:])
	}
	for bit, n := 0, blockSize/2; n > 0; bit, n = bit+1, n/2 {
		for i := range n { // of the leaves that are alike but for this bit and those below
			f[1+bit] ^= sums[2*i+1]
			sums[i] = sums[2*i] ^ sums[2*i+1]
		}
	}
	f[0] = sums[0]
	return f
}

// changed returns the place of the leaf that is another one in g; ok is false if
// it is more than one.
func (f *finder) changed(g *finder) (place uint64, ok bool) {
	by := f[0] ^ g[0]
	for bit := range blockLevel {
		switch f[1+bit] ^ g[1+bit] {
		case by:
			place |= 1 << bit
		case 0:
		default:
			return 0, false
		}
	}
	return place, by != 0
}

// appendTo appends the finder as it stands in the file of a tree.
func (f *finder) appendTo(dst []byte) []byte {
	for _, sum := range f {
		dst = binary.LittleEndian.AppendUint16(dst, sum)
	}
	return dst
}

func parseFinder(text []byte) (f finder) {
	for i := range f {
		f[i] = binary.LittleEndian.Uint16(text[2*i:])
	}
	return f
}
