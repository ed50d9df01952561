package store

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// logShape says what the rows of a made-up log are like.
type logShape struct {
	rows     int
	values   int        // different values of a column, at most
	spread   audit.Time // of the times; the order of appending is not that of time
	shuffled bool       // the indexes are in any order, as where segments are merged
	gaps     bool       // some indexes are missing
	ids      string     // kind of request ids and producers' ids
	extra    string     // kind of extra data
	success  float64
	batches  bool // events are received together
}

const shapeOrigin = 7

// log returns rows of this shape and what they hold, by (time, index).
func (s *logShape) log(seed uint64) (*segmentRows, []audit.Record) {
	r := rand.New(rand.NewPCG(seed, 1))
	indexes := make([]uint64, s.rows)
	next := r.Uint64N(1 << 40)
	for i := range indexes {
		if s.gaps && r.IntN(5) == 0 {
			next += r.Uint64N(1000)
		}
		indexes[i] = next
		next++
	}
	if s.shuffled {
		r.Shuffle(len(indexes), func(i, j int) { indexes[i], indexes[j] = indexes[j], indexes[i] })
	}
	t := newTail(shapeOrigin, 0)
	records := make([]audit.Record, s.rows)
	received := 1_700_000_000 * audit.Second
	for i := range records {
		if !s.batches || i%50 == 0 {
			received += audit.Time(r.IntN(1_000_000))
		}
		e := s.event(r, received)
		t.insert(&e, received)
		if e.ID == "" {
			e.ID = audit.DerivedID(shapeOrigin, indexes[i])
		}
		records[i] = audit.Record{Event: e, Index: indexes[i], ReceivedAt: received}
	}
	slices.SortFunc(records, func(a, b audit.Record) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Index, b.Index))
	})
	rows := t.staging().segmentRows()
	rows.index = func(row int) uint64 { return indexes[row] }
	return rows, records
}

func (s *logShape) event(r *rand.Rand, received audit.Time) audit.Event {
	value := func(prefix string) string {
		if n := r.IntN(s.values + 1); n > 0 {
			return fmt.Sprint(prefix, n)
		}
		return ""
	}
	e := audit.Event{
		Timestamp:    received - audit.Time(r.Int64N(int64(s.spread))),
		Action:       audit.Action(value("act")),
		IdentityType: audit.IdentityType(value("type")),
		IdentityID:   audit.IdentityID(value("user:")),
		SecretPath:   audit.Path(value("prod/é/")),
		SourceIP:     value("10.0.0."),
		UserAgent:    value(strings.Repeat("agent", 60)),
		Success:      r.Float64() < s.success,
		DurationMS:   int32(r.ExpFloat64() * 20),
		RequestID:    s.id(r, "req_"),
	}
	if id := s.id(r, ""); id != "" && id != "é" {
		e.ID = audit.EventID("log_" + id)
	}
	switch {
	case s.extra == "few" || s.extra == "mixed" && r.IntN(3) > 0:
		e.ExtraData = fmt.Sprintf(`{"version":%d}`, r.IntN(9))
	case s.extra == "long":
		e.ExtraData = fmt.Sprintf(`{"a":%q,"n":%d}`, strings.Repeat("x", r.IntN(6000)), r.Uint64())
	case s.extra != "":
		e.ExtraData = fmt.Sprintf(`{"lease":"%x"}`, r.Uint64())
	}
	return e
}

// id returns an id of the kind.
func (s *logShape) id(r *rand.Rand, prefix string) string {
	switch kind := s.ids; {
	case kind == "hex" || kind == "mixed" && r.IntN(10) > 0:
		return fmt.Sprintf("%s%016x%08x", prefix, r.Uint64(), r.Uint32())
	case kind == "uuid":
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.Uint32N(1<<16), r.Uint32N(1<<16),
			r.Uint32N(1<<16), r.Uint64N(1<<48))
	case kind == "base64":
		var b [22]byte
		for i := range b {
			b[i] = base64url[r.IntN(64)]
		}
		return prefix + string(b[:])
	case kind == "few" || kind == "mixed":
		return []string{"", "a", "b", "é", "req_0", strings.Repeat("long", 20)}[r.IntN(6)]
	}
	return ""
}

func drawShape(t *rapid.T) *logShape {
	spreads := []audit.Time{1, 10, audit.Second, audit.Hour, 90 * audit.Day}
	return &logShape{
		rows:     rapid.IntRange(1, 600).Draw(t, "rows"),
		values:   rapid.IntRange(0, 40).Draw(t, "values"),
		spread:   rapid.SampledFrom(spreads).Draw(t, "spread"),
		shuffled: rapid.Bool().Draw(t, "shuffled"),
		gaps:     rapid.Bool().Draw(t, "gaps"),
		ids:      rapid.SampledFrom([]string{"", "hex", "uuid", "base64", "few", "mixed"}).Draw(t, "ids"),
		extra:    rapid.SampledFrom([]string{"", "few", "alone", "mixed", "long"}).Draw(t, "extra"),
		success:  rapid.SampledFrom([]float64{0, 0.5, 0.99, 1}).Draw(t, "success"),
		batches:  rapid.Bool().Draw(t, "batches"),
	}
}

// appendRows appends a segment of the rows.
func appendRows(dst []byte, tenant audit.TenantID, rows *segmentRows) ([]byte, error) {
	source, err := rows.source()
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(dst)
	err = writeSegment(out, tenant, source)
	return out.Bytes(), err
}

// seal returns the segment of the rows.
func seal(t interface{ Fatal(...any) }, rows *segmentRows) *segment {
	b, err := appendRows([]byte("before"), "acme", rows)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSegment(b[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSegmentAnswers compares a segment with the records that it was made of.
func TestSegmentAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := drawShape(t)
		rows, records := shape.log(rapid.Uint64().Draw(t, "seed"))
		checkPart(t, seal(t, rows), records)
	})
}

// TestSegmentOfManyBlocks is the same for rows of several blocks.
func TestSegmentOfManyBlocks(t *testing.T) {
	for name, shape := range map[string]*logShape{
		"live": {values: 300, spread: audit.Second, ids: "hex", extra: "mixed", success: 0.97, batches: true},
		"merged": {values: 5000, spread: audit.Hour, ids: "mixed", extra: "mixed", success: 0.9,
			shuffled: true, gaps: true},
		"one time": {values: 1, spread: 1, ids: "few", extra: "few", success: 1},
	} {
		t.Run(name, func(t *testing.T) {
			shape.rows = 2*chunkRows + 137
			rows, records := shape.log(1)
			checkPart(t, seal(t, rows), records)
		})
	}
}

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// checkRecords reads rows that lie close and rows that do not, in both orders.
func checkRecords(t fataler, s *segment, records []audit.Record) {
	t.Helper()
	for n := range s.blocks() {
		for _, step := range []int{1, 3, 1000} {
			var rows []uint16
			var want []audit.Record
			for i := 0; i < chunkRows && n<<chunkBits+i < len(records); i += step {
				rows, want = append(rows, uint16(i)), append(want, records[n<<chunkBits+i])
			}
			for range 2 {
				b, err := s.block(n)
				if err != nil {
					t.Fatal(err)
				}
				got, err := b.records(nil, rows)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(want, got) {
					t.Fatalf("block %d, every %d rows:\n%s", n, step, gocmp.Diff(want, got))
				}
				slices.Reverse(rows)
				slices.Reverse(want)
			}
		}
	}
}

// checkPart compares what a part answers with its records.
func checkPart(t fataler, s *segment, records []audit.Record) {
	t.Helper()
	got := make([]audit.Record, s.rows())
	for row := range got {
		var err error
		if got[row], err = recordOf(s, row); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff(records, got); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	checkRecords(t, s, records)
	checkFooter(t, s, records)
	checkBlocks(t, s, records)
	for col := range numCols {
		checkColumn(t, s, records, col)
	}
	checkKeys(t, s, records)
}

func checkFooter(t fataler, s *segment, records []audit.Record) {
	t.Helper()
	f := s.footer
	want := footer{tenant: "acme", origin: shapeOrigin, rows: len(records),
		least: records[0].Timestamp, most: records[len(records)-1].Timestamp}
	want.indexes.From = audit.MaxIndex
	hours := make(map[int64]hourCount)
	for _, r := range records {
		want.indexes.From, want.indexes.To = min(want.indexes.From, r.Index), max(want.indexes.To, r.Index+1)
		h := hours[hourOf(r.Timestamp)]
		h.total++
		if r.Success {
			want.successes++
		} else {
			h.failed++
		}
		h.hour = hourOf(r.Timestamp)
		hours[h.hour] = h
	}
	aside := (len(records) + chunkRows - 1) / chunkRows / 8 * chunkRows // rows at either end
	want.middle.from = records[aside].Timestamp
	last := (len(records) - 1) / chunkRows * chunkRows // first row of the last block
	want.middle.to = records[min(last-aside+chunkRows, len(records))-1].Timestamp
	got := footer{tenant: f.tenant, origin: f.origin, rows: f.rows, least: f.least, most: f.most,
		middle: f.middle, indexes: s.indexes(), successes: f.successes}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(footer{}, extent{}, interval{})); diff != "" {
		t.Fatalf("footer (-want +got):\n%s", diff)
	}
	list, err := s.hours()
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range list {
		if h != hours[h.hour] || i > 0 && list[i-1].hour >= h.hour {
			t.Fatalf("hour %d: %v; want %v", i, h, hours[h.hour])
		}
	}
	if len(list) != len(hours) {
		t.Fatalf("%d hours; want %d", len(list), len(hours))
	}
}

func checkBlocks(t fataler, s *segment, records []audit.Record) {
	t.Helper()
	var times []audit.Time
	var codes []uint32
	row := 0
	for n := range s.blocks() {
		b, err := s.block(n)
		if err != nil {
			t.Fatal(err)
		}
		if row != n<<chunkBits {
			t.Fatalf("block %d begins at row %d", n, row)
		}
		least, most := s.bounds(n)
		times = b.times(times)
		for i := range b.len() {
			r := &records[row]
			if b.time(i) != r.Timestamp || times[i] != r.Timestamp || r.Timestamp < least || r.Timestamp > most {
				t.Fatalf("row %d: times %d, %d, bounds %d to %d; want %d",
					row, b.time(i), times[i], least, most, r.Timestamp)
			}
			if b.success(i) != r.Success || b.index(i) != r.Index || string(b.request(i)) != r.RequestID || string(b.extra(i)) != r.ExtraData {
				t.Fatalf("row %d: %v, %q, %q; want %v", row, b.success(i), b.request(i), b.extra(i), r)
			}
			row++
		}
		for col := range numCols {
			codes = b.codes(col, codes)
			for i, code := range codes {
				if code != b.code(col, i) {
					t.Fatalf("column %d: codes differ in row %d", col, i)
				}
			}
		}
		if b.order() != nil {
			t.Fatal("a segment has an order")
		}
	}
	if row != len(records) {
		t.Fatalf("blocks of %d rows; want %d", row, len(records))
	}
}

func checkColumn(t fataler, s *segment, records []audit.Record, col int) {
	t.Helper()
	rows := make(map[string][]uint32)
	rows[""] = nil
	for row := range records {
		v := columns(&records[row].Event)[col]
		rows[v] = append(rows[v], uint32(row))
	}
	w, err := s.words(col)
	if err != nil {
		t.Fatal(err)
	}
	if w.len() != len(rows) {
		t.Fatalf("column %d: %d values; want %d", col, w.len(), len(rows))
	}
	values := make([]string, w.len())
	for code := range values {
		values[code] = w.value(uint32(code))
	}
	if !slices.IsSorted(values) || values[0] != "" {
		t.Fatalf("column %d: values %q", col, values)
	}
	before, top := int64(len(records)), w.ranking.top()
	for v := range rows {
		if len(rows[v]) == 0 {
			continue // null has code 0 though it does not occur
		}
		code, count, more := top.next()
		v = values[code]
		total := w.ranking.count(code)
		if total != int64(len(rows[v])) || total > max(before, 1) || count != total || !more {
			t.Fatalf("column %d: %q has count %d, want %d", col, v, total, len(rows[v]))
		}
		before = total
		if found, ok := w.find(v); !ok || found != code {
			t.Fatalf("column %d: %q has code %d, %v; want %d", col, v, found, ok, code)
		}
		list, listed, err := s.postings(col, codeRange{code, code + 1})
		if err != nil || listed && !slices.Equal(list, rows[v]) || !listed && posted[col] && total == 0 {
			t.Fatalf("column %d: rows of %q are %s, %v, %v; want %s", col, v, few(list), listed, err, few(rows[v]))
		}
	}
	if _, ok := w.find("no such value"); ok {
		t.Fatalf("column %d: found what is not there", col)
	}
}

func checkKeys(t fataler, s *segment, records []audit.Record) {
	t.Helper()
	requests, producers := make(map[string][]uint32), make(map[string][]uint32)
	for row := range records {
		r := &records[row]
		requests[r.RequestID] = append(requests[r.RequestID], uint32(row))
		if r.ID != audit.DerivedID(shapeOrigin, r.Index) {
			producers[string(r.ID)] = append(producers[string(r.ID)], uint32(row))
		}
		found, ok, err := s.rowOf(r.Index)
		if found != row || !ok || err != nil {
			t.Fatalf("row %d: found %d, %v, %v", row, found, ok, err)
		}
	}
	delete(requests, "")
	requests["none"], producers["none"], requests[""] = nil, nil, nil
	for id, want := range requests {
		if got, err := s.requests(id); err != nil || !slices.Equal(got, want) {
			t.Fatalf("rows of request %q are %s, %v; want %s", id, few(got), err, few(want))
		}
	}
	for id, want := range producers {
		if got, err := s.producers(id); err != nil || !slices.Equal(got, want) {
			t.Fatalf("rows of event id %q are %s, %v; want %s", id, few(got), err, few(want))
		}
	}
	last := records[len(records)-1].Index
	for _, index := range []uint64{s.indexes().From - 1, s.indexes().To, last + 1} {
		known := slices.ContainsFunc(records, func(r audit.Record) bool { return r.Index == index })
		if row, ok, err := s.rowOf(index); ok != known || err != nil {
			t.Fatalf("index %d: row %d, %v, %v", index, row, ok, err)
		}
	}
}

// few returns the first of some rows.
func few(rows []uint32) string { return fmt.Sprint(len(rows), " rows: ", rows[:min(10, len(rows))]) }

// TestSegmentConcurrently reads a segment from several goroutines at once, all
// of which are the first to read it.
func TestSegmentConcurrently(t *testing.T) {
	shape := &logShape{rows: chunkRows + 200, values: 30, spread: audit.Hour,
		ids: "hex", extra: "mixed", success: 0.9}
	rows, records := shape.log(5)
	s := seal(t, rows)
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for row := n; row < len(records); row += 7 {
				if r, err := recordOf(s, row); err != nil || r != records[row] {
					t.Errorf("row %d: %v, %v; want %v", row, r, err, records[row])
					return
				}
				if got, ok, err := s.rowOf(records[row].Index); got != row || !ok || err != nil {
					t.Errorf("row %d: found %d, %v, %v", row, got, ok, err)
					return
				}
			}
		})
	}
	readers.Wait()
}
