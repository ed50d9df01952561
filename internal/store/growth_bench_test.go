package store

import (
	"flag"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/vfs"
)

var (
	growthEvents = flag.Int("growth.events", 1<<21, "events of BenchmarkGrowth")
	growthDir    = flag.String("growth.dir", "", "where BenchmarkGrowth keeps its log; empty: it is removed")
)

// BenchmarkGrowth writes a log as sealing and merging leave it, without what
// makes a log of a billion events take hours: its write-ahead log, and writing
// each event once more for every merge. What it says of a log is what a log
// would say that was appended to. To ask one:
//
//	go test -run '^$' -bench Growth -benchtime 1x -timeout 0 ./internal/store \
//	    -growth.events 1000000000 -growth.dir /var/tmp/billion/log
//	scaivault-audit bench --questions-only --data /var/tmp/billion
func BenchmarkGrowth(b *testing.B) {
	dir := *growthDir
	for b.Loop() {
		if *growthDir == "" {
			dir = b.TempDir()
		}
		if err := writeLog(dir, *growthEvents); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N**growthEvents)/b.Elapsed().Seconds(), "events/s")
}

// writeLog writes a log of n sample events in segments that are left alone.
func writeLog(dir string, n int) error {
	const (
		tenant = "tnt_bench_0001"
		size   = 1 << 20
		atOnce = 2
	)
	s := &sealer{store: &Store{fs: vfs.OS{}, dir: dir}}
	list := make([]segmentInfo, (n+size-1)/size)
	var writers errgroup.Group
	writers.SetLimit(atOnce)
	next, number := new(growing), 0
	write := func() {
		g, k := next, number
		next, number = new(growing), number+1
		writers.Go(func() error {
			rows, err := g.segmentRows(uint64(k * size)).source()
			if err != nil {
				return err
			}
			written, err := s.write(tenant, rows)
			if err == nil {
				list[k] = written.info()
				written.release()
			}
			return err
		})
	}
	for e := range sample.New(1, sample.Options{Events: n, End: growthEnd.Std()}).Events() {
		if next.add(&e); next.rows == size {
			write()
		}
	}
	if next.rows > 0 {
		write()
	}
	if err := writers.Wait(); err != nil {
		return err
	}
	return writeManifest(s.store.fs, dir, &manifest{Format: manifestFormat, Segments: list})
}

// growing is rows in memory as those of a [tail], but nobody asks for them.
type growing struct {
	rows   int
	chunks []*chunk
	dicts  [numCols]dict
}

func (g *growing) add(e *audit.Event) {
	if g.rows == 0 {
		for col := range g.dicts {
			g.dicts[col] = newDict()
		}
	}
	if g.rows%chunkRows == 0 {
		g.chunks = append(g.chunks, nextChunk(g.chunks))
	}
	var codes [numCols]uint32
	for col, v := range columns(e) {
		codes[col] = g.dicts[col].add(v, 0, false)
	}
	g.chunks[len(g.chunks)-1].add(e, e.Timestamp, codes)
	g.rows++
}

// segmentRows returns the rows, whose indexes follow each other from first on.
func (g *growing) segmentRows(first uint64) *segmentRows {
	r := &segmentRows{rows: g.rows, chunks: g.chunks, index: func(row int) uint64 { return first + uint64(row) }}
	for col := range r.values {
		r.values[col] = g.dicts[col].values
	}
	return r
}

// growthEnd is 2026-11-30T00:00:00Z.
const growthEnd audit.Time = 1_795_996_800_000_000
