package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// lookup tells in which blocks of rows a key may be, such as a request id. It
// is a static function, not a set: of a key that it was built with it returns
// all blocks, and possibly others; of any other key no block, save in one case
// of 2^f. Keys are given as 64-bit hashes.
//
// The construction is that of binary fuse filters, see Graf and Lemire,
// "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (2022): a key has
// three slots, and their exclusive or is its entry. An entry has the key's
// block, or the number of blocks if the key is in several, in as many low bits
// as that number has, and f bits of fingerprint above: the highest of the
// mixed hash times 0x9e3779b97f4a7c15.
//
// The bytes:
//
//	blocks    uint32   number of blocks
//	f         uint8    0 to 32
//	segment   uint8    see shape, which also has the slots of a key
//	segments  uint32   see shape; 0 if there are no keys
//	seed      uint64   see shape
//	a packed array of the slots
//	several   uint32   number of entries of the following column
//	a sorted column: for each block of each key that is in several, the high
//	          half of the key's hash × blocks + block
type lookup struct {
	shape   shape
	blocks  uint32
	width   int // of a block
	f       int
	slots   packed
	several sorted
	pages   *paged
}

const (
	lookupHeader = 4 + 1 + 1 + 4 + 8
	mostF        = 32
	mostBlocks   = 1<<(maxWidth-mostF) - 1
)

// located is the hash of a key and a block that it is in.
type located struct {
	hash  uint64
	block uint32
}

// appendLookup appends the lookup of the keys, which are in blocks less than
// the number of blocks, with f bits of fingerprint. A key may be in several
// blocks, and several times in one.
func appendLookup(dst []byte, keys []located, blocks uint32, f int) []byte {
	entries, several := gather(keys, blocks)
	hashes := make([]uint64, len(entries))
	for i, e := range entries {
		hashes[i] = e.hash
	}
	s, width := shapeFor(len(entries)), widthOf(blocks)
	slots := s.fill(hashes, func(key int, mixed uint64) uint64 {
		return fingerprint(mixed, f)<<width | uint64(entries[key].block)
	})
	dst = binary.LittleEndian.AppendUint32(dst, blocks)
	dst = append(dst, byte(f), byte(s.segment))
	dst = binary.LittleEndian.AppendUint32(dst, s.segments)
	dst = binary.LittleEndian.AppendUint64(dst, s.seed)
	dst = appendPacked(dst, slots, f+width)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(several)))
	return appendSorted(dst, several)
}

// fingerprint returns f bits of a mixed hash that no slot depends on alone.
func fingerprint(mixed uint64, f int) uint64 { return mixed * 0x9e3779b97f4a7c15 >> (64 - f) }

// gather returns each key once, with its block or, if it is in several, the
// number of blocks; and the entries of the column of these.
func gather(keys []located, blocks uint32) (once []located, several []int64) {
	keys = slices.Compact(grouped(keys))
	once = keys[:0]
	for i := 0; i < len(keys); {
		end := i + 1
		for end < len(keys) && keys[end].hash == keys[i].hash {
			end++
		}
		e := keys[i]
		if end-i > 1 {
			for _, k := range keys[i:end] {
				several = append(several, severalKey(k.hash, blocks)+int64(k.block))
			}
			e.block = blocks
		}
		once = append(once, e)
		i = end
	}
	slices.Sort(several)
	return once, several
}

// grouped returns the keys sorted by the high bits of the mixed hash, for
// these are what slots go by and neighbours are quick to reach; then by hash
// and block.
func grouped(keys []located) []located {
	s := shape{seed: seedOf(1)}
	drop := 64 - max(0, bits.Len(uint(len(keys)))-4) // some 16 keys to a bucket
	ends := make([]int, 1<<(64-drop))
	for _, k := range keys {
		ends[s.mix(k.hash)>>drop]++
	}
	total := 0
	for i, n := range ends {
		ends[i] = total
		total += n
	}
	sorted := make([]located, len(keys))
	for _, k := range keys {
		bucket := s.mix(k.hash) >> drop
		sorted[ends[bucket]] = k
		ends[bucket]++
	}
	begin := 0
	for _, end := range ends {
		slices.SortFunc(sorted[begin:end], func(a, b located) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.block, b.block))
		})
		begin = end
	}
	return sorted
}

// severalKey returns the entry that a key in several blocks has for block 0.
func severalKey(hash uint64, blocks uint32) int64 { return int64(hash>>32) * int64(blocks) }

// openLookup reads a lookup.
func openLookup(pages *paged) (lookup, error) {
	if err := pages.need(0, lookupHeader); err != nil {
		return lookup{}, err
	}
	b := pages.b
	if len(b) < lookupHeader {
		return lookup{}, fmt.Errorf("lookup: %d bytes", len(b))
	}
	l := lookup{
		blocks: binary.LittleEndian.Uint32(b),
		f:      int(b[4]),
		pages:  pages,
		shape: shape{
			segment:  int(b[5]),
			segments: binary.LittleEndian.Uint32(b[6:]),
			seed:     binary.LittleEndian.Uint64(b[10:]),
		},
	}
	b = b[lookupHeader:]
	if l.blocks > mostBlocks || l.f > mostF || l.shape.segment > mostSegment || int64(l.shape.segments) > int64(len(b)) {
		return lookup{}, fmt.Errorf("lookup: %d blocks, %d bits, %d segments of 2^%d slots",
			l.blocks, l.f, l.shape.segments, l.shape.segment)
	}
	l.width = widthOf(l.blocks)
	size := min(packedSize(l.shape.size(), l.f+l.width), len(b))
	var err error
	if l.slots, err = openPacked(b[:size], l.shape.size(), l.f+l.width); err != nil {
		return lookup{}, fmt.Errorf("lookup: %w", err)
	}
	if err := pages.need(lookupHeader+size, len(pages.b)); err != nil {
		return lookup{}, err
	}
	if b = b[size:]; len(b) < 4 {
		return lookup{}, fmt.Errorf("lookup: %d bytes after the slots", len(b))
	}
	if l.several, err = openSorted(b[4:], int(binary.LittleEndian.Uint32(b))); err != nil {
		return lookup{}, fmt.Errorf("lookup: %w", err)
	}
	return l, nil
}

// find appends the blocks that the key with this hash may be in, in ascending
// order.
func (l *lookup) find(dst []uint32, hash uint64) ([]uint32, error) {
	if l.shape.segments == 0 {
		return dst, nil
	}
	h := l.shape.mix(hash)
	at := l.shape.slots(h)
	if err := l.need(&at); err != nil {
		return dst, err
	}
	e := l.slots.get(int(at[0])) ^ l.slots.get(int(at[1])) ^ l.slots.get(int(at[2]))
	if e>>l.width != fingerprint(h, l.f) {
		return dst, nil
	}
	switch block := uint32(e & (1<<l.width - 1)); {
	case block < l.blocks:
		return append(dst, block), nil
	case block == l.blocks:
		return l.findSeveral(dst, hash), nil
	}
	return dst, nil
}

// need is [paged.need] for three slots, whose pages are read at once.
func (l *lookup) need(at *[3]uint32) error {
	for _, slot := range at {
		l.pages.ahead(l.extent(slot))
	}
	for _, slot := range at {
		if err := l.pages.need(l.extent(slot)); err != nil {
			return err
		}
	}
	return nil
}

// extent returns the bytes that are loaded with a slot.
func (l *lookup) extent(slot uint32) (from, to int) {
	from = lookupHeader + int(slot)*(l.f+l.width)/8
	return from, from + 1 + padding
}

// findSeveral is find for a key that may be in several blocks.
func (l *lookup) findSeveral(dst []uint32, hash uint64) []uint32 {
	zero := severalKey(hash, l.blocks)
	i := l.several.search(zero, 0, l.several.n)
	end := l.several.search(zero+int64(l.blocks), i, l.several.n)
	for ; i < end; i++ {
		if block := uint64(l.several.at(i) - zero); block < uint64(l.blocks) {
			dst = append(dst, uint32(block))
		}
	}
	return dst
}
