package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
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
	clock    func() time.Time
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
	meters   *meters // nil if nobody scrapes
	http     *http.Server
	closers  []func() error // of what is open, in that order
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
	defer listener.Close()
	scraped, err := s.listenMetrics()
	if err != nil {
		return err
	}
	defer scraped.Close()
	sockets, err := s.listenVault()
	if err != nil {
		return err
	}
	ready(url)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error { return s.serveMetrics(ctx, scraped) })
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
	config := s.tlsConfig()
	if config == nil {
		return listener, "http://" + listener.Addr().String(), nil
	}
	return tls.NewListener(listener, config), "https://" + listener.Addr().String(), nil
}

// tlsConfig returns how listeners encrypt, nil if they do not.
func (s *server) tlsConfig() *tls.Config {
	if s.config.TLSCert == "" {
		return nil
	}
	pair := &keyPair{cert: s.config.TLSCert, key: s.config.TLSKey, logger: s.logger}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: pair.get,
	}
}

// close closes what is open, the last one first; when tokens were last used is
// written.
func (s *server) close() error {
	var errs []error
	for _, close := range slices.Backward(s.closers) {
		errs = append(errs, close())
	}
	return errors.Join(errs...)
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
