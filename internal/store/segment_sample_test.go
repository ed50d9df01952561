package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
)

// sampleRows returns the rows of a log of so many events that came in batches
// of up to 200, a second apart.
func sampleRows(n int) *segmentRows {
	t := newTail(0, 5_000_000)
	events := sample.New(1, sample.Options{
		Events: n, End: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Identities: 5_000, Paths: 20_000, Addresses: 2_000,
	}).Events()
	r := rand.New(rand.NewPCG(1, 2))
	left, wait := 0, audit.Time(0)
	var received audit.Time
	for e := range events {
		if left == 0 {
			left, wait = 1+r.IntN(200), audit.Time(r.IntN(1_000_000))
			received = max(received, e.Timestamp+wait)
		}
		left--
		e.ID = audit.DerivedID(0, t.next())
		received = max(received, e.Timestamp)
		t.insert(&e, received)
	}
	return t.staging().segmentRows()
}

// sizes returns the bytes a row of each piece of a segment.
func sizes(t testing.TB, s *segment) (names []string, bytes map[string]float64) {
	bytes = make(map[string]float64)
	add := func(name string, n int) {
		if _, ok := bytes[name]; !ok {
			names = append(names, name)
		}
		bytes[name] += float64(n) / float64(s.rows())
	}
	pieces := []string{"times", "received", "duration", "success", "indexes",
		"identity codes", "type codes", "path codes", "ip codes", "agent codes", "action codes",
		"producer ids", "request ids", "extra data"}
	for n := range s.blocks() {
		x := s.footer.block(n).extent
		b, ok := s.bytes(x)
		if !ok {
			t.Fatal("checksum")
		}
		r := reader{b: b}
		for _, name := range pieces {
			add(name, int(r.uint32()))
		}
		add("block heads", 4*numPieces)
	}
	for i, x := range s.footer.sections {
		switch {
		case i < sectionPostings:
			add("dictionaries", int(x.length))
		case i < sectionPairs:
			add("postings", int(x.length))
		case i < sectionRequests:
			add("pairs", int(x.length))
		case i < sectionIndexes:
			add("lookups", int(x.length))
		default:
			add("other sections", int(x.length))
		}
	}
	add("total", len(s.b))
	return names, bytes
}

func BenchmarkSegment(b *testing.B) {
	rows := sampleRows(1_000_000)
	file, err := appendRows(nil, "acme", rows)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			if file, err = appendRows(file[:0], "acme", rows); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows.rows)*float64(b.N)/b.Elapsed().Seconds()/1e3, "krows/s")
	})
	s, err := openSegment(file)
	if err != nil {
		b.Fatal(err)
	}
	names, bytes := sizes(b, s)
	for _, name := range names {
		fmt.Printf("%-16s %6.3f B/row\n", name, bytes[name])
	}
	b.Run("sequential", func(b *testing.B) {
		row := 0
		for b.Loop() {
			if _, err := recordOf(s, row); err != nil {
				b.Fatal(err)
			}
			if row++; row == s.rows() {
				row = 0
			}
		}
	})
	b.Run("lines", func(b *testing.B) {
		rows := make([]uint16, chunkRows)
		for i := range rows {
			rows[i] = uint16(i)
		}
		var records []audit.Record
		var line []byte
		n, block := 0, 0
		for b.Loop() {
			open, err := s.block(block)
			if err != nil {
				b.Fatal(err)
			}
			for some := range slices.Chunk(rows, scanRows) {
				if records, err = open.records(records[:0], some); err != nil {
					b.Fatal(err)
				}
				for i := range records {
					line = records[i].AppendLine(line[:0])
				}
				n += len(records)
			}
			block = (block + 1) % (s.blocks() - 1)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
	})
	b.Run("random", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			if _, err := recordOf(s, r.IntN(s.rows())); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rowOf", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			if _, _, err := s.rowOf(s.indexes().From + r.Uint64N(uint64(s.rows()))); err != nil {
				b.Fatal(err)
			}
		}
	})
	ids := make([]string, 1000)
	for i := range ids {
		rec, err := recordOf(s, i*997)
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = rec.RequestID
	}
	b.Run("requests", func(b *testing.B) {
		i := 0
		for b.Loop() {
			rows, err := s.requests(ids[i%len(ids)])
			if err != nil || len(rows) != 1 {
				b.Fatal(err, rows)
			}
			i++
		}
	})
	b.Run("absent", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, err := s.requests(fmt.Sprint("req_", i)); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := openSegment(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}
