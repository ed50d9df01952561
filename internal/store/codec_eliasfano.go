package store

import "math/bits"

// eliasFano is a mini-block of n ascending distances from base: the low bits
// of each as they are, the others in unary.
//
// The bytes, with d for an entry less base: the n numbers d mod 2^low, low
// bits each as in a packed array, filled with zero bits to whole bytes; then a
// bit map, in which bit i + ⌊d/2^low⌋ is set for the i-th entry from 0 on,
// filled to whole bytes. n, low and base are stored elsewhere.
type eliasFano struct {
	n    int
	low  int
	base uint64
	b    []byte // its bytes and what follows, at least seven
	high uint64 // where the bit map begins
}

const (
	mostLow = maxWidth
	// mapWords is the number of eight-byte words in which a bit map surely
	// ends: a set bit an entry and, see lowBits, less than twice as many others.
	mapWords = 3 * miniRows / 64
)

// lowBits returns the number of low bits that makes the code of the distances
// shortest.
func lowBits(rel []uint64) int {
	mean := rel[len(rel)-1] / uint64(len(rel))
	return max(0, min(bits.Len64(mean)-1, mostLow))
}

// appendEliasFano appends the mini-block of the distances.
func appendEliasFano(dst []byte, rel []uint64, low int) []byte {
	w := bitWriter{b: dst}
	for _, d := range rel {
		w.put(d&(1<<low-1), low)
	}
	dst = w.bytes()
	high := len(dst)
	dst = append(dst, make([]byte, (len(rel)-1+int(rel[len(rel)-1]>>low))/8+1)...)
	for i, d := range rel {
		bit := i + int(d>>low)
		dst[high+bit/8] |= 1 << (bit % 8)
	}
	return dst
}

func (e *eliasFano) word(k int) uint64 { return load(e.b, e.high+8*uint64(k)) }

func (e *eliasFano) lowOf(i int) uint64 { return field(e.b, uint64(i*e.low), e.low) }

// at returns entry i.
func (e *eliasFano) at(i int) uint64 {
	left := i
	for k := range mapWords {
		w := e.word(k)
		c := bits.OnesCount64(w)
		if left < c {
			high := 64*k + nthBit(w, left) - i
			return e.base + (uint64(high)<<e.low | e.lowOf(i))
		}
		left -= c
	}
	return e.base
}

// read sets dst to the values of the entries from i on as far
// as there are any, and returns their number.
func (e *eliasFano) read(dst []int64, i int) int {
	dst = dst[:min(len(dst), e.n-i)]
	b, low, mask, pos := e.b, e.low&63, uint64(1)<<e.low-1, uint64(i*e.low)
	for k := range dst {
		dst[k] = int64(e.base + load(b, pos>>3)>>(pos&7)&mask)
		pos += uint64(low)
	}
	skip, n := i, 0 // set bits to skip, entries complete
	for k := range mapWords {
		w := e.word(k)
		if c := bits.OnesCount64(w); skip >= c {
			skip -= c
			continue
		}
		if skip > 0 {
			w &^= 1<<nthBit(w, skip) - 1
			skip = 0
		}
		for high := 64*k - i - n; w != 0 && n < len(dst); w &= w - 1 {
			dst[n] += int64((high + bits.TrailingZeros64(w)) << low)
			n++
			high--
		}
	}
	return len(dst)
}

// search returns the first i whose entry is at least d, or n; d is more than
// base.
func (e *eliasFano) search(d uint64) int {
	d -= e.base
	high, low := d>>e.low, d&(1<<e.low-1)
	i := e.below(high)
	for pos := uint64(i) + high; i < e.n; i++ {
		if e.word(int(pos/64))>>(pos%64)&1 == 0 || e.lowOf(i) >= low {
			return i
		}
		pos++
	}
	return e.n
}

// below returns the number of entries whose high bits are less than high: the
// set bits before the zero that ends them.
func (e *eliasFano) below(high uint64) int {
	if high == 0 {
		return 0
	}
	left := high - 1 // zeros to skip
	for k := range mapWords {
		w := ^e.word(k)
		c := uint64(bits.OnesCount64(w))
		if left < c {
			return min(64*k+nthBit(w, int(left))-int(high)+1, e.n)
		}
		left -= c
	}
	return e.n
}

// nthBit returns the position of the n-th set bit of w, from 0; w has more
// than n. It is the selection without branches of Vigna, "Broadword
// implementation of rank/select queries" (2008).
func nthBit(w uint64, n int) int {
	sums := w - w>>1&(0x55*ones)
	sums = sums&(0x33*ones) + sums>>2&(0x33*ones)
	sums = (sums + sums>>4) & (0x0f * ones) * ones // of the set bits up to each byte
	pos := 8 * bytesUpTo(sums, n)
	n -= int(sums << 8 >> pos & 0xff)
	spread := w >> pos & 0xff * ones & 0x8040201008040201 // a bit in each byte
	spread = (spread + 0x7f*ones) >> 7 & ones
	return pos + bytesUpTo(spread*ones, n)
}

const ones = 0x0101010101010101

// bytesUpTo returns how many of the bytes of sums, all less than 128, are at
// most n.
func bytesUpTo(sums uint64, n int) int {
	return bits.OnesCount64(((uint64(n)*ones | 0x80*ones) - sums) & (0x80 * ones))
}
