package main

import (
	"errors"
	"fmt"
	"log/slog"
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
	s, err := store.Open(vfs.OS{}, filepath.Join(c.Path, "log"), store.Options{
		Clock: p.now, Logger: slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("%s: a server has it open; stop it, or verify a copy", c.Path)
	}
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
		err := c.verifyLog(p, s, tenant, o)
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
func (c *verifyCommand) verifyLog(p *process, s *store.Store, tenant audit.TenantID, o proof.VerifyOptions) error {
	own := o.Keys == nil
	if own {
		keys, err := ownKeys(c.Path, tenant)
		if err != nil {
			return c.conclude(p, tenant, proof.Report{}, err)
		}
		o.Keys = keys
	}
	bar := c.progress(p, &o, eventsUnit())
	report, err := proof.VerifyLog(p.ctx, vfs.OS{}, c.Path, tenant, s, s.Size(tenant), o)
	bar.end()
	if own {
		report.Notes = append(report.Notes,
			"the key was taken from the directory itself: whoever can write there may have signed anew; use --key")
	}
	return c.conclude(p, tenant, report, err)
}

// ownKeys returns the verifier keys of a tenant's log by the data directory.
func ownKeys(dir string, tenant audit.TenantID) (note.Verifiers, error) {
	list, err := verifierKeys(dir, tenant)
	if err != nil {
		return nil, &proof.Fault{Verdict: proof.Unverifiable, Message: err.Error()}
	}
	return proof.ParseVerifiers(strings.Join(list, "\n"))
}
