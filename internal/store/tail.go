package store

import (
	"slices"
	"sync"

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
	// reqs are the rows of each chunk by request id. Every event has one, and a
	// small index stays in the processor's cache; ids are looked up more often.
	reqs []*keyIndex
}

func newTail(origin uint16, first uint64) *tail {
	t := &tail{origin: origin, first: first, ids: newKeyIndex(0)}
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
		t.reqs = append(t.reqs, newKeyIndex(min(t.staged, chunkRows))) // the first one grows
		t.chunks = append(t.chunks, nextChunk(t.chunks))
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
		t.reqs[row>>chunkBits].add(row, t.keyOf(textRequest))
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
		return t.chunks[row>>chunkBits].texts.at(int(row)%chunkRows, which)
	}
}

// view returns the first rows of the tail as a part. The caller holds the lock
// of the log now; later the view takes mu, that lock, to look values up. What
// is in the rows needs no lock, since rows and values are only ever added,
// beyond what the view can see.
func (t *tail) view(rows int, mu *sync.RWMutex) *tailView {
	v := t.staging()
	v.n, v.mu, v.chunks = rows, mu, slices.Clone(t.chunks[:(rows+chunkRows-1)>>chunkBits])
	if n := len(v.chunks); n > 0 && n == len(t.chunks) {
		newest := *v.chunks[n-1]
		newest.order = slices.Clone(newest.order)
		newest.texts.pieces = slices.Clone(newest.texts.pieces)
		v.chunks[n-1] = &newest
	}
	return v
}

// staging returns a view of all rows, staged ones included, for whoever holds
// the lock as long as it uses the view.
func (t *tail) staging() *tailView {
	v := &tailView{tail: t, mu: new(sync.RWMutex), n: t.staged, chunks: t.chunks}
	for col := range t.dicts {
		v.values[col] = t.dicts[col].values
	}
	return v
}

// tailView is the first rows of a tail, as a reader sees them.
type tailView struct {
	tail   *tail
	mu     *sync.RWMutex
	n      int
	chunks []*chunk
	values [numCols][]string
}

// tailDict is the values of a column of a tail, as a view sees them.
type tailDict struct {
	values []string          // by code
	codes  map[string]uint32 // guarded by mu
	mu     *sync.RWMutex
}

func (d *tailDict) len() int                 { return len(d.values) }
func (d *tailDict) value(code uint32) string { return d.values[code] }

func (d *tailDict) find(value string) (uint32, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	code, ok := d.codes[value]
	return code, ok && int(code) < len(d.values)
}

func (d *tailDict) within(prefixes []audit.Path) codeSet {
	set := codeSet{member: make([]bool, len(d.values))}
	for code, path := range d.values {
		set.member[code] = slices.ContainsFunc(prefixes, audit.Path(path).Within)
	}
	return set
}

func (v *tailView) rows() int { return v.n }

func (v *tailView) indexes() audit.IndexRange {
	return audit.IndexRange{From: v.tail.first, To: v.tail.first + uint64(v.n)}
}

func (v *tailView) dictionary(col int) (dictionary, error) {
	return &tailDict{v.values[col], v.tail.dicts[col].codes, v.mu}, nil
}

func (v *tailView) postings(col int, codes codeRange) ([]uint32, bool, error) {
	if !posted[col] || codes.to != codes.from+1 {
		return nil, false, nil
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.tail.dicts[col].rows[codes.from], true, nil
}

func (v *tailView) near(int, uint32, int, int, bool) (int, bool, error) { return -1, false, nil }

func (v *tailView) counted() bool { return false }

func (v *tailView) counts(int) (*ranking, error) { return nil, nil }

func (v *tailView) failures() uint64 { return 0 }

func (v *tailView) hours() ([]hourCount, error) { return nil, nil }

func (v *tailView) requests(id string) ([]uint32, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var rows []uint32
	for _, x := range v.tail.reqs {
		rows = append(rows, ascending(x.rows(id, v.tail.keyOf(textRequest)))...)
	}
	return rows, nil
}

func (v *tailView) producers(id string) ([]uint32, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
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

// times returns the first and the last time of the view's rows; a row that it
// does not see may lie beyond them, one that it sees may not.
func (v *tailView) times() (least, most audit.Time) {
	for n := range v.chunks {
		if from, to := v.bounds(n); n == 0 {
			least, most = from, to
		} else {
			least, most = min(least, from), max(most, to)
		}
	}
	return least, most
}

func (v *tailView) blocks() int { return len(v.chunks) }

func (v *tailView) bounds(n int) (least, most audit.Time) { return v.chunks[n].min, v.chunks[n].max }

func (v *tailView) block(n int) (block, error) {
	return &chunkBlock{v.chunks[n], min(chunkRows, v.n-n<<chunkBits), v, n << chunkBits}, nil
}

// record returns the record of a row.
func (v *tailView) record(row int) audit.Record {
	c, i := v.chunks[row>>chunkBits], row%chunkRows
	value := func(col int) string { return v.values[col][c.codes[col][i]] }
	bytes, ends := c.texts.row(i)
	text := string(bytes)
	id := text[:ends[textID]]
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
			RequestID:    text[ends[textID]:ends[textRequest]],
			ExtraData:    text[ends[textRequest]:],
		},
		Index:      index,
		ReceivedAt: c.received[i],
	}
}

// chunkBlock is the first rows of a chunk as a block.
type chunkBlock struct {
	*chunk
	n     int
	view  *tailView
	first int // row of row 0 in the tail
}

func (b *chunkBlock) len() int                           { return b.n }
func (b *chunkBlock) base() int                          { return b.first }
func (b *chunkBlock) index(i int) uint64                 { return b.view.tail.first + uint64(b.first+i) }
func (b *chunkBlock) time(i int) audit.Time              { return b.chunk.times[i] }
func (b *chunkBlock) code(col, i int) uint32             { return b.chunk.codes[col][i] }
func (b *chunkBlock) success(i int) bool                 { return b.chunk.outcomes[i] }
func (b *chunkBlock) request(i int) []byte               { return b.texts.at(i, textRequest) }
func (b *chunkBlock) extra(i int) []byte                 { return b.texts.at(i, textExtra) }
func (b *chunkBlock) codes(col int, _ []uint32) []uint32 { return b.chunk.codes[col][:b.n] }
func (b *chunkBlock) times(_ []audit.Time) []audit.Time  { return b.chunk.times[:b.n] }
func (b *chunkBlock) order() []uint16                    { return b.chunk.order }

func (b *chunkBlock) find(rows []uint16, _ int, _ []uint32, _, _ int) ([]uint16, bool) {
	return rows, false
}

func (b *chunkBlock) outcomes(rows []uint16, from, to int, success bool) []uint16 {
	for i, ok := range b.chunk.outcomes[from:to] {
		if ok == success {
			rows = append(rows, uint16(from+i))
		}
	}
	return rows
}

func (b *chunkBlock) records(dst []audit.Record, rows []uint16) ([]audit.Record, error) {
	for _, i := range rows {
		dst = append(dst, b.view.record(b.first+int(i)))
	}
	return dst, nil
}

func (b *chunkBlock) lines(dst *lineList, rows []uint16) error {
	for _, i := range rows {
		r := b.view.record(b.first + int(i))
		dst.add(&r)
	}
	return nil
}
