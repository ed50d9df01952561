package audit

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// EventID names an event within its tenant: "log_" and 1 to 60 of A–Z, a–z,
// 0–9, '_' and '-'. A producer may choose it, so that a repeated delivery is
// known as such; otherwise it is derived from the event's place in the log.
type EventID string

const (
	idPrefix  = "log_"
	maxIDTail = 60

	// originDigits and indexDigits are the hex digits of a derived id.
	originDigits = 4
	indexDigits  = 12
	derivedWidth = len(idPrefix) + originDigits + indexDigits

	// MaxIndex is the largest index whose id can be derived.
	MaxIndex = 1<<(4*indexDigits) - 1
)

// Valid reports whether id has the shape of an event id.
func (id EventID) Valid() bool {
	tail, ok := strings.CutPrefix(string(id), idPrefix)
	return ok && 1 <= len(tail) && len(tail) <= maxIDTail && isName(tail)
}

// DerivedID returns the id of an event that brought none: "log_", four hex
// digits for the origin (the node that wrote it, 0 in the embedded store) and
// twelve for the index. Derived ids cost no storage and sort as the log does.
func DerivedID(origin uint16, index uint64) EventID {
	return EventID(AppendDerivedID(make([]byte, 0, derivedWidth), origin, index))
}

// AppendDerivedID appends the id that [DerivedID] returns to dst.
func AppendDerivedID(dst []byte, origin uint16, index uint64) []byte {
	return appendHex(append(dst, idPrefix...), uint64(origin)<<(4*indexDigits)|index&MaxIndex)
}

// appendHex appends the sixteen digits of a derived id.
func appendHex(dst []byte, v uint64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, hexDigits(uint32(v>>32)))
	return binary.BigEndian.AppendUint64(dst, hexDigits(uint32(v)))
}

// hexDigits returns the eight lowercase hex digits of v, the first one highest.
func hexDigits(v uint32) uint64 {
	x := uint64(v) // each byte gets four bits
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 0x0606060606060606) >> 4 & 0x0101010101010101 // 1 where it is ten or more
	return x + 0x3030303030303030 + letters*('a'-'9'-1)
}

// Derived returns the origin and the index that an id of the derived shape
// stands for; ok is false for every other id.
func (id EventID) Derived() (origin uint16, index uint64, ok bool) {
	if len(id) != derivedWidth || id[:len(idPrefix)] != idPrefix {
		return 0, 0, false
	}
	hex := string(id[len(idPrefix):])
	if strings.ToLower(hex) != hex {
		return 0, 0, false
	}
	v, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	return uint16(v >> (4 * indexDigits)), v & MaxIndex, true
}

// RangePrefix begins the ids of the events that seal ranges.
const RangePrefix = idPrefix + "range-"

// RangeID returns the id of the event that seals the number-th range of a level.
// Nobody but the log gives such an id, so that there is one event for a range.
func RangeID(level int, number uint64) EventID {
	return EventID(fmt.Sprintf("%s%d-%012d", RangePrefix, level, number))
}

// Reserved reports whether only the log gives an id like that.
func (id EventID) Reserved() bool { return strings.HasPrefix(string(id), RangePrefix) }
