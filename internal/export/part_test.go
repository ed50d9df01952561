package export_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/sample"
)

// format is a format with a compression.
type format struct {
	format      audit.ExportFormat
	compression audit.Compression
}

// formats are all that there are.
var formats = []format{
	{audit.FormatJSONL, audit.CompressionNone},
	{audit.FormatJSONL, audit.CompressionGzip},
	{audit.FormatJSONL, audit.CompressionZstd},
	{audit.FormatCSV, audit.CompressionNone},
	{audit.FormatCSV, audit.CompressionGzip},
	{audit.FormatCSV, audit.CompressionZstd},
	{audit.FormatParquet, audit.CompressionNone},
}

// sampleRecords returns n events as a log holds them.
func sampleRecords(n int) []audit.Record {
	records := make([]audit.Record, 0, n)
	end := time.Date(2026, 4, 23, 20, 0, 0, 0, time.UTC)
	for e := range sample.New(1, sample.Options{Events: n, End: end}).Events() {
		i := uint64(len(records))
		e.ID = audit.DerivedID(0, i)
		records = append(records, audit.Record{Event: e, Index: i, ReceivedAt: e.Timestamp})
	}
	return records
}

// file is a part with its bytes.
type file struct {
	export.Part
	Bytes []byte
}

// parts writes records into as many parts as they need.
func parts(t *testing.T, f format, size int64, records []audit.Record) []file {
	t.Helper()
	var files []file
	for len(records) > 0 {
		var buf bytes.Buffer
		p, err := export.NewPartWriter(&buf, f.format, f.compression, size)
		if err != nil {
			t.Fatal(err)
		}
		for !p.Full() && len(records) > 0 {
			if err := p.Append(&records[0]); err != nil {
				t.Fatal(err)
			}
			records = records[1:]
		}
		part, err := p.Close()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{part, buf.Bytes()})
	}
	return files
}

// told returns what the writers told of the files, which has their hashes.
func told(files []file) (list []export.Part) {
	for _, f := range files {
		list = append(list, f.Part)
	}
	return list
}

// eachFormat runs a test once for each format and compression.
func eachFormat(t *testing.T, run func(t *testing.T, f format)) {
	for _, f := range formats {
		t.Run(export.Extension(f.format, f.compression), func(t *testing.T) { run(t, f) })
	}
}

func TestPartTellsWhatItHolds(t *testing.T) {
	records := sampleRecords(3_000)
	eachFormat(t, func(t *testing.T, f format) {
		first := 0
		for i, p := range parts(t, f, 100_000, records) {
			last := first + int(p.Records) - 1
			want := export.Part{
				Records: p.Records, Size: int64(len(p.Bytes)), SHA256: sha256.Sum256(p.Bytes),
				First: records[first].Timestamp, Last: records[last].Timestamp,
			}
			if diff := cmp.Diff(want, p.Part); diff != "" {
				t.Errorf("part %d (- want, + got):\n%s", i, diff)
			}
			first = last + 1
		}
		if first != len(records) {
			t.Errorf("the parts hold %d of %d events", first, len(records))
		}
	})
}

func TestPartsKeepTheirSize(t *testing.T) {
	records := sampleRecords(40_000)
	eachFormat(t, func(t *testing.T, f format) {
		const size = 200_000
		files := parts(t, f, size, records)
		if len(files) < 4 {
			t.Errorf("%d parts, want several", len(files))
		}
		for i, p := range files {
			if p.Size > size {
				t.Errorf("part %d has %d bytes, more than %d", i, p.Size, size)
			}
			if p.Size < size*8/10 && i < len(files)-1 {
				t.Errorf("part %d has %d bytes, far less than %d", i, p.Size, size)
			}
		}
	})
}

// A part that is written again, by itself or after the parts before it, is the
// same: an export that goes on after a crash replaces it by equal bytes.
func TestPartsAreTheSameEachTime(t *testing.T) {
	records := sampleRecords(10_000)
	eachFormat(t, func(t *testing.T, f format) {
		once := told(parts(t, f, 100_000, records))
		if diff := cmp.Diff(once, told(parts(t, f, 100_000, records))); diff != "" {
			t.Errorf("the second run differs:\n%s", diff)
		}
		rest := told(parts(t, f, 100_000, records[once[0].Records:]))
		if diff := cmp.Diff(once[1:], rest); diff != "" {
			t.Errorf("a run from the second part on differs:\n%s", diff)
		}
	})
}

func TestPartTakesAnEventLargerThanItself(t *testing.T) {
	records := sampleRecords(2)
	records[0].ExtraData = `{"dump":"` + string(bytes.Repeat([]byte("x"), 16_000)) + `"}`
	eachFormat(t, func(t *testing.T, f format) {
		files := parts(t, f, 1, records)
		if len(files) != 2 || files[0].Records != 1 || files[1].Records != 1 {
			t.Errorf("got %d parts, want one for each event", len(files))
		}
	})
}

func TestCompressedPartsReadBack(t *testing.T) {
	records := sampleRecords(5_000)
	for _, n := range []int{0, 1, len(records)} {
		for _, name := range []audit.ExportFormat{audit.FormatJSONL, audit.FormatCSV} {
			want := write(t, format{name, audit.CompressionNone}, records[:n])
			zipped := write(t, format{name, audit.CompressionGzip}, records[:n])
			if got := readAll(t, gzipReader, zipped); !bytes.Equal(got, want) {
				t.Errorf("%s of %d events differs after gzip", name, n)
			}
			packed := write(t, format{name, audit.CompressionZstd}, records[:n])
			if got := readAll(t, zstdReader, packed); !bytes.Equal(got, want) {
				t.Errorf("%s of %d events differs after zstd", name, n)
			}
		}
	}
}

// write returns the file that holds all records.
func write(t *testing.T, f format, records []audit.Record) []byte {
	t.Helper()
	var buf bytes.Buffer
	p, err := export.NewPartWriter(&buf, f.format, f.compression, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if err := p.Append(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func readAll(t *testing.T, open func(io.Reader) (io.Reader, error), b []byte) []byte {
	t.Helper()
	r, err := open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func gzipReader(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
func zstdReader(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
}

// failing takes some writes and then fails.
type failing struct{ left int }

var errDisk = errors.New("no space")

func (f *failing) Write(b []byte) (int, error) {
	if f.left == 0 {
		return len(b) / 2, errDisk
	}
	f.left--
	return len(b), nil
}

func TestEveryWriteErrorIsReturned(t *testing.T) {
	records := sampleRecords(3_000)
	eachFormat(t, func(t *testing.T, f format) {
		for n := 0; ; n++ {
			p, err := export.NewPartWriter(&failing{n}, f.format, f.compression, 1<<40)
			if err != nil {
				t.Fatal(err)
			}
			for i := range records {
				if err = p.Append(&records[i]); err != nil {
					break
				}
			}
			appendErr := err
			_, err = p.Close()
			if err == nil {
				if n == 0 {
					t.Error("no write failed")
				}
				return // all writes were taken
			}
			if !errors.Is(err, errDisk) || appendErr != nil && appendErr != err {
				t.Errorf("write %d fails: Append: %v, Close: %v", n, appendErr, err)
			}
			if again := p.Append(&records[0]); again != err {
				t.Errorf("write %d fails: a later Append: %v", n, again)
			}
		}
	})
}

func TestNewPartWriterRefuses(t *testing.T) {
	for _, f := range []format{
		{"xml", audit.CompressionNone},
		{"", audit.CompressionNone},
		{audit.FormatJSONL, "brotli"},
		{audit.FormatCSV, ""},
		{audit.FormatParquet, audit.CompressionGzip},
		{audit.FormatParquet, audit.CompressionZstd},
	} {
		t.Run(fmt.Sprintf("%s-%s", f.format, f.compression), func(t *testing.T) {
			_, err := export.NewPartWriter(io.Discard, f.format, f.compression, 1<<20)
			if code := audit.ErrorCode(err); code != audit.CodeValidationError {
				t.Errorf("got %v (%s), want %s", err, code, audit.CodeValidationError)
			}
		})
	}
}

func TestExtension(t *testing.T) {
	var got []string
	for _, f := range formats {
		got = append(got, export.Extension(f.format, f.compression))
	}
	want := []string{"jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "csv.zst", "parquet"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}
