package store

import "encoding/binary"

const (
	// A table of symbols takes 2 KiB and pays off when it saves much more.
	leastForSymbols = 8 << 10
	mostSamples     = 8 << 10
)

// appendFrontDict appends the frontDict of the values, which ascend.
func appendFrontDict(dst []byte, values []string) []byte {
	t := symbolsFor(values)
	starts := make([]uint32, 0, blocksOf(len(values)))
	var blocks []byte
	kept, width := 0, 0
	for i, v := range values {
		if i%blockRows == 0 {
			width = widthOf(uint32(len(blocks)))
			starts = append(starts, uint32(len(blocks)))
			blocks = append(binary.AppendUvarint(blocks, uint64(len(v))), v...)
			kept = 0
			continue
		}
		blocks, kept = t.appendChange(blocks, values[i-1], v, kept)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(values)))
	dst = appendSymbols(dst, t)
	dst = appendPacked(append(dst, byte(width)), starts, width)
	return append(dst, blocks...)
}

// symbolsFor returns a table for the text that the changes add, an empty one
// if that is little.
func symbolsFor(values []string) *symbolTable {
	total := 0
	for i := 1; i < len(values); i++ {
		total += len(values[i]) - common(values[i-1], values[i])
	}
	if total < leastForSymbols {
		return newSymbolTable(nil)
	}
	var sample []string
	for i := 1; i < len(values); i += 1 + len(values)/mostSamples {
		sample = append(sample, values[i][common(values[i-1], values[i]):])
	}
	return learnSymbols(sample)
}

// appendChange appends the change from a string to the next, v, and returns
// how many bytes it keeps; the one before kept that many.
func (t *symbolTable) appendChange(dst []byte, before, v string, kept int) ([]byte, int) {
	keep := common(before, v)
	var buf [64]byte
	codes := t.appendCodes(buf[:0], v[keep:])
	more := 2 * (keep - kept)
	if more < 0 {
		more = -more - 1
	}
	dst = append(dst, byte(min(more, most4Bits)|min(len(codes), most4Bits)<<4))
	for _, n := range [...]int{more, len(codes)} {
		if n >= most4Bits {
			dst = binary.AppendUvarint(dst, uint64(n-most4Bits))
		}
	}
	return append(dst, codes...), keep
}
