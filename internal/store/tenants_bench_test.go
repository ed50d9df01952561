package store_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/scaivault/audit"
)

// BenchmarkTenants seals the same events as the log of one tenant and as those of
// many, and opens them. It reports the bytes of the segments and how many these
// are.
func BenchmarkTenants(b *testing.B) {
	const events = 600_000
	all := slices.Collect(sampleOf(events).Events())
	for _, tenants := range []int{1, 60, 600} {
		b.Run(fmt.Sprint(tenants), func(b *testing.B) {
			dir := b.TempDir()
			b.Run("seal", func(b *testing.B) {
				for b.Loop() {
					dir = b.TempDir()
					appendTo(b, dir, tenants, all)
				}
				files, bytes := segmentsIn(b, dir)
				b.ReportMetric(float64(files), "segments")
				b.ReportMetric(float64(bytes)/events, "B/event")
			})
			b.Run("open", func(b *testing.B) {
				for b.Loop() {
					check(b, onDisk(b, dir).Close())
				}
			})
		})
	}
}

// appendTo appends the events to the logs of tenants in turn, and seals them.
func appendTo(b *testing.B, dir string, tenants int, events []audit.Event) {
	s := atScale(b, dir)
	of := make([][]audit.Event, tenants)
	for i, e := range events {
		of[i%tenants] = append(of[i%tenants], e)
	}
	for begun := 0; begun < len(of[0]); begun += 250 {
		for n, list := range of {
			if begun < len(list) {
				put(b, s, audit.TenantID(fmt.Sprintf("tenant-%04d", n)), list[begun:min(begun+250, len(list))]...)
			}
		}
	}
	check(b, s.Seal(b.Context()))
	check(b, s.Close())
}

// segmentsIn returns the number of segments below the directory and their bytes.
func segmentsIn(b *testing.B, dir string) (files int, bytes int64) {
	check(b, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".seg" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files, bytes = files+1, bytes+info.Size()
		return nil
	}))
	return files, bytes
}
