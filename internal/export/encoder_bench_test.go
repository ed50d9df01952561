package export_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/scaivault/audit/internal/export"
)

// BenchmarkPart encodes events of a sample company. MB/s are megabytes of
// canonical lines, whatever the format; B/event is the size of the file.
func BenchmarkPart(b *testing.B) {
	const n = 100_000
	records := sampleRecords(n)
	lines, line := 0, []byte(nil)
	for i := range records {
		line = records[i].AppendLine(line[:0])
		lines += len(line) + 1
	}
	for _, f := range formats {
		b.Run(export.Extension(f.format, f.compression), func(b *testing.B) {
			var part export.Part
			b.SetBytes(int64(lines))
			for b.Loop() {
				p, err := export.NewPartWriter(io.Discard, f.format, f.compression, 1<<40)
				if err != nil {
					b.Fatal(err)
				}
				for i := range records {
					if err := p.Append(&records[i]); err != nil {
						b.Fatal(err)
					}
				}
				if part, err = p.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(part.Size)/n, "B/event")
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkMemory reports how much of the heap a writer holds at most while a
// part of two row groups is written.
func BenchmarkMemory(b *testing.B) {
	records := sampleRecords(200_000)
	for _, f := range formats {
		b.Run(export.Extension(f.format, f.compression), func(b *testing.B) {
			peak, before := uint64(0), heap()
			for b.Loop() {
				p, err := export.NewPartWriter(io.Discard, f.format, f.compression, 1<<40)
				if err != nil {
					b.Fatal(err)
				}
				for i := range 7 * len(records) {
					if err := p.Append(&records[i%len(records)]); err != nil {
						b.Fatal(err)
					}
					if i%50_000 == 0 {
						peak = max(peak, heap()-before)
					}
				}
				if _, err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(peak)/(1<<20), "MiB")
		})
	}
}

// heap returns the bytes of the heap that are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
