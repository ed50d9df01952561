package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

// openServer opens the data directory and puts the parts together.
func openServer(c *serveCommand, clock func() time.Time, logger *slog.Logger) (*server, error) {
	disk := vfs.OS{}
	if err := private(disk, c.Data); err != nil {
		return nil, err
	}
	s := &server{config: c, clock: clock, logger: logger}
	d, err := s.openDoor(disk)
	if err != nil {
		return nil, err
	}
	s.warn()
	if err := s.openParts(disk); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if c.Metrics != "" {
		s.meters = newMeters(s)
	}
	s.http = s.routes(d)
	return s, nil
}

// door is what it takes to know who asks.
type door struct {
	auth  *auth.Authenticator
	login ui.Login
	key   audit.CursorKey
}

func (s *server) openDoor(disk vfs.FS) (d door, err error) {
	c := s.config
	if s.tokens, err = auth.OpenTokens(disk, c.Data, s.clock); err != nil {
		return d, err
	}
	s.closers = append(s.closers, s.tokens.Flush)
	if s.tenants, err = auth.OpenTenants(disk, c.Data, s.clock); err != nil {
		return d, err
	}
	d.auth, err = auth.New(auth.Config{
		Tokens: s.tokens, Tenants: s.tenants, Clock: s.clock,
		Issuer: c.Issuer, Audience: c.Audience, JWKSURL: c.JWKSURL,
	})
	if err != nil {
		return d, usageError{err}
	}
	if d.login, err = c.loginSettings.open(c.Issuer); err != nil {
		return d, usageError{err}
	}
	d.key, err = cursorKey(disk, filepath.Join(c.Data, "cursor.key"))
	return d, err
}

// openParts opens the log and what reads and writes it. What was opened before an
// error is closed by close.
func (s *server) openParts(disk vfs.FS) error {
	c := s.config
	credentials, err := c.secretSettings.open(disk, c.Data, s.clock)
	if err != nil {
		return usageError{err}
	}
	s.store, err = store.Open(disk, filepath.Join(c.Data, "log"), store.Options{
		Clock: s.clock, Logger: s.logger,
		SealEvents: c.SealEvents, SealAfter: c.SealAfter, TailEvents: c.TailEvents,
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.store.Close)
	if s.evidence, err = openEvidence(disk, c, s.store, s.clock, s.logger); err != nil {
		return err
	}
	s.closers = append(s.closers, s.evidence.Close)
	s.anchors, s.cosigns = c.anchoring(s.evidence, credentials), c.cosigning(s.evidence)
	s.exports, err = export.Open(disk, c.Data, export.Options{
		Log: s.store, Secrets: credentials, Open: c.buckets(s.logger).open,
		Evidence: exportEvidence{s.evidence}, Clock: s.clock, Logger: s.logger, Workers: c.ExportWorkers,
	})
	if err != nil {
		return err
	}
	if s.sinks, err = c.openSinks(disk, s.store, credentials, s.clock, s.logger); err != nil {
		return err
	}
	if s.watch, err = c.expectSettings.open(disk, c.Data, s.store, s.clock, s.logger); err != nil {
		return err
	}
	s.closers = append(s.closers, s.watch.producers.Close)
	if s.vault, err = c.vaultSettings.open(disk, c.Data, s.store, s.clock, s.logger); err != nil {
		return err
	}
	s.closers = append(s.closers, s.vault.Close)
	return nil
}

// routes returns the server of the API and of the pages.
func (s *server) routes(d door) *http.Server {
	c, drain := s.config, make(chan struct{})
	routes := api.New(api.Config{
		Log:        s.watch,
		Vault:      s.vault,
		OTLP:       source.DecodeOTLP,
		Exports:    s.exports,
		Sinks:      s.sinks,
		Evidence:   s.evidence,
		Auth:       d.auth,
		Tenants:    s.tenants,
		CursorKey:  d.key,
		Clock:      s.clock,
		Logger:     s.logger,
		Version:    build(),
		QueryRate:  c.RateLimitQueries,
		ExportRate: c.RateLimitExports,
		AnyFuture:  c.AllowFuture,
		Drain:      drain,
		Checks:     s.checks(),
	})
	pages := ui.New(ui.Config{
		Log: s.store, Exports: s.exports, Evidence: pageEvidence{s.evidence, s.cosigns}, Auth: d.auth, Login: d.login, CursorKey: d.key,
		Tokens: pageTokens{s.tokens}, Tenants: pageTenants{s.tenants}, Settings: pageSettings(c),
		Sinks: s.sinks, Sources: pageSources{s.vault, c.VaultSocket},
		Clock: s.clock, Logger: s.logger, Version: build().Version, Drain: drain,
	})
	server := api.NewHTTPServer(s.meters.measure(site(routes, pages)), s.logger)
	server.RegisterOnShutdown(func() { close(drain) })
	return server
}

// private makes the data directory if there is none, and closes one that others
// can read: it holds who touched which secret.
func private(disk vfs.FS, dir string) error {
	if err := disk.MkdirAll(dir); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// cursorKey reads the key that seals cursors, and makes one at the first start.
func cursorKey(disk vfs.FS, name string) (key audit.CursorKey, err error) {
	b, err := vfs.ReadFile(disk, name)
	if errors.Is(err, fs.ErrNotExist) {
		rand.Read(key[:]) // never fails
		return key, vfs.WriteNew(disk, name, key[:])
	}
	if err == nil && len(b) != len(key) {
		err = fmt.Errorf("%d bytes, want %d; remove the file to have a new key, which ends page walks under way",
			len(b), len(key))
	}
	if err != nil {
		return key, fmt.Errorf("cursor key %s: %w", name, err)
	}
	copy(key[:], b)
	return key, nil
}
