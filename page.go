package audit

import "strconv"

// Record is an event with its place in its tenant's log.
type Record struct {
	Event
	Index      uint64 // 0, 1, 2 … in the order of appending
	ReceivedAt Time   // by the log's clock; never decreases with the index
}

// Line is the canonical line of an event with its place in its tenant's log.
type Line struct {
	Text      []byte // without a line end
	Timestamp Time
	Index     uint64
}

// Page is a part of a query's answer.
type Page struct {
	Records []Record
	// Next is where the next page begins; nil if nothing follows.
	Next *Cursor
}

// AppendProof appends the record's canonical line with the members index and
// received_at at its end, as include=proof shows it.
func (r *Record) AppendProof(dst []byte) []byte {
	dst = r.AppendLine(dst)
	dst = append(dst[:len(dst)-1], `,"index":`...)
	dst = strconv.AppendUint(dst, r.Index, 10)
	dst = append(dst, `,"received_at":"`...)
	dst = r.ReceivedAt.Append(dst)
	return append(dst, '"', '}')
}

// MarshalJSON returns the line of [Record.AppendProof].
func (r Record) MarshalJSON() ([]byte, error) { return r.AppendProof(nil), nil }
