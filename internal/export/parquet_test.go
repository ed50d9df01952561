package export_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
)

var parquetFormat = format{audit.FormatParquet, audit.CompressionNone}

const wantSchema = `message row {
	required binary id (STRING);
	required int64 timestamp (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	required binary action (STRING);
	required binary identity_type (STRING);
	required binary identity_id (STRING);
	optional binary secret_path (STRING);
	optional binary source_ip (STRING);
	required binary user_agent (STRING);
	required boolean success;
	required int64 duration_ms (INT(64,true));
	required binary request_id (STRING);
	required binary extra_data (JSON);
}`

func TestParquetSchema(t *testing.T) {
	f := openParquet(t, write(t, parquetFormat, nil))
	if diff := cmp.Diff(wantSchema, f.Schema().String()); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
	if f.NumRows() != 0 {
		t.Errorf("%d rows in a file without events", f.NumRows())
	}
}

func openParquet(t *testing.T, b []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// checkParquet compares a file with the events that it is to hold.
func checkParquet(t rapid.TB, f *parquet.File, records []audit.Record) {
	t.Helper()
	if f.NumRows() != int64(len(records)) {
		t.Fatalf("%d rows of %d events", f.NumRows(), len(records))
	}
	rows := make([]parquet.Row, 1)
	for _, group := range f.RowGroups() {
		reader := group.Rows()
		for range group.NumRows() {
			if n, err := reader.ReadRows(rows); n != 1 {
				t.Fatal(err)
			}
			got, want := fieldsOf(rows[0]), values(&records[0].Event)
			if !slices.Equal(got, want) {
				t.Fatalf("(- event, + row):\n%s", cmp.Diff(want, got))
			}
			records = records[1:]
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fieldsOf returns the values of a row.
func fieldsOf(row parquet.Row) (list []any) {
	for _, v := range row {
		switch {
		case v.IsNull():
			list = append(list, nil)
		case v.Kind() == parquet.ByteArray:
			list = append(list, string(v.ByteArray()))
		case v.Kind() == parquet.Boolean:
			list = append(list, v.Boolean())
		default:
			list = append(list, v.Int64())
		}
	}
	return list
}

// values returns the values of an event's columns.
func values(e *audit.Event) []any {
	list := []any{string(e.ID), int64(e.Timestamp), string(e.Action), string(e.IdentityType),
		string(e.IdentityID), nil, nil, e.UserAgent, e.Success, int64(e.DurationMS), e.RequestID, "{}"}
	if e.SecretPath != "" {
		list[5] = string(e.SecretPath)
	}
	if e.SourceIP != "" {
		list[6] = e.SourceIP
	}
	if e.ExtraData != "" {
		list[11] = e.ExtraData
	}
	return list
}

func TestParquetReadsBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(randomRecord(), 0, 20).Draw(rt, "records")
		checkParquet(rt, openParquet(t, write(t, parquetFormat, records)), records)
	})
}

func TestParquetOfManyPagesReadsBack(t *testing.T) {
	records := sampleRecords(30_000)
	checkParquet(t, openParquet(t, write(t, parquetFormat, records)), records)
}

// A column of names that never repeat outgrows its dictionary.
func TestParquetOfManyNamesReadsBack(t *testing.T) {
	records := sampleRecords(80_000)
	noise := noiseSource()
	for i := range records {
		records[i].SecretPath = audit.Path(noise(48))
	}
	f := openParquet(t, write(t, parquetFormat, records))
	encodings := make(map[string]bool)
	for _, s := range f.Metadata().RowGroups[0].Columns[5].MetaData.EncodingStats {
		encodings[fmt.Sprint(s.PageType, " ", s.Encoding)] = true
	}
	want := map[string]bool{
		"DICTIONARY_PAGE PLAIN": true, "DATA_PAGE RLE_DICTIONARY": true, "DATA_PAGE PLAIN": true,
	}
	if diff := cmp.Diff(want, encodings); diff != "" {
		t.Errorf("pages of secret_path (- want, + got):\n%s", diff)
	}
	checkParquet(t, f, records)
}

// Large events end a row group before a million of them are there.
func TestParquetOfLargeEventsReadsBack(t *testing.T) {
	records := sampleRecords(3_500)
	noise := noiseSource()
	for i := range records {
		records[i].ExtraData = `{"noise":"` + noise(16_000) + `"}`
	}
	f := openParquet(t, write(t, parquetFormat, records))
	if n := len(f.RowGroups()); n != 2 {
		t.Errorf("%d row groups in %d bytes, want 2", n, f.Size())
	}
	checkParquet(t, f, records)
}

// noiseSource returns a function that makes n hex digits, always the same ones.
func noiseSource() func(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	return func(n int) string {
		b := make([]byte, n/2)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return hex.EncodeToString(b)
	}
}

func TestParquetKeepsStatistics(t *testing.T) {
	records := sampleRecords(1_000)
	f := openParquet(t, write(t, parquetFormat, records))
	for _, c := range f.Metadata().RowGroups[0].Columns {
		s := c.MetaData.Statistics
		if s.MinValue == nil || s.MaxValue == nil {
			t.Errorf("column %s has no bounds", c.MetaData.PathInSchema)
		}
	}
	index := f.ColumnIndexes()[1]
	got := [2]int64{
		parquet.Int64.Value(index.MinValues[0]).Int64(),
		parquet.Int64.Value(index.MaxValues[len(index.MaxValues)-1]).Int64(),
	}
	want := [2]int64{int64(records[0].Timestamp), int64(records[len(records)-1].Timestamp)}
	if got != want {
		t.Errorf("timestamps between %d, want %d", got, want)
	}
}

// The caller may use the memory of an event again as soon as Append returns.
func TestAppendKeepsNothing(t *testing.T) {
	records := sampleRecords(300)
	eachFormat(t, func(t *testing.T, f format) {
		var file bytes.Buffer
		p, err := export.NewPartWriter(&file, f.format, f.compression, 1<<40)
		if err != nil {
			t.Fatal(err)
		}
		var memory []byte
		for _, r := range records {
			memory = memory[:0]
			e := &r.Event
			e.IdentityID = lend(&memory, e.IdentityID)
			e.SecretPath = lend(&memory, e.SecretPath)
			e.SourceIP = lend(&memory, e.SourceIP)
			e.UserAgent = lend(&memory, e.UserAgent)
			e.RequestID = lend(&memory, e.RequestID)
			e.ExtraData = lend(&memory, e.ExtraData)
			if err := p.Append(&r); err != nil {
				t.Fatal(err)
			}
			clear(memory)
		}
		if _, err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(file.Bytes(), write(t, f, records)) {
			t.Error("the file differs from that of events which stay")
		}
	})
}

// lend returns s as a part of memory.
func lend[S ~string](memory *[]byte, s S) S {
	if s == "" {
		return s
	}
	*memory = append(*memory, s...)
	b := (*memory)[len(*memory)-len(s):]
	return S(unsafe.String(&b[0], len(b)))
}
