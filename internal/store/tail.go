package store

import (
	"slices"

	"github.com/scaivault/audit"
)

// tail is rows in memory. The last tail of a log takes new rows; the ones
// before it are full and wait to be sealed. The members are guarded by the
// mutex of the log.
type tail struct {
	origin uint16
	first  uint64     // index of row 0; the indexes of the others follow
	since  audit.Time // receipt of row 0
	chunks []*chunk   // all full but the last
	// staged rows are there; those below visible are durable.
	staged  int
	visible int
	dicts   [numCols]dict
	ids     *keyIndex // rows by producer's id
	reqs    *keyIndex // rows by request id
}

func newTail(origin uint16, first uint64) *tail {
	t := &tail{origin: origin, first: first, ids: newKeyIndex(), reqs: newKeyIndex()}
	for col := range t.dicts {
		t.dicts[col] = newDict()
	}
	return t
}

// next is the index of the next row.
func (t *tail) next() uint64 { return t.first + uint64(t.staged) }

// insert appends an event. An id that the index gives anyway is not kept.
func (t *tail) insert(e *audit.Event, received audit.Time) {
	row := uint32(t.staged)
	if t.staged == 0 {
		t.since = received
	}
	if t.staged%chunkRows == 0 {
		t.chunks = append(t.chunks, new(chunk))
	}
	event := *e
	if origin, index, ok := event.ID.Derived(); ok && origin == t.origin && index == t.next() {
		event.ID = ""
	}
	var codes [numCols]uint32
	for col, v := range columns(&event) {
		codes[col] = t.dicts[col].add(v, row, posted[col])
	}
	t.chunks[len(t.chunks)-1].add(&event, received, codes)
	if event.ID != "" {
		t.ids.add(row, t.keyOf(textID))
	}
	if event.RequestID != "" {
		t.reqs.add(row, t.keyOf(textRequest))
	}
	t.staged++
}

// columns returns the values of an event's interned columns.
func columns(e *audit.Event) [numCols]string {
	return [numCols]string{
		colIdentity: string(e.IdentityID),
		colType:     string(e.IdentityType),
		colPath:     string(e.SecretPath),
		colIP:       e.SourceIP,
		colAgent:    e.UserAgent,
		colAction:   string(e.Action),
	}
}

// keyOf returns how to read a key of a row.
func (t *tail) keyOf(which int) func(row uint32) []byte {
	return func(row uint32) []byte {
		return t.chunks[row>>chunkBits].textOf(int(row)%chunkRows, which)
	}
}

// view returns the first rows of the tail as a part. The caller holds the lock
// of the log now, and as long as it looks values up in the part ([part.find],
// postings, requests, producers); what is in the rows needs no lock, since
// rows and values are only ever added, beyond what the view can see.
func (t *tail) view(rows int) *tailView {
	v := t.staging()
	v.n, v.chunks = rows, slices.Clone(t.chunks[:(rows+chunkRows-1)>>chunkBits])
	if n := len(v.chunks); n > 0 && n == len(t.chunks) {
		newest := *v.chunks[n-1]
		newest.order = slices.Clone(newest.order)
		v.chunks[n-1] = &newest
	}
	return v
}

// staging returns a view of all rows, staged ones included, for whoever holds
// the lock as long as it uses the view.
func (t *tail) staging() *tailView {
	v := &tailView{tail: t, n: t.staged, chunks: t.chunks}
	for col := range t.dicts {
		v.values[col] = t.dicts[col].values
	}
	return v
}

// tailView is the first rows of a tail, as a reader sees them.
type tailView struct {
	tail   *tail
	n      int
	chunks []*chunk
	values [numCols]values
}

// values is the values of a column of a tail, by code.
type values []string

func (v values) len() int                 { return len(v) }
func (v values) value(code uint32) string { return v[code] }

func (v *tailView) rows() int { return v.n }

func (v *tailView) indexes() audit.IndexRange {
	return audit.IndexRange{From: v.tail.first, To: v.tail.first + uint64(v.n)}
}

func (v *tailView) find(col int, value string) (uint32, bool, error) {
	code, ok := v.tail.dicts[col].codes[value]
	return code, ok, nil
}

func (v *tailView) dictionary(col int) (dictionary, error) { return v.values[col], nil }

func (v *tailView) postings(col int, code uint32) ([]uint32, bool, error) {
	if !posted[col] {
		return nil, false, nil
	}
	return v.tail.dicts[col].rows[code], true, nil
}

func (v *tailView) requests(id string) ([]uint32, error) {
	return ascending(v.tail.reqs.rows(id, v.tail.keyOf(textRequest))), nil
}

func (v *tailView) producers(id string) ([]uint32, error) {
	return ascending(v.tail.ids.rows(id, v.tail.keyOf(textID))), nil
}

// ascending reverses rows that descend.
func ascending(rows []uint32) []uint32 {
	slices.Reverse(rows)
	return rows
}

func (v *tailView) rowOf(index uint64) (int, bool, error) {
	row := index - v.tail.first
	return int(row), index >= v.tail.first && row < uint64(v.n), nil
}

func (v *tailView) indexOf(row int) (uint64, error) { return v.tail.first + uint64(row), nil }

func (v *tailView) blocks() int { return len(v.chunks) }

func (v *tailView) bounds(n int) (least, most audit.Time) { return v.chunks[n].min, v.chunks[n].max }

func (v *tailView) block(n int) (block, error) {
	return &chunkBlock{v.chunks[n], min(chunkRows, v.n-n<<chunkBits)}, nil
}

// record returns the record of a row.
func (v *tailView) record(row int) (audit.Record, error) {
	c, i := v.chunks[row>>chunkBits], row%chunkRows
	value := func(col int) string { return v.values[col][c.codes[col][i]] }
	start := uint32(0)
	if i > 0 {
		start = c.ends[numTexts*i-1]
	}
	ends := c.ends[numTexts*i : numTexts*(i+1)]
	text := string(c.text[start:ends[textExtra]])
	id := text[:ends[textID]-start]
	index := v.tail.first + uint64(row)
	if id == "" {
		id = string(audit.DerivedID(v.tail.origin, index))
	}
	return audit.Record{
		Event: audit.Event{
			ID:           audit.EventID(id),
			Timestamp:    c.times[i],
			Action:       audit.Action(value(colAction)),
			IdentityType: audit.IdentityType(value(colType)),
			IdentityID:   audit.IdentityID(value(colIdentity)),
			SecretPath:   audit.Path(value(colPath)),
			SourceIP:     value(colIP),
			UserAgent:    value(colAgent),
			Success:      c.outcomes[i],
			DurationMS:   c.duration[i],
			RequestID:    text[ends[textID]-start : ends[textRequest]-start],
			ExtraData:    text[ends[textRequest]-start:],
		},
		Index:      index,
		ReceivedAt: c.received[i],
	}, nil
}

// chunkBlock is the first rows of a chunk as a block.
type chunkBlock struct {
	*chunk
	n int
}

func (b *chunkBlock) len() int                           { return b.n }
func (b *chunkBlock) time(i int) audit.Time              { return b.chunk.times[i] }
func (b *chunkBlock) code(col, i int) uint32             { return b.chunk.codes[col][i] }
func (b *chunkBlock) success(i int) bool                 { return b.outcomes[i] }
func (b *chunkBlock) request(i int) []byte               { return b.textOf(i, textRequest) }
func (b *chunkBlock) extra(i int) []byte                 { return b.textOf(i, textExtra) }
func (b *chunkBlock) codes(col int, _ []uint32) []uint32 { return b.chunk.codes[col][:b.n] }
func (b *chunkBlock) times(_ []audit.Time) []audit.Time  { return b.chunk.times[:b.n] }
func (b *chunkBlock) order() []uint16                    { return b.chunk.order }
