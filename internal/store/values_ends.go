package store

import (
	"github.com/scaivault/audit"
)

// ends returns the time of the first row of each of the ranges of ranks, or of
// the last.
func (c *valueCounts) ends(ranges []codeRange, last bool) ([]audit.Time, error) {
	found := make([]audit.Time, len(ranges))
	for i := range found {
		found[i] = noTime
	}
	if c.first == nil {
		s, _, err := c.plan.spanOf()
		if err != nil || len(ranges) == 0 {
			return found, err
		}
		e := ends{span: &s, col: c.col, last: last, blocks: make([]block, s.blocks())}
		return found, e.find(ranges, found)
	}
	for i, r := range ranges {
		for rank := r.from; rank < r.to; rank++ {
			code := c.values.code(rank)
			switch {
			case c.byRank[rank] == 0:
			case last:
				found[i] = max(found[i], c.last[code])
			case found[i] == noTime || c.first[code] < found[i]:
				found[i] = c.first[code]
			}
		}
	}
	return found, nil
}

// ends finds the first rows of a span that have codes, or the last.
type ends struct {
	*span
	col    int
	last   bool
	blocks []block // those that were opened
	codes  []uint32
}

// find sets the times of the ranges of codes. Where the part lists their rows,
// these are looked at; the others are frequent and are met soon.
func (e *ends) find(ranges []codeRange, found []audit.Time) error {
	var unlisted []int
	for i, r := range ranges {
		row, listed, err := e.end(r)
		if err != nil {
			return err
		}
		if !listed {
			unlisted = append(unlisted, i)
			continue
		}
		if row >= 0 {
			b, err := e.open(row >> chunkBits)
			if err != nil {
				return err
			}
			found[i] = b.time(row % chunkRows)
		}
	}
	return e.scan(ranges, unlisted, found)
}

// end returns the first listed row of a range that is in the span, or the last;
// -1 if there is none.
func (e *ends) end(r codeRange) (row int, listed bool, err error) {
	if r.to == r.from+1 {
		return e.near(e.col, r.from, e.from, e.to, e.last)
	}
	rows, listed, err := e.postings(e.col, r)
	row = -1
	for _, r := range rows {
		if n := int(r); e.from <= n && n < e.to && (row < 0 || (n > row) == e.last) {
			row = n
		}
	}
	return row, listed, err
}

// scan reads the codes of the span from its end on until each of the ranges was
// met.
func (e *ends) scan(ranges []codeRange, wanted []int, found []audit.Time) error {
	if len(wanted) == 0 || e.from == e.to {
		return nil
	}
	of := make([]int32, e.codesEnd(ranges, wanted)) // by code: 1 + the range, 0 for none
	for _, i := range wanted {
		for code := ranges[i].from; code < ranges[i].to; code++ {
			of[code] = int32(i) + 1
		}
	}
	first, end := e.from>>chunkBits, (e.to-1)>>chunkBits
	for k, left := 0, len(wanted); k <= end-first && left > 0; k++ {
		n := first + k
		if e.last {
			n = end - k
		}
		b, err := e.open(n)
		if err != nil {
			return err
		}
		left -= e.scanBlock(b, n<<chunkBits, of, found)
	}
	return nil
}

func (e *ends) codesEnd(ranges []codeRange, wanted []int) (end uint32) {
	for _, i := range wanted {
		end = max(end, ranges[i].to)
	}
	return end
}

// scanBlock returns how many ranges it met, in a block whose rows begin at base.
func (e *ends) scanBlock(b block, base int, of []int32, found []audit.Time) (met int) {
	e.codes = b.codes(e.col, e.codes)
	from, to := max(e.from-base, 0), min(e.to-base, b.len())
	for k := range to - from {
		row := from + k
		if e.last {
			row = to - 1 - k
		}
		if code := e.codes[row]; int(code) < len(of) && of[code] > 0 && found[of[code]-1] == noTime {
			found[of[code]-1] = b.time(row)
			met++
		}
	}
	return met
}

// open returns block n.
func (e *ends) open(n int) (b block, err error) {
	if e.blocks[n] == nil {
		e.blocks[n], err = e.block(n)
	}
	return e.blocks[n], err
}
