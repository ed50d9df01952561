package main

import (
	"fmt"
	"path/filepath"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/vfs"
)

// localExport writes what the API lists into files of a directory, as the
// server writes exports into a bucket.
type localExport struct {
	disk     vfs.FS
	dir      string
	request  *audit.ExportRequest
	manifest *export.Manifest
	progress *progress

	file    vfs.File // nil between two files
	part    *export.PartWriter
	records int64
	proofs  localProofs
}

// runLocal exports into c.Local, which must be empty: nothing is overwritten.
func (c *exportCreateCommand) runLocal(p *process, api *client.Client, r audit.ExportRequest) error {
	if c.Credentials != "" || c.DryRun || c.Wait {
		return usageError{fmt.Errorf("--local: goes without --credentials, --dry-run and --wait")}
	}
	l := &localExport{disk: vfs.OS{}, dir: c.Local, request: &r,
		manifest: export.NewManifest(&r.Filter, r.Format, r.Compression)}
	if err := l.begin(); err != nil {
		return err
	}
	who, err := api.Whoami(p.ctx)
	if err != nil {
		return err
	}
	m := l.manifest
	m.TenantID, m.CreatedBy, m.CreatedAt = who.TenantID, who.IdentityID, audit.TimeOf(p.now())
	if c.Tenant != "" {
		m.TenantID = audit.TenantID(c.Tenant)
	}
	l.progress = newProgress(p, "export", c.count(p, api, &r.Filter), eventsUnit())
	err = l.run(p, api)
	l.progress.end()
	if err != nil {
		return fmt.Errorf("%w; %s holds an unfinished export, without %s", err, c.Local, export.ManifestName)
	}
	if !p.tables(c.JSON) {
		return p.printValue(m)
	}
	proved := "no evidence, as it is not everything as jsonl"
	if m.Checkpoint != "" {
		proved = "the signed checkpoint of all of them"
	}
	_, err = fmt.Fprintf(p.stdout, "%s, %s, in %s of %s; %s has their hashes and %s\n",
		plural(m.RecordCount, "event", "events"), showSize(m.SizeBytes), plural(len(m.Files), "file", "files"),
		visible(c.Local), export.ManifestName, proved)
	return err
}

// count returns how many events there are, for the progress bar only.
func (c *exportCreateCommand) count(p *process, api *client.Client, f *audit.Filter) int64 {
	if !p.interactive {
		return 0
	}
	q := audit.SummaryQuery{Filter: *f, Top: 1}
	from, to := audit.Time(0), audit.TimeOf(p.now())+audit.MaxFuture
	if q.From == nil {
		q.From = &from
	}
	if q.To == nil {
		q.To = &to
	}
	s, err := api.Summary(p.ctx, q)
	if err != nil {
		return 0
	}
	return int64(s.TotalEvents)
}

func (l *localExport) begin() error {
	if err := l.disk.MkdirAll(l.dir); err != nil {
		return fmt.Errorf("--local: %w", err)
	}
	names, err := l.disk.List(l.dir)
	if err != nil {
		return fmt.Errorf("--local: %w", err)
	}
	if len(names) > 0 {
		return audit.Errorf(audit.CodeValidationError,
			"--local %s: is not empty; choose another directory, nothing is overwritten", l.dir)
	}
	return nil
}

// run writes the files and, when all are durable, the manifest.
func (l *localExport) run(p *process, api *client.Client) error {
	q := audit.Query{Filter: l.request.Filter, Order: audit.OrderAsc, Proof: true}
	for e, err := range api.AllLogs(p.ctx, q) {
		if err == nil {
			err = l.append(&e)
		}
		if err != nil {
			l.giveUp()
			return err
		}
	}
	if l.file != nil {
		if err := l.endFile(); err != nil {
			return err
		}
	}
	if err := l.prove(p, api); err != nil {
		return err
	}
	text, err := l.manifest.Encode()
	if err != nil {
		return err
	}
	return vfs.WriteNew(l.disk, filepath.Join(l.dir, export.ManifestName), text)
}

func (l *localExport) append(e *client.Entry) error {
	if l.file == nil {
		if err := l.beginFile(); err != nil {
			return err
		}
	}
	r := audit.Record{Event: e.Event}
	if e.Index != nil && e.ReceivedAt != nil {
		r.Index, r.ReceivedAt = *e.Index, *e.ReceivedAt
	}
	if err := l.part.Append(&r); err != nil {
		return err
	}
	l.records++
	l.progress.reach(l.records)
	if full := l.proofs.add(l.request.Format, e); full || l.part.Full() {
		return l.endFile()
	}
	return nil
}

func (l *localExport) name() string {
	return export.PartName(len(l.manifest.Files)+1, l.request.Format, l.request.Compression)
}

func (l *localExport) beginFile() (err error) {
	if l.file, err = l.disk.Create(filepath.Join(l.dir, l.name())); err != nil {
		return err
	}
	l.proofs.begin()
	l.part, err = export.NewPartWriter(l.file, l.request.Format, l.request.Compression, l.request.PartSize)
	return err
}

func (l *localExport) endFile() error {
	part, err := l.part.Close()
	if err == nil {
		err = l.file.Sync()
	}
	if closeErr := l.file.Close(); err == nil {
		err = closeErr
	}
	l.file = nil
	if err == nil {
		err = l.disk.SyncDir(l.dir)
	}
	if err != nil {
		return err
	}
	l.manifest.Add(part.File(l.name()), part.First, part.Last)
	return nil
}

// giveUp closes the file that is not finished.
func (l *localExport) giveUp() {
	if l.file != nil {
		_ = l.file.Close() // it is no part of an export any more
	}
}
