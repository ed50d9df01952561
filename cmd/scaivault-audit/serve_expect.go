package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// expectSettings are about producers that must not fall silent, and about those that
// number their events.
type expectSettings struct {
	Expect  []string      `placeholder:"TENANT/SOURCE=DURATION" env:"EXPECT" help:"Put an audit_gap event into the log when no event with the extra data source came for so long, and one when it is back: tnt_a/billing=5m. Repeatable; goes before what the source promises itself by heartbeat_seconds."`
	GapWait time.Duration `default:"1m" env:"GAP_WAIT" help:"How long a missing number of a source that numbers its events is waited for before an audit_gap event tells of it (default ${default})."`
}

// maxGapWait bounds how late the log tells that something is missing.
const maxGapWait = 24 * time.Hour

// check finds expectations that are none.
func (c *expectSettings) check() error {
	if c.GapWait < time.Second || c.GapWait > maxGapWait {
		return fmt.Errorf("--gap-wait: want 1s to %s", maxGapWait)
	}
	seen := make(map[string]bool)
	for _, text := range c.Expect {
		e, err := parseExpectation(text)
		if err != nil {
			return fmt.Errorf("--expect %s: %w", text, err)
		}
		name := string(e.Tenant) + "/" + e.Source
		if seen[name] {
			return fmt.Errorf("--expect %s: %s stands twice", text, name)
		}
		seen[name] = true
	}
	return nil
}

// minExpect is the shortest time within which a source can be expected.
const minExpect = time.Second

// parseExpectation reads TENANT/SOURCE=DURATION; a source may hold "/" and "=".
func parseExpectation(text string) (e source.Expectation, err error) {
	tenant, rest, ok := strings.Cut(text, "/")
	at := strings.LastIndexByte(rest, '=')
	if !ok || at < 1 {
		return e, errors.New("want TENANT/SOURCE=DURATION")
	}
	if e.Tenant, err = audit.ParseTenantID(tenant); err != nil {
		return e, err
	}
	e.Source = rest[:at]
	if e.Within, err = time.ParseDuration(rest[at+1:]); err != nil {
		return e, err
	}
	if e.Within < minExpect {
		return e, fmt.Errorf("want at least %s", minExpect)
	}
	return e, nil
}

// open begins to watch the sources; check has read the expectations.
func (c *expectSettings) open(disk vfs.FS, dir string, log *store.Store, clock func() time.Time,
	logger *slog.Logger) (watch, error) {
	var expected []source.Expectation
	for _, text := range c.Expect {
		if e, err := parseExpectation(text); err == nil {
			expected = append(expected, e)
		}
	}
	silences := source.NewSilences(expected, log, clock, logger)
	producers, err := source.OpenProducers(disk, filepath.Join(dir, "sources"), log, silences,
		source.ProducersOptions{Clock: clock, Logger: logger, Wait: c.GapWait})
	return watch{log, silences, producers}, err
}

// watch is the log as producers append to it over the API, and who watches over them.
type watch struct {
	*store.Store
	silences  *source.Silences
	producers *source.Producers
}

// Append appends a batch, and lets those who watch over sources know of it.
func (w watch) Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	if err := w.producers.Before(tenant, b.Events); err != nil {
		return audit.Receipt{}, err
	}
	receipt, err := w.Store.Append(ctx, tenant, b)
	if err == nil {
		w.silences.Heard(tenant, b.Events)
	}
	return receipt, err
}

// run looks for silence and gaps until ctx ends.
func (w watch) run(ctx context.Context) []func() error {
	return []func() error{
		func() error {
			w.silences.Run(ctx)
			return nil
		},
		func() error {
			w.producers.Run(ctx)
			return nil
		},
	}
}
