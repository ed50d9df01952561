package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

var updateSegment = flag.Bool("update-segment", false, "write the golden segment anew")

// smallSegment returns the file of a segment of a few rows of every kind, and
// what it holds.
func smallSegment(t testing.TB) ([]byte, []audit.Record) {
	t.Helper()
	shape := &logShape{rows: 40, values: 6, spread: audit.Hour, gaps: true,
		ids: "mixed", extra: "mixed", success: 0.8}
	rows, records := shape.log(3)
	b, err := appendRows(nil, "acme", rows)
	if err != nil {
		t.Fatal(err)
	}
	return b, records
}

// answers is all that a segment answers.
type answers struct {
	Footer    []audit.Record // one, of what the footer says
	Records   []audit.Record
	Values    [numCols][]string
	Ranked    [numCols][]uint32
	Counts    [numCols][]int64
	Rows      [numCols][][]uint32
	Listed    [numCols][]bool
	Codes     [numCols][]uint32
	Times     []audit.Time
	Texts     []string
	Successes []bool
	Found     []int
	Hours     [][3]int64
}

// ask asks a segment everything. It stops at the first error.
func ask(s *segment) (a answers, err error) {
	f := s.footer
	a.Footer = []audit.Record{
		{Index: f.indexes.From, ReceivedAt: f.least}, {Index: f.indexes.To, ReceivedAt: f.most}}
	for row := range s.rows() {
		r, err := recordOf(s, row)
		if err != nil {
			return a, err
		}
		a.Records = append(a.Records, r)
		if err := a.keys(s, &r); err != nil {
			return a, err
		}
	}
	for col := range numCols {
		if err := a.column(s, col); err != nil {
			return a, err
		}
	}
	for n := range s.blocks() {
		if err := a.block(s, n); err != nil {
			return a, err
		}
	}
	hours, err := s.hours()
	for _, h := range hours {
		a.Hours = append(a.Hours, [3]int64{h.hour, h.total, h.failed})
	}
	return a, err
}

func (a *answers) keys(s *segment, r *audit.Record) error {
	row, _, err := s.rowOf(r.Index)
	if err != nil {
		return err
	}
	requests, err := s.requests(r.RequestID)
	if err != nil {
		return err
	}
	producers, err := s.producers(string(r.ID))
	a.Found = append(a.Found, row)
	for _, row := range append(requests, producers...) {
		a.Found = append(a.Found, int(row))
	}
	return err
}

func (a *answers) column(s *segment, col int) error {
	w, err := s.words(col)
	if err != nil {
		return err
	}
	top := w.ranking.top()
	for code := range uint32(min(w.len(), 10_000)) {
		value := w.value(code)
		rows, listed, err := s.postings(col, codeRange{code, code + 1})
		if err != nil {
			return err
		}
		w.find(value)
		ranked, _, _ := top.next()
		a.Values[col], a.Ranked[col] = append(a.Values[col], value), append(a.Ranked[col], ranked)
		a.Counts[col] = append(a.Counts[col], w.ranking.count(code))
		a.Rows[col], a.Listed[col] = append(a.Rows[col], rows), append(a.Listed[col], listed)
	}
	return nil
}

func (a *answers) block(s *segment, n int) error {
	b, err := s.block(n)
	if err != nil {
		return err
	}
	least, most := s.bounds(n)
	a.Times = append(append(append(a.Times, least, most), b.times(nil)...), b.time(0))
	for col := range a.Codes {
		a.Codes[col] = append(append(a.Codes[col], b.codes(col, nil)...), b.code(col, 0))
	}
	for i := range b.len() {
		a.Successes = append(a.Successes, b.success(i))
		a.Texts = append(a.Texts, string(b.request(i)), string(b.extra(i)))
	}
	return nil
}

// TestSegmentBitFlips wants every changed byte to be an error, and every error
// to name the lost indexes.
func TestSegmentBitFlips(t *testing.T) {
	file, _ := smallSegment(t)
	s, err := openSegment(file)
	if err != nil {
		t.Fatal(err)
	}
	want := s.indexes()
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= 1 << (i % 8)
		s, err := openSegment(damaged)
		if err != nil {
			continue
		}
		_, err = ask(s)
		var e *audit.Error
		if !errors.As(err, &e) || e.Code != audit.CodeDataDamaged || len(e.Damaged) != 1 || e.Damaged[0] != want {
			t.Fatalf("byte %d of %d: error %v; want the indexes %v damaged", i, len(file), err, want)
		}
	}
}

// TestSegmentCut wants every file that was cut, or has something behind it, to
// be no segment.
func TestSegmentCut(t *testing.T) {
	file, _ := smallSegment(t)
	for n := range file {
		if _, err := openSegment(file[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are a segment", n, len(file))
		}
	}
	if _, err := openSegment(append(bytes.Clone(file), 0)); err == nil {
		t.Fatal("a segment with a byte behind it is one")
	}
}

// TestSegmentOfLaterFormat names the format that it cannot read.
func TestSegmentOfLaterFormat(t *testing.T) {
	file, _ := smallSegment(t)
	for _, at := range []int{len(segmentMagic), len(file) - 2} {
		later := bytes.Clone(file)
		later[at]++
		_, err := openSegment(later)
		if err == nil || !strings.Contains(err.Error(), "format 3; this program reads 1 to 2") {
			t.Errorf("format 3 at %d: %v", at, err)
		}
	}
}

// TestSegmentLimits wants rows that no segment can have to be refused.
func TestSegmentLimits(t *testing.T) {
	rows, _ := (&logShape{rows: 3, values: 2, spread: 1}).log(1)
	for name, change := range map[string]func(r *segmentRows){
		"no rows":        func(r *segmentRows) { r.rows = 0 },
		"too many rows":  func(r *segmentRows) { r.rows = maxSegmentRows + 1 },
		"missing chunks": func(r *segmentRows) { r.rows = chunkRows + 1 },
		"unknown code":   func(r *segmentRows) { r.values[colPath] = r.values[colPath][:1] },
		"no null":        func(r *segmentRows) { r.values[colIP] = []string{"10.0.0.1"} },
	} {
		changed := *rows
		change(&changed)
		if _, err := appendRows(nil, "acme", &changed); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for size, ok := range map[int]bool{maxText: true, maxText + 1: false} {
		long := newTail(0, 0)
		long.insert(&audit.Event{ExtraData: strings.Repeat("x", size)}, 0)
		b, err := appendRows(nil, "acme", long.staging().segmentRows())
		if (err == nil) != ok {
			t.Errorf("text of %d bytes: %v", size, err)
		}
		if err == nil {
			s, _ := openSegment(b)
			if r, err := recordOf(s, 0); err != nil || len(r.ExtraData) != size {
				t.Errorf("text of %d bytes: read %d, %v", size, len(r.ExtraData), err)
			}
		}
	}
}

// TestGoldenSegment reads segments that earlier programs wrote, and wants this
// one to write the newest as it is.
func TestGoldenSegment(t *testing.T) {
	const name = "testdata/format/v2/segment.hex"
	file, records := smallSegment(t)
	if *updateSegment {
		if err := os.WriteFile(name, []byte(hex.Dump(file)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(text), hex.Dump(file)); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
	for version := 1; version <= segmentVersion; version++ {
		text, err := os.ReadFile(fmt.Sprintf("testdata/format/v%d/segment.hex", version))
		if err != nil {
			t.Fatal(err)
		}
		s, err := openSegment(parseHexDump(t, string(text)))
		if err != nil {
			t.Fatal(err)
		}
		checkPart(t, s, records)
	}
}

// parseHexDump is the inverse of [hex.Dump].
func parseHexDump(t *testing.T, text string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(text) {
		digits, _, _ := strings.Cut(line[min(10, len(line)):], "|")
		row, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, row...)
	}
	return b
}

// FuzzOpenSegment opens whatever it is given, as it is and with checksums that
// are right, and asks it everything: nothing may panic, and an answer is the
// same twice.
func FuzzOpenSegment(f *testing.F) {
	file, _ := smallSegment(f)
	f.Add(file)
	f.Add(file[:len(file)/2])
	for i := 0; i < len(file); i += 101 {
		damaged := bytes.Clone(file)
		damaged[i] ^= 0xff
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, reseal(bytes.Clone(b))} {
			s, err := openSegment(b)
			if err != nil || s.rows() > mostFuzzed {
				continue
			}
			first, err := ask(s)
			again, errAgain := ask(s)
			if (err == nil) != (errAgain == nil) {
				t.Fatalf("errors %v and %v", err, errAgain)
			}
			if err == nil && !reflect.DeepEqual(first, again) {
				t.Fatalf("answers differ: %v and %v", first, again)
			}
		}
	})
}

// reseal gives the pieces of a file, if it has a footer, the checksums that
// their bytes have.
func reseal(b []byte) []byte {
	end := len(b) - segmentTrailer
	if end < 0 {
		return b
	}
	trailer := b[end:]
	length := int(binary.LittleEndian.Uint32(trailer))
	if length > end {
		return b
	}
	foot, ok := parseFooter(b[end-length : end])
	if ok {
		fix := func(x *extent) {
			if x.offset <= uint64(len(b)) && uint64(x.length) <= uint64(len(b))-x.offset {
				x.crc = crc32.Checksum(b[x.offset:][:x.length], castagnoli)
			}
		}
		var blocks []byte
		for n := range foot.numBlocks() {
			e := foot.block(n)
			fix(&e.extent)
			blocks = e.append(blocks)
		}
		foot.blocks = blocks
		for i := range foot.sections {
			fixSection(b, i, &foot.sections[i])
		}
		return foot.append(b[:end-length])
	}
	binary.LittleEndian.PutUint32(trailer[4:], crc32.Checksum(b[end-length:end+4], castagnoli))
	return b
}

// fixSection gives a section, and its pages if it has any, the right checksums.
func fixSection(b []byte, section int, x *extent) {
	if x.offset > uint64(len(b)) || uint64(x.length) > uint64(len(b))-x.offset {
		return
	}
	sums := x.offset
	if end, ok := x.content(); isPaged(section) && ok {
		sums = end
		appendSums(b[:sums], b[x.offset:sums])
	}
	x.crc = crc32.Checksum(b[sums:x.offset+uint64(x.length)], castagnoli)
}

// TestSegmentWrongBytes changes some bytes and makes the checksums fit: what a
// broken writer might leave must not bring the program down.
func TestSegmentWrongBytes(t *testing.T) {
	file, _ := smallSegment(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range wrongFiles {
		b := bytes.Clone(file)
		for range 1 + r.IntN(3) {
			i := r.IntN(len(b))
			b[i] = []byte{0, 1, 0x7f, 0x80, 0xff, b[i] + 1, b[i] ^ 1<<r.IntN(8), byte(r.Uint32())}[r.IntN(8)]
		}
		if s, err := openSegment(reseal(b)); err == nil && s.rows() <= mostFuzzed {
			_, _ = ask(s)
		}
	}
}

const (
	wrongFiles = 2000
	mostFuzzed = 500 // rows: to ask for more takes too long
)
