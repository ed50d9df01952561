package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/auth"
)

// httpEvents bounds what goes through the server.
const httpEvents = 500_000

// appendOverHTTP measures durable appends through the whole stack of the
// server, on loopback.
func (b *bench) appendOverHTTP() (err error) {
	dir := filepath.Join(b.dir, "http")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := openServer(&serveCommand{Data: dir, Listen: "127.0.0.1:0", AllowFuture: true,
		RateLimitQueries: 1 << 30, RateLimitExports: 1 << 30}, b.p.now, b.logger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(b.p.ctx)
	defer cancel()
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.serve(ctx, func(url string) { ready <- url }) }()
	select {
	case err := <-ended:
		return err
	case url := <-ready:
		err = b.appendTo(s, url)
	}
	cancel()
	return errors.Join(err, <-ended)
}

// appendTo appends with a client for each tenant.
func (b *bench) appendTo(s *server, url string) error {
	transport := &http.Transport{MaxIdleConnsPerHost: b.command.Writers}
	defer transport.CloseIdleConnections()
	clients := make(map[audit.TenantID]*client.Client)
	for n := range b.command.Tenants {
		token, _, err := s.tokens.Create(auth.TokenSpec{
			Tenant: benchTenant(n), Identity: "sa:bench", CreatedBy: operator,
			Scopes: []audit.Scope{audit.ScopeWrite}, Lifetime: auth.DefaultLifetime,
		})
		if err != nil {
			return err
		}
		clients[benchTenant(n)], err = client.New(client.Config{
			URL: url, Token: token, HTTP: &http.Client{Transport: transport}})
		if err != nil {
			return err
		}
	}
	row := loadRow{Name: "http", Events: min(int(b.command.Events), httpEvents)}
	return b.write(row, (*parcel).encode, func(ctx context.Context, p *parcel) (int, error) {
		_, err := clients[p.tenant].AppendLines(ctx, p.lines, client.AppendOptions{})
		return 0, err
	})
}
