package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/store"
)

// expectSettings are about producers that must not fall silent.
type expectSettings struct {
	Expect []string `placeholder:"TENANT/SOURCE=DURATION" env:"EXPECT" help:"Put an audit_gap event into the log when no event with the extra data source came for so long, and one when it is back: tnt_a/billing=5m. Repeatable."`
}

// check finds expectations that are none.
func (c *expectSettings) check() error {
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

// open begins to watch the sources; check has read them.
func (c *expectSettings) open(log source.Appender, clock func() time.Time, logger *slog.Logger) *source.Silences {
	var expected []source.Expectation
	for _, text := range c.Expect {
		if e, err := parseExpectation(text); err == nil {
			expected = append(expected, e)
		}
	}
	return source.NewSilences(expected, log, clock, logger)
}

// heardLog is the log as producers append to it over the API.
type heardLog struct {
	*store.Store
	silences *source.Silences
}

// Append appends a batch, and lets the watch over sources know of it.
func (l heardLog) Append(ctx context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	receipt, err := l.Store.Append(ctx, tenant, b)
	if err == nil {
		l.silences.Heard(tenant, b.Events)
	}
	return receipt, err
}
