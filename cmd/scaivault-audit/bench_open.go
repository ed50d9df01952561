package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
)

// measureDisk adds up the files of the log, which is closed.
func (b *bench) measureDisk() error {
	rows := []diskRow{{Kind: "segments"}, {Kind: "wal"}, {Kind: "other"}}
	b.report.Disk = rows
	return filepath.WalkDir(b.logDir(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		row := &rows[2]
		switch filepath.Ext(name) {
		case ".seg":
			row = &rows[0]
		case ".log":
			row = &rows[1]
		}
		row.Files, row.Bytes = row.Files+1, row.Bytes+info.Size()
		return nil
	})
}

// measureOpen opens the log, as a server that starts, and chooses what will be
// asked.
func (b *bench) measureOpen() (about *subjects, err error) {
	held() // so that the memory of what came before is not seen again
	begun, before := time.Now(), used()
	s, err := b.open(b.logDir(), b.p.now)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	row := &b.report.Open
	row.Time, row.CPU = milliseconds(time.Since(begun)), milliseconds(used().cpu-before.cpu)
	row.memory = held()
	for _, tenant := range s.Tenants() {
		b.report.Tenants++
		b.report.Events += int(s.Size(tenant))
	}
	for i := range b.report.Disk {
		b.report.Disk[i].PerEvent = float64(b.report.Disk[i].Bytes) / float64(max(1, b.report.Events))
	}
	if b.report.Tenants > 1 {
		if err := b.askEach(s, *row); err != nil {
			return nil, err
		}
	}
	return b.subjects(s)
}

// askEach asks every tenant for its newest event: what a log reads of a tenant
// with the first question is in memory then.
func (b *bench) askEach(s *store.Store, row openRow) error {
	begun, before := time.Now(), used()
	for _, tenant := range s.Tenants() {
		if _, err := s.Query(b.p.ctx, tenant, audit.Query{Limit: 1}); err != nil {
			return fmt.Errorf("newest event of %s: %w", tenant, err)
		}
	}
	row.Time += milliseconds(time.Since(begun))
	row.CPU += milliseconds(used().cpu - before.cpu)
	row.memory = held()
	b.report.OpenTenants = &row
	return nil
}
