package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	defaultLogName = "scaivault-audit"

	// signInterval is how often logs that have grown are signed; a checkpoint is
	// to cover an event within a second.
	signInterval = 250 * time.Millisecond
	// signStep is how many events a checkpoint goes on by at most, so that a log
	// without evidence gets some soon, and requests do not wait for all of it.
	signStep = 1 << 20
	// signWorkers bounds the logs that are signed at the same time. Each waits
	// for the disk most of the time.
	signWorkers = 4
	// signRetry is how long a log rests that could not be signed.
	signRetry = time.Minute
	// lastSigning is how long the end of the process waits for checkpoints.
	lastSigning = 500 * time.Millisecond
)

// evidence signs the logs of the store as they grow.
type evidence struct {
	*proof.Notary
	store   *store.Store
	clock   func() time.Time
	logger  *slog.Logger
	sealing bool             // ranges are sealed
	had     []audit.TenantID // had evidence of a log at the start

	mu   sync.Mutex // guards the map
	logs map[audit.TenantID]*signedLog
}

// signedLog is how far a log is signed by this process. Whoever advances its
// checkpoint holds signing, and asks for the size of the log only then: a size
// that somebody else has left behind would look like a rollback.
type signedLog struct {
	signing sync.Mutex

	mu     sync.Mutex // guards the following
	busy   bool       // a sweep has it in hand
	size   uint64     // of the latest checkpoint
	at     time.Time  // when it was made; zero if that was not by this process
	err    error      // why the latest try failed
	failed time.Time

	ranges sealedRanges // of whoever has it in hand
}

// openEvidence opens the evidence below the data directory.
func openEvidence(disk vfs.FS, c *serveCommand, s *store.Store, clock func() time.Time,
	logger *slog.Logger) (*evidence, error) {
	name := c.LogName
	if name == "" {
		name = defaultLogName
	}
	notary, err := proof.Open(disk, c.Data, proof.Options{Name: name, Log: s, Clock: clock, Trails: c.SealTrails})
	if err != nil {
		return nil, fmt.Errorf("open evidence: %w", err)
	}
	had, err := notary.Tenants()
	if err != nil {
		return nil, fmt.Errorf("open evidence: %w", err)
	}
	return &evidence{Notary: notary, store: s, clock: clock, logger: logger, sealing: c.SealTrails, had: had,
		logs: make(map[audit.TenantID]*signedLog)}, nil
}

// run signs what grows until ctx ends.
func (e *evidence) run(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(signWorkers)
	tick := time.NewTicker(signInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		e.sweep(ctx, &group)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return group.Wait()
}

// finish signs what is not signed yet, if that takes no time.
func (e *evidence) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastSigning)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(signWorkers)
	e.sweep(ctx, &group)
	_ = group.Wait() // errors are logged
}

// sweep lets the workers of a group sign every log that has grown, and look once
// at each that was signed before: what was removed as a whole has no log any more.
func (e *evidence) sweep(ctx context.Context, group *errgroup.Group) {
	for _, tenant := range e.tenants() {
		l := e.log(tenant)
		if !l.take(e.store.Size(tenant), e.clock()) {
			continue
		}
		group.Go(func() error {
			defer l.release()
			if _, err := e.step(ctx, tenant, l); err != nil && ctx.Err() == nil {
				e.logger.Error("a log is not signed; what is appended meanwhile is not proved yet",
					"tenant", tenant, "error", err)
			} else if err == nil && e.sealing {
				e.sealRanges(ctx, tenant, &l.ranges)
			}
			return nil
		})
	}
}

// tenants returns whoever has a log or had evidence of one at the start; who
// gets evidence later has a log.
func (e *evidence) tenants() []audit.TenantID {
	list := append(e.store.Tenants(), e.had...)
	slices.Sort(list)
	return slices.Compact(list)
}

func (e *evidence) log(tenant audit.TenantID) *signedLog {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.logs[tenant]
	if l == nil {
		l = new(signedLog)
		e.logs[tenant] = l
	}
	return l
}

// take reports whether a log of that size is to be signed, by the caller.
func (l *signedLog) take(size uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := l.at.IsZero() || size != l.size
	if l.err != nil {
		due = now.Sub(l.failed) >= signRetry
	}
	if l.busy || !due {
		return false
	}
	l.busy = true
	return true
}

func (l *signedLog) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
}

// signedSize returns how many events of a log have a checkpoint, without waiting
// for one that is being made.
func (e *evidence) signedSize(tenant audit.TenantID) uint64 {
	l := e.log(tenant)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// sign lets the checkpoint of a log cover all its events.
func (e *evidence) sign(ctx context.Context, tenant audit.TenantID, l *signedLog) error {
	for {
		if done, err := e.step(ctx, tenant, l); done || err != nil {
			return err
		}
	}
}

// step advances the checkpoint of a log, and reports whether it covers all.
func (e *evidence) step(ctx context.Context, tenant audit.TenantID, l *signedLog) (done bool, err error) {
	l.signing.Lock()
	defer l.signing.Unlock()
	had := uint64(0)
	last, _, err := e.Latest(tenant)
	if err == nil {
		had = last.Size
	} else if audit.ErrorCode(err) != audit.CodeNotFound {
		return false, l.settle(0, e.clock(), err)
	}
	size := e.store.Size(tenant)
	if size == 0 && err != nil { // a log without events has nothing to prove
		return true, l.settle(0, e.clock(), nil)
	}
	next := min(size, had+signStep)
	_, err = e.Advance(ctx, tenant, next)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return next == size, l.settle(next, e.clock(), err)
}

// settle notes how a try ended.
func (l *signedLog) settle(size uint64, now time.Time, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err = err; err != nil {
		l.failed = now
		return err
	}
	l.size, l.at = size, now
	return nil
}

// covered signs the log of a tenant if its latest checkpoint does not have so
// many events yet; a log that was not looked at since the start is, in any case.
func (e *evidence) covered(ctx context.Context, tenant audit.TenantID, size uint64) error {
	l := e.log(tenant)
	l.mu.Lock()
	known := !l.at.IsZero() && l.err == nil && size <= l.size
	l.mu.Unlock()
	if known {
		return nil
	}
	return e.sign(ctx, tenant, l)
}

// health returns the figures of the evidence of a tenant, or of all if it is "".
// A log that is not signed is no reason to take no events: it is named here, and
// in the server's log.
func (e *evidence) health(_ context.Context, tenant audit.TenantID) (map[string]any, error) {
	tenants, now := []audit.TenantID{tenant}, e.clock()
	if tenant == "" {
		tenants = e.tenants()
	}
	var size, unsigned uint64
	var age float64 // of the oldest checkpoint that does not cover its log
	refused := map[string]string{}
	for _, id := range tenants {
		l := e.log(id)
		l.mu.Lock()
		size += l.size
		if n := e.store.Size(id); n > l.size {
			unsigned += n - l.size
		}
		if !l.at.IsZero() && (tenant != "" || e.store.Size(id) > l.size) {
			age = max(age, now.Sub(l.at).Seconds())
		}
		if l.err != nil {
			refused[string(id)] = reasonOf(l.err)
		}
		l.mu.Unlock()
	}
	return map[string]any{"signed_events": size, "unsigned_events": unsigned, "checkpoint_age_seconds": age,
		"not_signed": refused}, nil
}

// reasonOf returns why a log is not signed, for those who may not see files.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, proof.ErrRollback):
		return "rollback: " + proof.ErrRollback.Error()
	case errors.Is(err, proof.ErrFork):
		return "fork: " + proof.ErrFork.Error()
	default:
		return "error: the server's log says more"
	}
}
