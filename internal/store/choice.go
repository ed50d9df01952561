package store

import "github.com/scaivault/audit"

// choice is rows in the order in which they are answered.
type choice struct {
	n         int
	stretches []stretch
}

// stretch is rows of one block.
type stretch struct {
	plan   *plan
	number int   // of the block
	block  block // nil if it is not open
	rows   []uint16
}

// add adds rows of a block, which may be nil.
func (c *choice) add(p *plan, number int, b block, rows ...uint16) {
	if len(rows) == 0 {
		return
	}
	if n := len(c.stretches); n == 0 || c.stretches[n-1].plan != p || c.stretches[n-1].number != number {
		c.stretches = append(c.stretches, stretch{plan: p, number: number, block: b})
	}
	last := &c.stretches[len(c.stretches)-1]
	last.rows = append(last.rows, rows...)
	c.n += len(rows)
}

// addRows adds rows of a part.
func (c *choice) addRows(p *plan, rows []int) {
	for _, row := range rows {
		c.add(p, row>>chunkBits, nil, uint16(row%chunkRows))
	}
}

// records returns the records of the rows; with an error those before the
// stretch that cannot be read.
func (c *choice) records() ([]audit.Record, error) {
	records := make([]audit.Record, 0, c.n)
	for _, s := range c.stretches {
		more, err := s.records(records)
		if err != nil {
			return records, err
		}
		records = more
	}
	return records, nil
}

// records appends the records of the rows to dst.
func (s *stretch) records(dst []audit.Record) (_ []audit.Record, err error) {
	defer faulted(panicOnFault(), s.plan.segments(), &err)
	b := s.block
	if b == nil {
		if b, err = s.plan.block(s.number); err != nil {
			return nil, err
		}
	}
	return b.records(dst, s.rows)
}

// recordOf returns the record of a row of a part.
func recordOf(p part, row int) (audit.Record, error) {
	b, err := p.block(row >> chunkBits)
	if err != nil {
		return audit.Record{}, err
	}
	records, err := b.records(nil, []uint16{uint16(row % chunkRows)})
	if err != nil {
		return audit.Record{}, err
	}
	return records[0], nil
}
