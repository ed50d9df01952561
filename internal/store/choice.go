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
	number int // of the block
	rows   []uint16
}

// add adds rows of a block.
func (c *choice) add(p *plan, number int, rows ...uint16) {
	if len(rows) == 0 {
		return
	}
	if n := len(c.stretches); n == 0 || c.stretches[n-1].plan != p || c.stretches[n-1].number != number {
		c.stretches = append(c.stretches, stretch{plan: p, number: number})
	}
	last := &c.stretches[len(c.stretches)-1]
	last.rows = append(last.rows, rows...)
	c.n += len(rows)
}

// addRows adds rows of a part.
func (c *choice) addRows(p *plan, rows []int) {
	for _, row := range rows {
		c.add(p, row>>chunkBits, uint16(row%chunkRows))
	}
}

// records returns the records of the rows; with an error those before the
// stretch that cannot be read.
func (c *choice) records() ([]audit.Record, error) {
	records := make([]audit.Record, 0, c.n)
	for _, s := range c.stretches {
		more, err := s.plan.records(records, s.number, s.rows)
		if err != nil {
			return records, err
		}
		records = more
	}
	return records, nil
}

// recordOf returns the record of a row of a part.
func recordOf(p part, row int) (audit.Record, error) {
	var one [1]audit.Record
	records, err := p.records(one[:0], row>>chunkBits, []uint16{uint16(row % chunkRows)})
	if err != nil {
		return audit.Record{}, err
	}
	return records[0], nil
}
