package proof

import (
	"bytes"

	"github.com/scaivault/audit"
)

// rangeVerifier computes what the events that seal ranges say, out of the lines
// of a log, and compares. It sees every line once, in their order.
type rangeVerifier struct {
	shape   RangeShape
	builder *rangeBuilder
	parts   [topLevel + 1][][]trailEntry // of the unfinished range of the level above
	lost    [topLevel + 1]bool           // one of the parts has too many trails
	roots   map[Range]Hash
	sealed  uint64 // ranges whose event is right
	fault   *Fault // the first event that is not
	broken  error  // a line is not that of an event
}

func newRangeVerifier(shape RangeShape) *rangeVerifier {
	if shape == (RangeShape{}) {
		shape = defaultShape
	}
	return &rangeVerifier{shape: shape, builder: newRangeBuilder(), roots: make(map[Range]Hash)}
}

// sealLine is how the line of an event begins that seals a range.
var sealLine = []byte(`{"id":"` + string(audit.RangePrefix))

// add sees the next line and its leaf hash.
func (v *rangeVerifier) add(index uint64, line []byte, leaf *Hash) {
	if v.broken != nil {
		return
	}
	if bytes.HasPrefix(line, sealLine) {
		v.seal(index, line)
	}
	if v.broken = v.builder.add(index, line, leaf); v.broken != nil || (index+1)%v.shape.Base != 0 {
		return
	}
	entries, err := v.builder.entries()
	if v.broken = err; err == nil {
		v.done(Range{0, index / v.shape.Base}, entries, false)
	}
	v.builder = newRangeBuilder()
}

// done notes the trails of a range, and of those above that it completes. Of
// ranges that are not sealed, since they have too many, nothing is kept.
func (v *rangeVerifier) done(r Range, entries []trailEntry, isLost bool) {
	isLost = isLost || r.Level > 0 && len(entries) > mostEntries(v.shape, r)
	if !isLost {
		v.roots[r] = mapRoot(entries, 0)
	}
	if r.Level == topLevel {
		return
	}
	v.lost[r.Level] = v.lost[r.Level] || isLost
	if v.lost[r.Level] {
		v.parts[r.Level] = nil
	} else {
		v.parts[r.Level] = append(v.parts[r.Level], entries)
	}
	if (r.Number+1)%v.shape.Fan != 0 {
		return
	}
	parts, isLost := v.parts[r.Level], v.lost[r.Level]
	v.parts[r.Level], v.lost[r.Level] = nil, false
	v.done(Range{r.Level + 1, r.Number / v.shape.Fan}, joinEntries(r.Number+1-v.shape.Fan, parts), isLost)
}

// seal compares the event of a range with what the range has.
func (v *rangeVerifier) seal(index uint64, line []byte) {
	if v.fault != nil {
		return
	}
	e, err := audit.DecodeEvent(string(line))
	var s Seal
	if err == nil {
		s, err = ParseSeal(index, e)
	}
	root, ok := v.roots[s.Range]
	switch {
	case err != nil:
		v.fault = faultf(Tampered, "", "the event with index %d does not seal a range", index)
	case s.Shape != v.shape || !ok:
		return // of another version of the program; what it says cannot be compared
	case root != s.Root:
		from, to := s.Shape.bounds(s.Range)
		v.fault = faultf(Tampered, "", "the event with index %d seals other trails than the events %d to %d have",
			index, from, to-1)
	default:
		v.sealed++
		return
	}
	v.fault.Index = &index
}
