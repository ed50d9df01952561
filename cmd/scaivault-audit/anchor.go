package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/proof"
)

// maxAnchorWait is how long a destination that fails is left alone at most.
const maxAnchorWait = 15 * time.Minute

// anchoring puts the latest checkpoint of every log that has grown where it is
// never overwritten. It knows nothing at the start: putting a checkpoint again
// that is there already changes nothing.
type anchoring struct {
	evidence *evidence
	put      func(ctx context.Context, name string, data []byte) error
	every    time.Duration
	logger   *slog.Logger

	mu      sync.Mutex // guards the following
	logs    map[audit.TenantID]*anchoredLog
	err     error // why the latest try failed, nil if it did not
	failed  int   // tries in a row
	retryAt time.Time
}

// anchoredLog is how far a log is anchored by this process.
type anchoredLog struct {
	name     string // of the latest
	size     uint64
	at       time.Time
	conflict string // the name under which another note was found, "" for none
}

// anchoring returns what puts checkpoints where the settings say, nil if they say
// nothing.
func (c *serveCommand) anchoring(e *evidence, secrets export.Secrets) *anchoring {
	if c.Anchor == "" {
		return nil
	}
	d, _ := parseDestination(c.Anchor) // was checked
	b := &anchorBucket{
		destination: d, credentials: audit.Path(c.AnchorCredentials), tenant: audit.TenantID(c.AnchorTenant),
		secrets: secrets, tenants: e.tenants, guard: c.buckets(e.logger).guard, logger: e.logger,
	}
	return &anchoring{evidence: e, put: b.put, every: c.AnchorEvery, logger: e.logger,
		logs: make(map[audit.TenantID]*anchoredLog)}
}

// run anchors until ctx ends.
func (a *anchoring) run(ctx context.Context) error {
	if a == nil {
		return nil
	}
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for {
		a.sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep anchors every log that has grown. All go to the same destination: if it
// fails for one, the others wait too.
func (a *anchoring) sweep(ctx context.Context) {
	if a.evidence.clock().Before(a.retry()) {
		return
	}
	for _, tenant := range a.evidence.tenants() {
		err := a.anchor(ctx, tenant)
		if ctx.Err() != nil {
			return
		}
		a.settle(err)
		if err != nil {
			a.logger.Error("checkpoints are not anchored", "tenant", tenant, "error", err, "next_try", a.retry())
			return
		}
	}
}

func (a *anchoring) retry() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.retryAt
}

// settle notes how a try ended. A destination that fails again and again is left
// alone for longer and longer.
func (a *anchoring) settle(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err = err; err == nil {
		a.failed, a.retryAt = 0, time.Time{}
		return
	}
	wait := a.every << min(a.failed, 10)
	a.failed++
	a.retryAt = a.evidence.clock().Add(max(a.every, min(wait, maxAnchorWait)))
}

// anchor puts the latest checkpoint of a log, if it is not there.
func (a *anchoring) anchor(ctx context.Context, tenant audit.TenantID) error {
	c, note, err := a.evidence.Latest(tenant)
	if err != nil {
		return nil // there is none, or the figures of evidence say why
	}
	name, data, err := proof.Anchor(c, note)
	if err != nil {
		return err
	}
	if a.log(tenant).name == name {
		return nil
	}
	err = a.put(ctx, name, data)
	conflict := ""
	switch {
	case errors.Is(err, blob.ErrConflict) && errors.Is(err, blob.ErrDenied):
		a.logger.Warn("a checkpoint was anchored before; the credentials do not allow to compare", "name", name)
	case errors.Is(err, blob.ErrConflict):
		conflict = name
		if err := a.alarm(ctx, tenant, c, name); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("put %s: %w", name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &anchoredLog{name: name, size: c.Size, at: a.evidence.clock(), conflict: conflict}
	if old := a.logs[tenant]; old != nil && conflict == "" {
		l.conflict = old.conflict // it stays true
	}
	a.logs[tenant] = l
	return nil
}

// log returns how far a log is anchored.
func (a *anchoring) log(tenant audit.TenantID) anchoredLog {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.logs[tenant]; l != nil {
		return *l
	}
	return anchoredLog{}
}

// alarm tells that another checkpoint of the same size was anchored: the log has
// another history now. The event is appended once; it makes the log grow, and
// what it grows to may be in the way too.
func (a *anchoring) alarm(ctx context.Context, tenant audit.TenantID, c proof.Checkpoint, name string) error {
	a.logger.Error("FORK: another checkpoint of the same size is anchored; the log is not the one that it was",
		"tenant", tenant, "size", c.Size, "root", c.Root.String(), "anchored", name)
	if a.log(tenant).conflict != "" {
		return nil
	}
	extra := fmt.Sprintf(`{"reason":"anchor_conflict","verdict":%q,"size":%d,"root":%q,"anchor":%q}`,
		proof.Forked, c.Size, c.Root.String(), name)
	if err := a.evidence.recordGap(ctx, tenant, extra); err != nil {
		return fmt.Errorf("append event about %s: %w", name, err)
	}
	return nil
}

// health returns the figures of a tenant's anchors, or of all if it is "".
func (a *anchoring) health(_ context.Context, tenant audit.TenantID) (map[string]any, error) {
	tenants, now := []audit.TenantID{tenant}, a.evidence.clock()
	if tenant == "" {
		tenants = a.evidence.tenants()
	}
	var anchored, behind uint64
	var age float64 // of the oldest anchor of a log that has grown since
	conflicts := map[string]string{}
	for _, id := range tenants {
		l := a.log(id)
		anchored += l.size
		if size := a.evidence.signedSize(id); size > l.size {
			behind += size - l.size
			if !l.at.IsZero() {
				age = max(age, now.Sub(l.at).Seconds())
			}
		}
		if l.conflict != "" {
			conflicts[string(id)] = "fork: another checkpoint was anchored as " + l.conflict
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	figures := map[string]any{"anchored_events": anchored, "unanchored_events": behind, "anchor_age_seconds": age,
		"conflicts": conflicts, "failed_tries": a.failed}
	if a.err != nil {
		figures["error"] = "the server's log says more"
	}
	return figures, nil
}
