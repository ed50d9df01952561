package store

import (
	"encoding/binary"
	"fmt"

	"github.com/scaivault/audit"
)

// hourCount is how many rows of a segment lie in an hour since 1970.
type hourCount struct {
	hour          int64
	total, failed int64
}

func hourOf(t audit.Time) int64 {
	hour := int64(t / audit.Hour)
	if t%audit.Hour < 0 {
		hour--
	}
	return hour
}

// appendHours appends the counts, which ascend by hour: their number uint32,
// the lengths of the first two of three columns uint32 each, the hours as a
// sorted column, the totals and the failed ones as integer columns.
func appendHours(dst []byte, list []hourCount) []byte {
	hours, totals, failed := make([]int64, len(list)), make([]int64, len(list)), make([]int64, len(list))
	for i, h := range list {
		hours[i], totals[i], failed[i] = h.hour, h.total, h.failed
	}
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(list)))
	dst = append(dst, make([]byte, 8)...)
	start := len(dst)
	dst = appendSorted(dst, hours)
	binary.LittleEndian.PutUint32(dst[at+4:], uint32(len(dst)-start))
	start = len(dst)
	dst = appendInts(dst, totals)
	binary.LittleEndian.PutUint32(dst[at+8:], uint32(len(dst)-start))
	return appendInts(dst, failed)
}

// readHours reads the counts of a segment of so many rows.
func readHours(b []byte, rows int) ([]hourCount, error) {
	r := reader{b: b}
	n, hourBytes, totalBytes := int(r.uint32()), r.uint32(), r.uint32()
	if n > rows {
		return nil, fmt.Errorf("hours: %d of them for %d rows", n, rows)
	}
	hours, err := openSorted(r.bytes(uint64(hourBytes)), n)
	if err != nil {
		return nil, fmt.Errorf("hours: %w", err)
	}
	totals, err := openInts(r.bytes(uint64(totalBytes)), n)
	if err != nil {
		return nil, fmt.Errorf("hours: totals: %w", err)
	}
	failed, err := openInts(r.b, n)
	if err != nil {
		return nil, fmt.Errorf("hours: failed: %w", err)
	}
	list := make([]hourCount, n)
	for i := range list {
		list[i] = hourCount{hour: hours.at(i), total: totals.at(i), failed: failed.at(i)}
	}
	return list, nil
}
