package source_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

// gapLog keeps what is appended to it, unless it has an error.
type gapLog struct {
	err   error
	gaps  []string
	known []audit.EventID
}

func (l *gapLog) Append(_ context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	if l.err != nil {
		return audit.Receipt{}, l.err
	}
	for _, e := range b.Events {
		if bad := e.Validate(); bad != nil || slices.Contains(l.known, e.ID) {
			return audit.Receipt{}, errors.New("no event, or one that is there")
		}
		l.known = append(l.known, e.ID)
		l.gaps = append(l.gaps, string(tenant)+" "+e.Timestamp.String()[11:19]+" "+e.ExtraData)
	}
	return audit.Receipt{}, nil
}

// TestSilence tells once of each silence, when it is longer than expected, and
// once of its end.
func TestSilence(t *testing.T) {
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	log := new(gapLog)
	s := source.NewSilences([]source.Expectation{
		{Tenant: "tnt_a", Source: "billing", Within: time.Minute},
		{Tenant: "tnt_b", Source: "billing", Within: time.Hour},
	}, log, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	hear := func(tenant audit.TenantID, extra string) {
		s.Heard(tenant, []audit.Event{{ExtraData: extra}})
	}
	check := func(after time.Duration, want ...string) {
		t.Helper()
		now = now.Add(after)
		log.gaps = nil
		if err := s.Check(t.Context()); err != nil && log.err == nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(log.gaps, "\n")); diff != "" {
			t.Errorf("at %s:\n%s", now.Format(time.TimeOnly), diff)
		}
	}
	check(time.Minute) // exactly as long as it may be
	hear("tnt_a", `{"source":"billing"}`)
	check(time.Minute)
	hear("tnt_a", `{"source":"ledger"}`)
	hear("tnt_a", `{"resource.source":"billing"}`)
	hear("tnt_a", `{"nested":{"source":"billing"}}`)
	hear("tnt_b", `{"source":"billing"}`)
	log.err = audit.Errorf(audit.CodeUnavailable, "not now")
	check(time.Second)
	log.err = nil
	check(time.Second, `tnt_a 12:02:02 {"reason":"silence","silent_source":"billing","expected_seconds":60,`+
		`"silent_since":"2026-06-15T12:01:00.000000Z"}`)
	check(time.Minute)
	hear("tnt_a", `{"n":1,"audit.source":"billing"}`)
	check(time.Second, `tnt_a 12:03:03 {"reason":"silence_ended","silent_source":"billing","expected_seconds":60,`+
		`"silent_since":"2026-06-15T12:01:00.000000Z","heard_at":"2026-06-15T12:03:02.000000Z"}`)
	check(time.Second)
	check(time.Minute, `tnt_a 12:04:04 {"reason":"silence","silent_source":"billing","expected_seconds":60,`+
		`"silent_since":"2026-06-15T12:03:02.000000Z"}`)
}
