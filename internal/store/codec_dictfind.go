package store

// find returns the code of the string, or false and the code that the next
// greater string has.
func (d *frontDict) find(value string) (code uint32, ok bool) {
	if d.n == 0 {
		return 0, false
	}
	k, end := 0, blocksOf(d.n)
	for end-k > 1 {
		mid := int(uint(k+end) / 2)
		if first, _ := d.first(mid); string(first) <= value {
			k = mid
		} else {
			end = mid
		}
	}
	i, ok := d.findIn(k, value)
	return uint32(k*blockRows + i), ok
}

// prefix returns the codes of all strings that begin with p: those from lo on,
// before hi. A path and everything below it are two lookups, find(p) and
// prefix(p + "/"), as "a/b-x" is between "a/b" and "a/b/c".
func (d *frontDict) prefix(p string) (lo, hi uint32) {
	lo, _ = d.find(p)
	for n := len(p); n > 0; n-- {
		if last := p[n-1]; last < 0xff {
			hi, _ = d.find(p[:n-1] + string([]byte{last + 1}))
			return lo, hi
		}
	}
	return lo, uint32(d.n)
}

// findIn returns which string of block k the value is, or false and which is
// the first greater one.
func (d *frontDict) findIn(k int, value string) (i int, ok bool) {
	first, rest := d.first(k)
	p := seeker{symbols: &d.symbols, value: value}
	order := p.add(first)
	for n := min(d.n-k*blockRows, blockRows); order < 0; {
		if i++; i == n {
			return i, false
		}
		order, rest = p.step(rest)
	}
	return i, order == 0
}

// seeker is a string that is less than the value sought, by what matters for
// comparing the next one: it is not decoded.
type seeker struct {
	symbols *symbols
	value   string
	keep    int // what the change to the string kept
	same    int // length of the prefix that the string and value share
}

// step goes on to the next string, to which b has the change, and returns
// whether it is less than (-1), equal to (0) or greater than (1) the value, and
// the bytes after the change. A damaged change is greater than any value.
func (p *seeker) step(b []byte) (order int, rest []byte) {
	keep, add, rest := cutChange(b, p.keep)
	p.keep = keep
	switch {
	case keep > p.same: // differs from value where the one before does
		return -1, rest
	case keep < p.same: // greater than the one before where that equals value
		return 1, rest
	}
	var buf [64]byte
	return p.add(p.symbols.expand(buf[:0], add)), rest
}

// add appends text to the string, which is a prefix of the value, and compares
// it to the value like step.
func (p *seeker) add(text []byte) (order int) {
	more := common(text, p.value[p.same:])
	p.same += more
	switch {
	case more == len(text) && p.same == len(p.value):
		return 0
	case more == len(text) || p.same < len(p.value) && text[more] < p.value[p.same]:
		return -1
	}
	return 1
}

// common returns the length of the longest common prefix.
func common[A, B []byte | string](a A, b B) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
