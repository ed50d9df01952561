package store

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// receivedColumn is the times of receipt of a block. Events come in batches
// that are received at once, or one by one soon after they happened.
//
// The bytes: form uint8. Form 0: the integer column of what each exceeds the
// time of its row by. Form 1: the number of different times uint16, the length
// of the sorted column of them uint32, that column, the integer column of
// which of them each row has.
type receivedColumn struct {
	listed bool
	times  sorted // if listed
	rows   ints
}

// openReceived reads the times of receipt of n rows.
func openReceived(b []byte, n int) (c receivedColumn, err error) {
	r := reader{b: b}
	form := r.uint8()
	if form == 1 {
		different, length := int(r.uint16()), r.uint32()
		c.listed = true
		if c.times, err = openSorted(r.bytes(uint64(length)), different); err != nil {
			return c, fmt.Errorf("times of receipt: %w", err)
		}
	}
	if r.bad || form > 1 {
		return c, fmt.Errorf("times of receipt: form %d in %d bytes", form, len(b))
	}
	if c.rows, err = openInts(r.b, n); err != nil {
		return c, fmt.Errorf("times of receipt: %w", err)
	}
	return c, nil
}

// fill sets dst to the times of receipt from row i on, whose times are given.
func (c *receivedColumn) fill(dst []int64, i int, times []int64) {
	c.rows.fill(dst, i)
	if !c.listed {
		for k, t := range times {
			dst[k] += t
		}
		return
	}
	place, at := int64(-1), int64(0) // rows that follow each other came together, mostly
	for k, p := range dst {
		if p != place {
			place, at = p, c.times.at(int(p))
		}
		dst[k] = at
	}
}

// appendReceived appends the times of receipt in the form that takes less.
func (r *blockColumns) appendReceived(dst []byte) []byte {
	late := make([]int64, len(r.received))
	for i, t := range r.received {
		late[i] = t - r.times[i]
	}
	plain := appendInts([]byte{0}, late)
	different, places := distinct(r.received)
	listed := []byte{1}
	listed = binary.LittleEndian.AppendUint16(listed, uint16(len(different)))
	list := appendSorted(nil, different)
	listed = binary.LittleEndian.AppendUint32(listed, uint32(len(list)))
	listed = appendInts(append(listed, list...), places)
	if len(listed) < len(plain) {
		return append(dst, listed...)
	}
	return append(dst, plain...)
}

// distinct returns the different values, ascending, and which of them each is.
func distinct(values []int64) (different, places []int64) {
	different = slices.Clone(values)
	slices.Sort(different)
	different = slices.Compact(different)
	places = make([]int64, len(values))
	k := 0
	for i, v := range values {
		if k >= len(different) || different[k] != v {
			k, _ = slices.BinarySearch(different, v)
		}
		places[i] = int64(k)
	}
	return different, places
}
