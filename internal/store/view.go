package store

import (
	"math"
	"slices"

	"github.com/scaivault/audit"
)

// view is what a reader sees of a tenant's log: its durable rows at one
// moment. It shares the log's memory and needs no lock, since rows and values
// are only ever added, beyond what the view can see.
type view struct {
	origin  uint16
	rows    int
	chunks  []*chunk
	values  [numCols][]string
	jumps   []jump
	damaged []audit.IndexRange
}

// view returns a view of the rows, staged ones included. The caller holds mu
// and uses the view while it does, or takes it from [tenantLog.read].
func (l *tenantLog) view() *view {
	v := &view{origin: l.origin, rows: l.rows, chunks: l.chunks, jumps: l.jumps, damaged: l.damaged}
	for col := range l.dicts {
		v.values[col] = l.dicts[col].values
	}
	return v
}

// read returns a view of the durable rows whose index is below size, and what
// finds the rows that the filter selects.
func (l *tenantLog) read(f *audit.Filter, size uint64) (*view, *plan) {
	l.mu.RLock()
	v, p := l.durable(size), l.plan(f)
	l.mu.RUnlock()
	p.paths(v)
	return v, p
}

// durable returns a view of the durable rows whose index is below size.
func (l *tenantLog) durable(size uint64) *view {
	v := l.view()
	v.rows = rowAt(l.jumps, l.visible, size)
	v.chunks = slices.Clone(l.chunks[:(v.rows+chunkRows-1)>>chunkBits])
	if n := len(v.chunks); n > 0 && n == len(l.chunks) {
		newest := *v.chunks[n-1]
		newest.order = slices.Clone(newest.order)
		v.chunks[n-1] = &newest
	}
	return v
}

// size returns the first index beyond the view.
func (v *view) size() uint64 { return indexOf(v.jumps, v.rows) }

// span returns the number of rows of chunk c that the view can see.
func (v *view) span(c int) int { return min(chunkRows, v.rows-c<<chunkBits, v.chunks[c].len()) }

// event returns the event of a row.
func (v *view) event(row int) audit.Event {
	c, i := v.chunks[row>>chunkBits], row%chunkRows
	value := func(col int) string { return v.values[col][c.codes[col][i]] }
	start := uint32(0)
	if i > 0 {
		start = c.ends[numTexts*i-1]
	}
	ends := c.ends[numTexts*i : numTexts*(i+1)]
	text := string(c.text[start:ends[textExtra]])
	id := text[:ends[textID]-start]
	if id == "" {
		id = string(audit.DerivedID(v.origin, indexOf(v.jumps, row)))
	}
	return audit.Event{
		ID:           audit.EventID(id),
		Timestamp:    c.time[i],
		Action:       audit.Action(value(colAction)),
		IdentityType: audit.IdentityType(value(colType)),
		IdentityID:   audit.IdentityID(value(colIdentity)),
		SecretPath:   audit.Path(value(colPath)),
		SourceIP:     value(colIP),
		UserAgent:    value(colAgent),
		Success:      c.success[i],
		DurationMS:   c.duration[i],
		RequestID:    text[ends[textID]-start : ends[textRequest]-start],
		ExtraData:    text[ends[textRequest]-start:],
	}
}

// record returns the record of a row.
func (v *view) record(row int) audit.Record {
	return audit.Record{
		Event:      v.event(row),
		Index:      indexOf(v.jumps, row),
		ReceivedAt: v.chunks[row>>chunkBits].received[row%chunkRows],
	}
}

// intact returns [audit.CodeDataDamaged] if events of the view are lost: an
// answer that may lack some of them is not given.
func (v *view) intact() error { return v.intactIn(0, audit.MaxIndex) }

// intactIn is intact for the indexes from ≤ index < to.
func (v *view) intactIn(from, to uint64) error {
	var lost []audit.IndexRange
	for _, r := range v.damaged {
		if r.From < to && from < r.To {
			lost = append(lost, r)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return &audit.Error{Code: audit.CodeDataDamaged, Damaged: lost,
		Message: "a part of the log cannot be read and the answer may depend on it; " +
			"order=index answers outside the damaged indexes"}
}

// damagedAt returns the first damaged index that is not below from.
func (v *view) damagedAt(from uint64) (index uint64, ok bool) {
	for _, r := range v.damaged {
		if from < r.To && r.From < v.size() {
			return max(from, r.From), true
		}
	}
	return math.MaxUint64, false
}
