package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// verifyData verifies the logs of a data directory, one after the other, and
// returns the first verdict that is not OK.
func (c *verifyCommand) verifyData(p *process, o proof.VerifyOptions) (err error) {
	s, disk, err := c.openStill(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tenants, err := c.tenants(s, o.Against)
	if err != nil {
		return err
	}
	var first error
	for _, tenant := range tenants {
		err := c.verifyLog(p, s, disk, tenant, o)
		var verdict verdictError
		if err != nil && !errors.As(err, &verdict) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// stillTries is how often a directory is opened that a server changes meanwhile.
const stillTries = 20

// openStill opens the store of a data directory as it is now, without writing to
// it, and returns the disk with the checkpoints that it had before: a server that
// goes on has events behind them, never fewer.
func (c *verifyCommand) openStill(p *process) (s *store.Store, disk *vfs.Overlay, err error) {
	log := filepath.Join(c.Path, "log")
	for range stillTries {
		var found bytes.Buffer // what the store says of damage; not of what only came between
		logger := slog.New(slog.NewJSONHandler(&found, &slog.HandlerOptions{Level: slog.LevelError}))
		if disk, err = c.stillDisk(); err != nil {
			return nil, nil, err
		}
		before, _ := os.ReadFile(filepath.Join(log, store.ManifestName)) // there may be none
		s, err = store.OpenReadOnly(disk, log, store.Options{Clock: p.now, Logger: logger})
		after, _ := os.ReadFile(filepath.Join(log, store.ManifestName))
		if bytes.Equal(before, after) {
			_, _ = found.WriteTo(p.stderr)
			return s, disk, err
		}
		if err == nil {
			err = s.Close()
		}
		if err == nil {
			err = errors.New("its server moves files all the time")
		}
	}
	return nil, nil, fmt.Errorf("%s: %w", c.Path, err)
}

// stillDisk returns the disk, on which checkpoints stay as they are.
func (c *verifyCommand) stillDisk() (*vfs.Overlay, error) {
	disk := vfs.NewOverlay(vfs.OS{})
	tenants, err := signedTenants(c.Path)
	if err != nil {
		return nil, err
	}
	for _, tenant := range tenants {
		if err := disk.Keep(filepath.Join(c.Path, "proof", string(tenant), "checkpoint")); err != nil {
			return nil, err
		}
	}
	return disk, nil
}

// tenants returns whose logs are verified: all that there are or were signed,
// but of an earlier checkpoint only the one that it is about.
func (c *verifyCommand) tenants(s *store.Store, against []byte) ([]audit.TenantID, error) {
	only := c.Tenant
	if against != nil {
		origin, _, _ := strings.Cut(string(against), "\n")
		named := path.Base(origin)
		if only != "" && only != named {
			return nil, usageError{fmt.Errorf("--against: is a checkpoint of %q, not of %s", origin, only)}
		}
		only = named
	}
	if only != "" {
		id, err := audit.ParseTenantID(only)
		return []audit.TenantID{id}, err
	}
	tenants := slices.DeleteFunc(s.Tenants(), func(id audit.TenantID) bool { return s.Size(id) == 0 })
	signed, err := signedTenants(c.Path)
	if err != nil {
		return nil, err
	}
	tenants = append(tenants, signed...)
	slices.Sort(tenants)
	if tenants = slices.Compact(tenants); len(tenants) == 0 {
		return nil, audit.Errorf(audit.CodeNotFound, "%s: there is no log in it", c.Path)
	}
	return tenants, nil
}

// verifyLog verifies the log of a tenant.
func (c *verifyCommand) verifyLog(p *process, s *store.Store, disk vfs.FS, tenant audit.TenantID,
	o proof.VerifyOptions) error {
	own := o.Keys == nil
	if own {
		keys, err := ownKeys(c.Path, tenant)
		if err != nil {
			return c.conclude(p, tenant, proof.Report{}, err)
		}
		o.Keys = keys
	}
	bar := c.progress(p, &o, eventsUnit())
	report, err := proof.VerifyLog(p.ctx, disk, c.Path, tenant, s, s.Size(tenant), o)
	bar.end()
	locate(s, tenant, report.Fault)
	if own {
		report.Notes = append(report.Notes,
			"the key was taken from the directory itself: whoever can write there may have signed anew; use --key")
	}
	return c.conclude(p, tenant, report, err)
}

// locate says which file of the log holds the event that a fault is about, and
// where in it.
func locate(s *store.Store, tenant audit.TenantID, f *proof.Fault) {
	if f == nil || f.File != "" || f.Index == nil {
		return
	}
	place, ok := s.PlaceOf(tenant, *f.Index)
	if !ok {
		return
	}
	f.File = path.Join("log", filepath.ToSlash(place.File))
	switch {
	case place.Offset < 0:
		return
	case place.Damaged:
		f.Message += fmt.Sprintf("; its %d bytes at byte %d do not have their checksum", place.Length, place.Offset)
	default:
		f.Message += fmt.Sprintf("; index %d is in the %d bytes at byte %d", *f.Index, place.Length, place.Offset)
	}
	f.Offset = place.Offset
}

// ownKeys returns the verifier keys of a tenant's log by the data directory.
func ownKeys(dir string, tenant audit.TenantID) (note.Verifiers, error) {
	list, err := verifierKeys(dir, tenant)
	if err != nil {
		return nil, &proof.Fault{Verdict: proof.Unverifiable, Message: err.Error()}
	}
	return proof.ParseVerifiers(strings.Join(list, "\n"))
}
