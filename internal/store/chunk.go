package store

import (
	"slices"

	"github.com/scaivault/audit"
)

const (
	chunkBits = 13
	// chunkRows is the number of rows of a chunk: few enough that one late
	// event moves little and that a scan between two looks at the clock is
	// short, enough that a million rows are a hundred-odd chunks.
	chunkRows = 1 << chunkBits
)

// chunk is a run of rows as columns, in the order of appending. Columns only
// grow: what a copy of the struct can see never changes, but for order and the
// list of pieces of text, which a reader of the newest chunk copies.
type chunk struct {
	times    []audit.Time
	received []audit.Time
	duration []int32
	outcomes []bool
	codes    [numCols][]uint32
	texts    chunkTexts // of each row its producer's id, request id and extra data
	// order is the rows by (time, row).
	order    []uint16
	min, max audit.Time
}

// The texts of a row.
const (
	textID = iota
	textRequest
	textExtra
	numTexts
)

// nextChunk returns the chunk that follows others. The first one grows: hundreds
// of tenants have little in memory. The others have room for all their rows.
func nextChunk(before []*chunk) *chunk {
	if len(before) == 0 {
		return new(chunk)
	}
	last := before[len(before)-1]
	c := &chunk{
		times: make([]audit.Time, 0, chunkRows), received: make([]audit.Time, 0, chunkRows),
		duration: make([]int32, 0, chunkRows), outcomes: make([]bool, 0, chunkRows),
		texts: chunkTexts{ends: make([]uint32, 0, numTexts*chunkRows)}, order: make([]uint16, 0, cap(last.order)),
	}
	for col := range c.codes {
		c.codes[col] = make([]uint32, 0, chunkRows)
	}
	return c
}

func (c *chunk) len() int { return len(c.times) }

// add appends a row.
func (c *chunk) add(e *audit.Event, received audit.Time, codes [numCols]uint32) {
	i := len(c.times)
	if i == 0 || e.Timestamp < c.min {
		c.min = e.Timestamp
	}
	if i == 0 || e.Timestamp > c.max {
		c.max = e.Timestamp
	}
	at := i
	if i > 0 && e.Timestamp < c.times[c.order[i-1]] {
		// Among equal times the new row, which has the highest index, is last.
		at, _ = slices.BinarySearchFunc(c.order, e.Timestamp, func(row uint16, t audit.Time) int {
			if c.times[row] <= t {
				return -1
			}
			return 1
		})
	}
	c.order = slices.Insert(c.order, at, uint16(i))
	c.times = append(c.times, e.Timestamp)
	c.received = append(c.received, received)
	c.duration = append(c.duration, e.DurationMS)
	c.outcomes = append(c.outcomes, e.Success)
	for col, code := range codes {
		c.codes[col] = append(c.codes[col], code)
	}
	addTexts(&c.texts, [numTexts]string{string(e.ID), e.RequestID, e.ExtraData})
}
