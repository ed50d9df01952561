package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/scaivault/audit"
)

// TestSegmentLines makes lines of rows in several orders, of values that have
// to be escaped and ids of several shapes: each is that of its record.
func TestSegmentLines(t *testing.T) {
	odd := []string{"", "plain", `a "quoted" one`, `back\slash`, "tab\tand\x01", "ünï\u2028", "longer than sixteen bytes \""}
	shapes := []func(n int) string{
		func(n int) string { return fmt.Sprintf("req_%024x", uint64(n)*0x9e3779b97f4a7c15) },
		func(n int) string { return fmt.Sprintf(`"%08x"-%04x`, uint32(n)*0x9e3779b9, n) },
		func(n int) string { return odd[n%len(odd)] },
		func(n int) string { return "" },
	}
	for k, shape := range shapes {
		tail := newTail(7, 1000)
		const rows = chunkRows + 700
		for n := range rows {
			e := audit.Event{
				Timestamp: audit.Time(n) * audit.Minute / 7, Action: "read", IdentityType: "user",
				IdentityID: audit.IdentityID(fmt.Sprintf("user:%d%s", n%5, odd[n%7])), SecretPath: audit.Path(odd[n%3]),
				SourceIP: []string{"", "10.0.0.1"}[n%2], UserAgent: odd[n%len(odd)], Success: n%3 > 0, DurationMS: int32(n % 100),
				RequestID: shape(n), ExtraData: []string{"", `{"a":1}`, fmt.Sprintf(`{"n":%d}`, n)}[n%3],
			}
			if n%50 == 3 {
				e.ID = audit.EventID(fmt.Sprintf("log_p%d", n))
			}
			tail.insert(&e, e.Timestamp)
		}
		b, err := appendRows(nil, "acme", tail.staging().segmentRows())
		if err != nil {
			t.Fatal(err)
		}
		s, err := openSegment(b)
		if err != nil {
			t.Fatal(err)
		}
		for n := range s.blocks() {
			block, err := s.block(n)
			if err != nil {
				t.Fatal(err)
			}
			var all, some []uint16
			for i := range block.len() {
				if all = append(all, uint16(i)); i%90 == 5 {
					some = append(some, uint16(i))
				}
			}
			backwards := slices.Clone(all)
			slices.Reverse(backwards)
			mixed := slices.Clone(all)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			for _, rows := range [][]uint16{all, some, backwards, mixed, all[:1], all[len(all)-1:]} {
				records, err := block.records(nil, rows)
				if err != nil {
					t.Fatal(err)
				}
				var list lineList
				if err := block.lines(&list, rows); err != nil {
					t.Fatal(err)
				}
				for i, r := range records {
					if got, want := string(list.line(i)), string(r.AppendLine(nil)); got != want {
						t.Fatalf("ids %d, row %d:\n%s, want\n%s", k, rows[i], got, want)
					}
					if got, want := list.at[i].place, (place{r.Timestamp, r.Index}); got != want {
						t.Fatalf("ids %d, row %d: at %v, want %v", k, rows[i], got, want)
					}
				}
			}
		}
	}
}
