package proof

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/scaivault/audit"
)

// RangeShape says how a log is divided into ranges of indexes. Those of level 0
// are of Base indexes; one of a level above is Fan of the level below.
type RangeShape struct{ Base, Fan uint64 }

// defaultShape makes ranges of 65,536, 1,048,576 and 16,777,216 indexes. A
// small base keeps the end of a log, which no range has yet, short; large ranges
// keep the proof of a trail short.
var defaultShape = RangeShape{Base: 1 << 16, Fan: 16}

// topLevel is the highest level of ranges.
const topLevel = 2

// width returns how many indexes a range of the level has.
func (s RangeShape) width(level int) uint64 {
	w := s.Base
	for range level {
		w *= s.Fan
	}
	return w
}

// valid reports whether ranges of that shape have widths at all.
func (s RangeShape) valid() bool {
	return s.Base >= 1 && s.Base <= 1<<24 && s.Fan >= 2 && s.Fan <= 1<<8
}

// Range is one of the ranges of a log: the Number-th of its level.
type Range struct {
	Level  int
	Number uint64
}

// bounds returns the indexes of a range, from ≤ index < to.
func (s RangeShape) bounds(r Range) (from, to uint64) {
	w := s.width(r.Level)
	return r.Number * w, (r.Number + 1) * w
}

// Due returns the ranges that end at the index, the smaller ones first.
func (s RangeShape) Due(end uint64) []Range {
	var due []Range
	for level := range topLevel + 1 {
		w := s.width(level)
		if end == 0 || end%w != 0 {
			break
		}
		due = append(due, Range{level, end/w - 1})
	}
	return due
}

// Sealer is who seals ranges.
const Sealer audit.IdentityID = "system:scaivault-audit"

// rangeFormat is the format of what a range's event says.
const rangeFormat = 1

// Seal is the event of a log that commits to all trails of a range.
type Seal struct {
	Range
	Shape RangeShape
	Root  Hash   // of the map of the range's trails
	Index uint64 // of the event
	Event audit.Event
}

// Ends returns the first index behind the range.
func (s *Seal) Ends() uint64 { _, to := s.Shape.bounds(s.Range); return to }

// event returns the event of a range, without its time. It follows from the
// range's events, so that appending it again appends nothing.
func (s *Seal) event() audit.Event {
	from, to := s.Shape.bounds(s.Range)
	return audit.Event{
		ID: audit.RangeID(s.Level, s.Number), Action: audit.ActionRangeSealed,
		IdentityType: audit.TypeSystem, IdentityID: Sealer, Success: true,
		ExtraData: fmt.Sprintf(`{"format":%d,"from":%d,"to":%d,"base":%d,"fan":%d,"root":%q}`, rangeFormat,
			from, to, s.Shape.Base, s.Shape.Fan, base64.StdEncoding.EncodeToString(s.Root[:])),
	}
}

// errSeal says that an event does not seal a range.
var errSeal = errors.New("it is not the event of a range")

// ParseSeal reads the event of a range, which has that index in the log. It is
// strict: one text for one meaning.
func ParseSeal(index uint64, e audit.Event) (Seal, error) {
	var said struct {
		From, To, Base, Fan uint64
		Root                string
	}
	if e.ID == "" || e.Action != audit.ActionRangeSealed || json.Unmarshal([]byte(e.ExtraData), &said) != nil {
		return Seal{}, errSeal
	}
	root, err := parseHash(said.Root)
	s := Seal{Shape: RangeShape{said.Base, said.Fan}, Root: root, Index: index, Event: e}
	if err != nil || !s.Shape.valid() || said.To > MaxSize || said.To <= said.From {
		return Seal{}, errSeal
	}
	for s.Level = 0; s.Shape.width(s.Level) != said.To-said.From; s.Level++ {
		if s.Level == topLevel {
			return Seal{}, errSeal
		}
	}
	s.Number = said.From / s.Shape.width(s.Level)
	want := s.event()
	if want.Timestamp = e.Timestamp; want != e || index < said.To {
		return Seal{}, errSeal
	}
	return s, nil
}
