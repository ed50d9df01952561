package store

import (
	"bytes"
	"slices"
	"testing"

	"github.com/scaivault/audit"
)

// TestPagedDamage flips a bit of each page of each paged section, and of each of
// their checksums. A question that needs the page gets an error, and the others
// get their answers.
func TestPagedDamage(t *testing.T) {
	shape := &logShape{rows: 30_000, values: 9_000, spread: audit.Hour, ids: "mixed", extra: "none", success: 0.9}
	rows, records := shape.log(5)
	file, err := appendRows(nil, "acme", rows)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := openSegment(file)
	if err != nil {
		t.Fatal(err)
	}
	want := pagedAnswers(whole, records)
	for section := range numSections {
		x := whole.footer.sections[section]
		if !isPaged(section) || x.length == 0 {
			continue
		}
		sums, ok := whole.sumsOf(section)
		if !ok || sums.offset-x.offset < 3*pageSize {
			t.Fatalf("section %d: %d bytes are too few pages", section, x.length)
		}
		places := []uint64{sums.offset + uint64(sums.length) - 1}
		for at := x.offset + 777; at < sums.offset; at += pageSize {
			places = append(places, at)
		}
		for k, at := range places {
			if testing.Short() && k%4 > 1 {
				continue
			}
			damaged := bytes.Clone(file)
			damaged[at] ^= 1 << (at % 8)
			s, err := openSegment(damaged)
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for i, got := range pagedAnswers(s, records) {
				if got.err != nil {
					failed++
				} else if !slices.Equal(got.rows, want[i].rows) {
					t.Fatalf("byte %d of section %d: question %d: rows %v, want %v", at-x.offset, section, i, got.rows, want[i].rows)
				}
			}
			if s.verify() == nil {
				t.Errorf("byte %d of section %d: not found by verify", at-x.offset, section)
			}
			if failed == 0 || k > 0 && failed == len(want) {
				t.Errorf("byte %d of section %d: %d of %d questions fail", at-x.offset, section, failed, len(want))
			}
		}
	}
}

type pagedAnswer struct {
	rows []uint32
	err  error
}

// pagedAnswers asks for the ids and the values of some records.
func pagedAnswers(s *segment, records []audit.Record) (list []pagedAnswer) {
	add := func(rows []uint32, err error) { list = append(list, pagedAnswer{slices.Clone(rows), err}) }
	for i := 0; i < len(records); i += 97 {
		r := &records[i]
		add(s.requests(r.RequestID))
		add(s.producers(string(r.ID)))
		for col, value := range columns(&r.Event) {
			d, err := s.dictionary(col)
			if err != nil {
				add(nil, err)
				continue
			}
			code, _ := d.find(value)
			rows, _, err := s.postings(col, codeRange{code, code + 1})
			add(rows, err)
			if row, listed, err := s.near(col, code, 0, s.rows(), i%2 == 0); err != nil || listed {
				add([]uint32{uint32(row)}, err)
			}
		}
	}
	return list
}
