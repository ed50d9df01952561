package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// exportForms are the forms in which exports are measured. The first tells how
// many bytes the canonical lines have.
var exportForms = []struct {
	format      audit.ExportFormat
	compression audit.Compression
}{
	{audit.FormatJSONL, audit.CompressionNone},
	{audit.FormatJSONL, audit.CompressionZstd},
	{audit.FormatCSV, audit.CompressionNone},
	{audit.FormatParquet, audit.CompressionNone},
}

// measureExports measures exports of the first tenant's log into a directory,
// and what else the process does beside one. Both append events: it works on a
// copy of the log.
func (b *bench) measureExports(about *subjects) (err error) {
	dir, err := os.MkdirTemp(b.dir, "export-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := copyLog(filepath.Join(dir, "log"), b.logDir()); err != nil {
		return fmt.Errorf("copy the log: %w", err)
	}
	s, err := b.open(filepath.Join(dir, "log"), about.to.Std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	x, err := b.openExports(s, about.tenant, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.evidence.Close()) }()
	bar := newProgress(b.p, "export", int64(len(exportForms)), countUnit("forms"))
	defer bar.end()
	for _, f := range exportForms {
		row, err := x.measure(b.p.ctx, directoryRequest(f.format, f.compression))
		if err != nil {
			return err
		}
		if len(b.report.Exports) == 0 {
			x.lines = row.FileBytes
		}
		row.Bytes = x.lines
		b.report.Exports = append(b.report.Exports, row)
		bar.add(1)
	}
	b.report.Beside, err = b.measureBeside(about, x)
	return err
}

// copyLog copies a log that is closed. Segments never change: they get a second
// name where the file system lets them.
func copyLog(to, from string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.Mkdir(at, 0o700)
		case filepath.Ext(name) == ".seg" && os.Link(name, at) == nil:
			return nil
		}
		text, err := os.ReadFile(name) // of at most a segment's size
		if err != nil {
			return err
		}
		return os.WriteFile(at, text, 0o600)
	})
}

func directoryRequest(f audit.ExportFormat, c audit.Compression) audit.ExportRequest {
	return audit.ExportRequest{Format: f, Compression: c, PartSize: audit.DefaultPartSize,
		Destination: audit.Destination{Type: audit.DestinationFile}}
}

// benchExports makes exports of one log as a server does, evidence included.
type benchExports struct {
	tenant   audit.TenantID
	log      *store.Store
	dir      string // of the jobs and of what they write
	evidence *evidence
	options  export.Options
	lines    int64 // bytes of the log's canonical lines
}

// openExports opens what exports need in the directory, and signs the log, which
// a server has done long before.
func (b *bench) openExports(s *store.Store, tenant audit.TenantID, dir string) (*benchExports, error) {
	allowed := filepath.Join(dir, "out")
	if err := (vfs.OS{}).MkdirAll(allowed); err != nil {
		return nil, err
	}
	e, err := openEvidence(vfs.OS{}, &serveCommand{Data: dir}, s, b.p.now, b.logger)
	if err != nil {
		return nil, err
	}
	if err := e.covered(b.p.ctx, tenant, s.Size(tenant)); err != nil {
		return nil, errors.Join(fmt.Errorf("sign the log: %w", err), e.Close())
	}
	server := serveCommand{ExportDir: []string{allowed}, Dev: true}
	return &benchExports{tenant: tenant, log: s, dir: dir, evidence: e, options: export.Options{
		Log: s, Open: server.buckets(b.logger).open, Evidence: exportEvidence{e},
		Clock: b.p.now, Logger: b.logger, Workers: 1,
	}}, nil
}

// measure measures one export, from the request to the last object, and removes
// what it has written into a directory.
func (x *benchExports) measure(ctx context.Context, r audit.ExportRequest) (exportRow, error) {
	row := exportRow{Name: export.Extension(r.Format, r.Compression), To: string(r.Destination.Type)}
	runtime.GC()
	heap := watchHeap()
	begun, before := time.Now(), used()
	e, err := x.run(ctx, r)
	wall, cpu := time.Since(begun), used().cpu-before.cpu
	row.Heap = heap.end()
	if err == nil && e.Status != audit.ExportCompleted {
		err = fmt.Errorf("it is %s: %+v", e.Status, e.Error)
	}
	if err != nil {
		return row, fmt.Errorf("export as %s: %w", row.Name, err)
	}
	row.Events, row.FileBytes = int(e.RecordCount), e.SizeBytes
	row.Seconds, row.CPU = wall.Seconds(), cpu.Seconds()
	return row, os.RemoveAll(filepath.Join(x.dir, "out", string(x.tenant)))
}

// runFor runs an export as lines until it has ended or the time is over.
func (x *benchExports) runFor(ctx context.Context, d time.Duration) error {
	some, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := x.run(some, directoryRequest(audit.FormatJSONL, audit.CompressionNone))
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// run makes one export and returns it when it is settled.
func (x *benchExports) run(ctx context.Context, r audit.ExportRequest) (audit.Export, error) {
	m, err := export.Open(vfs.OS{}, x.dir, x.options)
	if err != nil {
		return audit.Export{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	defer func() { <-ended }()
	defer cancel()
	who := audit.Caller{Principal: &audit.Principal{Tenant: x.tenant, IdentityID: "sa:bench",
		IdentityType: audit.TypeServiceAccount}, Bearer: "none"}
	e, _, err := m.Create(ctx, x.tenant, who, r)
	tick := time.NewTicker(exportPoll)
	defer tick.Stop()
	for err == nil && !e.Status.Final() {
		select {
		case <-tick.C:
			e, err = m.Export(ctx, x.tenant, e.ID, nil)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return e, err
}

const (
	exportPoll = time.Millisecond // how soon an end is noticed
	heapPoll   = 2 * time.Millisecond
)

// heapWatch finds the largest heap of a while.
type heapWatch struct {
	first uint64
	peak  atomic.Uint64
	stop  chan struct{}
	ended chan struct{}
}

func watchHeap() *heapWatch {
	w := &heapWatch{first: heapBytes(), stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		tick := time.NewTicker(heapPoll)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.peak.Store(max(w.peak.Load(), heapBytes()))
			}
		}
	}()
	return w
}

// end returns by how much the heap was larger than at the start, at most.
func (w *heapWatch) end() int64 {
	close(w.stop)
	<-w.ended
	return max(0, int64(w.peak.Load())-int64(w.first))
}

// heapBytes returns the bytes of objects in the heap, garbage that is not yet
// collected included.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
