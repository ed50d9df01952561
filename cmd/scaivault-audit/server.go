package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	// drainTime is how long requests in flight may take once the process is
	// asked to end; with what follows it stays below the promised 5 seconds.
	drainTime = 3 * time.Second
	// tokenInterval is how often the server looks for tokens that were made or
	// revoked beside it.
	tokenInterval = time.Second
)

// server is everything behind the listener, in the order in which it is
// opened.
type server struct {
	config   *serveCommand
	logger   *slog.Logger
	store    *store.Store
	evidence *evidence
	anchors  *anchoring // nil if checkpoints are put nowhere
	cosigns  *cosigning // nil if there is no witness
	tokens   *auth.Tokens
	tenants  *auth.Tenants
	exports  *export.Manager
	vault    *source.Intake
	watch    watch
	sinks    *sink.Manager
	http     *http.Server
}

// openServer opens the data directory and puts the parts together.
func openServer(c *serveCommand, clock func() time.Time, logger *slog.Logger) (*server, error) {
	disk := vfs.OS{}
	if err := private(disk, c.Data); err != nil {
		return nil, err
	}
	s := &server{config: c, logger: logger}
	var err error
	if s.tokens, err = auth.OpenTokens(disk, c.Data, clock); err != nil {
		return nil, err
	}
	if s.tenants, err = auth.OpenTenants(disk, c.Data, clock); err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Config{
		Tokens: s.tokens, Tenants: s.tenants, Clock: clock,
		Issuer: c.Issuer, Audience: c.Audience, JWKSURL: c.JWKSURL,
	})
	if err != nil {
		return nil, usageError{err}
	}
	login, err := c.loginSettings.open(c.Issuer)
	if err != nil {
		return nil, usageError{err}
	}
	s.warn()
	key, err := cursorKey(disk, filepath.Join(c.Data, "cursor.key"))
	if err != nil {
		return nil, err
	}
	credentials, err := c.secretSettings.open(disk, c.Data, clock)
	if err != nil {
		return nil, usageError{err}
	}
	s.store, err = store.Open(disk, filepath.Join(c.Data, "log"), store.Options{
		Clock: clock, Logger: logger,
		SealEvents: c.SealEvents, SealAfter: c.SealAfter, TailEvents: c.TailEvents,
	})
	if err != nil {
		return nil, err
	}
	if s.evidence, err = openEvidence(disk, c, s.store, clock, logger); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	s.anchors, s.cosigns = c.anchoring(s.evidence, credentials), c.cosigning(s.evidence)
	s.exports, err = export.Open(disk, c.Data, export.Options{
		Log: s.store, Secrets: credentials, Open: c.buckets(logger).open,
		Evidence: exportEvidence{s.evidence}, Clock: clock, Logger: logger, Workers: c.ExportWorkers,
	})
	if err != nil {
		return nil, errors.Join(err, s.evidence.Close(), s.store.Close())
	}
	if s.vault, err = c.vaultSettings.open(disk, c.Data, s.store, clock, logger); err != nil {
		return nil, errors.Join(err, s.evidence.Close(), s.store.Close())
	}
	if s.sinks, err = c.openSinks(disk, s.store, credentials, clock, logger); err != nil {
		return nil, errors.Join(err, s.vault.Close(), s.evidence.Close(), s.store.Close())
	}
	if s.watch, err = c.expectSettings.open(disk, c.Data, s.store, clock, logger); err != nil {
		return nil, errors.Join(err, s.vault.Close(), s.evidence.Close(), s.store.Close())
	}
	drain := make(chan struct{})
	routes := api.New(api.Config{
		Log:        s.watch,
		Vault:      s.vault,
		OTLP:       source.DecodeOTLP,
		Exports:    s.exports,
		Sinks:      s.sinks,
		Evidence:   s.evidence,
		Auth:       authenticator,
		Tenants:    s.tenants,
		CursorKey:  key,
		Clock:      clock,
		Logger:     logger,
		Version:    build(),
		QueryRate:  c.RateLimitQueries,
		ExportRate: c.RateLimitExports,
		AnyFuture:  c.AllowFuture,
		Drain:      drain,
		Checks:     s.checks(),
	})
	pages := ui.New(ui.Config{
		Log: s.store, Exports: s.exports, Evidence: pageEvidence{s.evidence}, Auth: authenticator, Login: login, CursorKey: key,
		Tokens: pageTokens{s.tokens}, Tenants: pageTenants{s.tenants}, Settings: pageSettings(c),
		Sinks: s.sinks, Sources: pageSources{s.vault, c.VaultSocket},
		Clock: clock, Logger: logger, Version: build().Version, Drain: drain,
	})
	s.http = api.NewHTTPServer(site(routes, pages), logger)
	s.http.RegisterOnShutdown(func() { close(drain) })
	return s, nil
}

// checks returns what health says something about.
func (s *server) checks() []api.Check {
	list := []api.Check{{Name: "store", Run: s.store.Health}, {Name: "evidence", Run: s.evidence.health},
		{Name: "vault", Run: s.vault.Health}, {Name: "sinks", Run: s.sinks.Health}}
	if s.anchors != nil {
		list = append(list, api.Check{Name: "anchors", Run: s.anchors.health})
	}
	if s.cosigns != nil {
		list = append(list, api.Check{Name: "witnesses", Run: s.cosigns.health})
	}
	return list
}

// warn tells of files of tokens and tenants that cannot be read: the server
// starts without them, and refuses whom they are about.
func (s *server) warn() {
	_, tokens := s.tokens.List()
	_, tenants := s.tenants.List()
	if err := errors.Join(tokens, tenants); err != nil {
		s.logger.Error("tokens or tenants cannot be read", "error", err)
	}
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

// serve answers requests until ctx ends, then finishes those in flight and
// closes the store. ready is called with the URL once the listener is open.
func (s *server) serve(ctx context.Context, ready func(url string)) (err error) {
	defer func() {
		s.evidence.finish(context.WithoutCancel(ctx))
		err = errors.Join(err, s.close())
	}()
	if s.config.AcceptRollback {
		if err := s.evidence.acceptRollback(ctx); err != nil {
			return err
		}
	}
	listener, url, err := s.listen()
	if err != nil {
		return err
	}
	sockets, err := s.listenVault()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ready(url)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error { return s.recordTokens(ctx) })
	group.Go(func() error { return s.evidence.run(ctx) })
	group.Go(func() error { return s.anchors.run(ctx) })
	group.Go(func() error { return s.cosigns.run(ctx) })
	for _, task := range s.serveVault(ctx, sockets) {
		group.Go(task)
	}
	group.Go(func() error {
		s.exports.Run(ctx)
		return nil
	})
	for _, task := range s.watch.run(ctx) {
		group.Go(task)
	}
	group.Go(func() error {
		s.sinks.Run(ctx)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if err := s.http.Shutdown(drain); err != nil {
			s.logger.Warn("requests were cut off", "error", err)
			return s.http.Close()
		}
		return nil
	})
	return group.Wait()
}

// listen opens the listener and returns the URL that reaches it.
func (s *server) listen() (net.Listener, string, error) {
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, "", err
	}
	if s.config.TLSCert == "" {
		return listener, "http://" + listener.Addr().String(), nil
	}
	pair := &keyPair{cert: s.config.TLSCert, key: s.config.TLSKey, logger: s.logger}
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: pair.get,
	}
	return tls.NewListener(listener, config), "https://" + listener.Addr().String(), nil
}

// close closes evidence and store and writes when tokens were last used.
func (s *server) close() error {
	return errors.Join(s.tokens.Flush(), s.vault.Close(), s.watch.producers.Close(), s.evidence.Close(), s.store.Close())
}

// recordTokens puts tokens that were made or revoked into the log, until ctx
// ends. The commands that do so work beside the server and cannot append.
func (s *server) recordTokens(ctx context.Context) error {
	tick := time.NewTicker(tokenInterval)
	defer tick.Stop()
	for {
		if err := s.recordPending(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("tokens were made or revoked and are not yet in the log", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// recordPending appends the events that are not yet in the log. If the process
// dies before they are marked, the next one appends them again, and the log
// knows them by their ids.
func (s *server) recordPending(ctx context.Context) error {
	pending, err := s.tokens.Pending()
	if err != nil {
		return err
	}
	for tenant, events := range pending {
		if _, err := s.store.Append(ctx, tenant, audit.Batch{Events: events}); err != nil {
			return fmt.Errorf("append events of tokens of %s: %w", tenant, err)
		}
		if err := s.tokens.MarkRecorded(events); err != nil {
			return err
		}
	}
	return s.tokens.Flush()
}
