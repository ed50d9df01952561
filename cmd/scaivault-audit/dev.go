package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/sample"
)

const (
	devTenant   audit.TenantID   = "tnt_dev"
	devIdentity audit.IdentityID = "user:dev"

	devTokenVariable = "SCAIVAULT_AUDIT_DEV_TOKEN"

	sampleEvents = 100_000
	sampleSeed   = 1
	sampleBatch  = 5_000
)

// runDev serves with a token and sample events, to try the program.
func (c *serveCommand) runDev(p *process) (err error) {
	if c.Data == "" {
		dir, err := os.MkdirTemp("", "scaivault-audit-dev-")
		if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		defer os.RemoveAll(dir)
		c.Data = dir
	}
	logger := slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := openServer(c, p.now, logger)
	if err != nil {
		return err
	}
	token, err := s.devToken()
	if err == nil && c.Sample && s.store.Size(devTenant) == 0 {
		err = s.appendSample(p.ctx, p.now())
	}
	if err != nil {
		return errors.Join(ended(p.ctx, err), s.close())
	}
	return s.serve(p.ctx, func(url string) {
		fmt.Fprint(p.stdout, devHints(url, token, s.store.Size(devTenant)))
	})
}

// devToken makes a token with all scopes, or the one that the environment
// asks for, which may be there already and must then still be good.
func (s *server) devToken() (string, error) {
	token, _, err := s.tokens.Create(auth.TokenSpec{
		Tenant: devTenant, Identity: devIdentity, CreatedBy: devIdentity,
		Scopes: audit.Scopes(), Lifetime: auth.DefaultLifetime, Token: s.config.DevToken,
	})
	if audit.ErrorCode(err) == audit.CodeIDConflict {
		token = s.config.DevToken
		_, err = s.tokens.Authenticate(token)
	}
	if err == nil {
		_, err = s.tenants.Ensure(devTenant, "") // for commands that take the only tenant
	}
	if err != nil && s.config.DevToken != "" {
		err = fmt.Errorf("%s: %w", devTokenVariable, err)
	}
	return token, err
}

// appendSample fills the log with the sample events.
func (s *server) appendSample(ctx context.Context, now time.Time) error {
	events := slices.Collect(sample.New(sampleSeed, sample.Options{Events: sampleEvents, End: now}).Events())
	for chunk := range slices.Chunk(events, sampleBatch) {
		if _, err := s.store.Append(ctx, devTenant, audit.Batch{Events: chunk}); err != nil {
			return fmt.Errorf("append sample events: %w", err)
		}
	}
	return nil
}

// devHints says what to try.
func devHints(url, token string, events uint64) string {
	program := os.Args[0]
	if strings.Contains(program, "go-build") { // go run builds into a directory of that name
		program = "go run ./cmd/scaivault-audit"
	}
	return fmt.Sprintf(`ScaiVault Audit is listening on %[1]s with %[3]d events of tenant %[5]s.

token: %[2]s

Open %[1]s/ui/ in a browser and sign in with the token, or try, in another terminal:

  curl -H 'Authorization: Bearer %[2]s' '%[1]s/v1/audit/logs?success=false&limit=3'

  export SCAIVAULT_URL=%[1]s SCAIVAULT_TOKEN=%[2]s
  %[4]s summary --from 7d
  %[4]s logs --action rotate --limit 10
  %[4]s tail

Ctrl-C ends it.
`, url, token, events, program, devTenant)
}
