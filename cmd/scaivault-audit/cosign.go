package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/ui"
)

// witnessSettings say who is asked to cosign checkpoints.
type witnessSettings struct {
	Witness      []string      `placeholder:"URL" env:"WITNESS" help:"Witness that cosigns checkpoints (C2SP tlog-witness); repeatable."`
	WitnessKey   []string      `placeholder:"VKEY" env:"WITNESS_KEY" help:"Its key, as scaivault-audit witness prints it; one for each."`
	WitnessEvery time.Duration `default:"10s" placeholder:"TIME" env:"WITNESS_EVERY" help:"How often they are asked, where a log has grown (default ${default})."`
}

// check finds settings that do not go together.
func (c *witnessSettings) check() error {
	if len(c.Witness) != len(c.WitnessKey) {
		return fmt.Errorf("--witness, --witness-key: want one key for each witness, have %d and %d",
			len(c.WitnessKey), len(c.Witness))
	}
	for i, text := range c.Witness {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
			return errors.New("--witness: want http:// or https:// and a host, without user, password and query")
		}
		if _, err := proof.ParseWitnessKey(c.WitnessKey[i]); err != nil {
			return fmt.Errorf("--witness-key: %w", err)
		}
	}
	if c.WitnessEvery < 100*time.Millisecond {
		return errors.New("--witness-every: want at least 100ms")
	}
	return nil
}

// cosigning asks witnesses to cosign the latest checkpoint of every log that has
// grown. An answer that is lost costs nothing: a witness says what it saw last.
type cosigning struct {
	evidence  *evidence
	witnesses []*witnessClient
	every     time.Duration
	logger    *slog.Logger

	mu   sync.Mutex // guards the map
	logs map[askedLog]*askedState
}

// askedLog is one log at one witness.
type askedLog struct {
	witness *witnessClient
	tenant  audit.TenantID
}

// askedState is how far a witness is with a log.
type askedState struct {
	text  string    // of the checkpoint that it cosigned last
	size  uint64    // of that
	at    time.Time // when it was, or when the alarm was told
	err   error     // why the latest try failed, nil if it did not
	alarm string    // what the witness saw that this log is not, "" for nothing

	refusals refusals // since it cosigned last
}

// cosigning returns what asks the witnesses of the settings, nil if there are none.
func (c *serveCommand) cosigning(e *evidence) *cosigning {
	if len(c.Witness) == 0 {
		return nil
	}
	s := &cosigning{evidence: e, every: c.WitnessEvery, logger: e.logger, logs: make(map[askedLog]*askedState)}
	client := &http.Client{Timeout: witnessTimeout, CheckRedirect: noRedirect}
	for i, base := range c.Witness {
		key, _ := proof.ParseWitnessKey(c.WitnessKey[i]) // was checked
		s.witnesses = append(s.witnesses, &witnessClient{base: strings.TrimRight(base, "/"), key: key, http: client})
	}
	return s
}

// run asks until ctx ends. Witnesses are asked at the same time, each for one log
// after the other: one that does not answer does not hold up the others.
func (s *cosigning) run(ctx context.Context) error {
	if s == nil {
		return nil
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		s.sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep asks all witnesses once for all logs that have grown.
func (s *cosigning) sweep(ctx context.Context) {
	var group errgroup.Group
	for _, w := range s.witnesses {
		group.Go(func() error {
			for _, tenant := range s.evidence.tenants() {
				if err := s.ask(ctx, w, tenant); errors.Is(err, errNoAnswer) {
					break // nor will it answer for the others
				}
			}
			return nil
		})
	}
	_ = group.Wait() // errors are kept
}

// ask asks a witness for the latest checkpoint of a log, unless it cosigned it
// already, and keeps the cosignature.
func (s *cosigning) ask(ctx context.Context, w *witnessClient, tenant audit.TenantID) error {
	state := s.state(w, tenant)
	last, _, err := s.evidence.Latest(tenant)
	now := s.evidence.clock()
	if err != nil || last.Text() == state.text || state.alarm != "" && now.Sub(state.at) < signRetry {
		return nil // there is none, or it is cosigned, or will not be so soon
	}
	seen, lines, err := s.submit(ctx, w, tenant, state.size)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = s.keep(tenant, w, seen, lines)
	}
	var conflict *conflictError
	next := &askedState{text: state.text, size: state.size, at: state.at, alarm: state.alarm, err: err,
		refusals: state.refusals}
	refused := disputeOf(err)
	switch {
	case err == nil:
		next = &askedState{text: seen.Checkpoint.Text(), size: seen.Size, at: now}
		if n := state.refusals.times; n > 0 {
			s.logger.Info("a witness that refused cosigns again", "witness", w.key.Name(), "tenant", tenant, "times", n)
		}
	case errors.As(err, &conflict):
		next.alarm, next.at, next.refusals = conflict.Error(), now, refusals{}
		if alarmErr := s.alarm(ctx, w, tenant, last, conflict, state.alarm == ""); alarmErr != nil {
			next.alarm, next.err = "", alarmErr
		}
	case refused != nil:
		next.refusals = s.tell(state.refusals.again(refused, now), w, tenant, last, err, now)
	case state.err == nil: // once, not every ten seconds
		s.logger.Error("a witness does not cosign", "witness", w.key.Name(), "tenant", tenant, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[askedLog{w, tenant}] = next
	return err
}

// state returns how far a witness is with a log.
func (s *cosigning) state(w *witnessClient, tenant audit.TenantID) askedState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.logs[askedLog{w, tenant}]; state != nil {
		return *state
	}
	return askedState{}
}

// submitted is a checkpoint that a witness cosigned.
type submitted struct {
	proof.Checkpoint
	note []byte
}

// submitTries is how often a submission begins where the witness says that it
// is. Who else tells it of the log may be faster, but not again and again.
const submitTries = 4

// submit sends the latest checkpoint to a witness that saw the size old last, as
// far as is known.
func (s *cosigning) submit(ctx context.Context, w *witnessClient, tenant audit.TenantID,
	old uint64) (submitted, []byte, error) {
	for range submitTries {
		last, note, err := s.evidence.Latest(tenant)
		if err != nil {
			return submitted{}, nil, err
		}
		submission, err := s.evidence.Submission(ctx, tenant, last, note, min(old, last.Size))
		if err != nil {
			return submitted{}, nil, err
		}
		lines, err := w.add(ctx, submission)
		var stale *proof.StaleError
		switch {
		case err == nil:
			return submitted{last, note}, lines, nil
		case disputeOf(err) != nil:
			return submitted{}, nil, s.dispute(ctx, w, tenant, submission.Old, err)
		case !errors.As(err, &stale):
			return submitted{}, nil, err
		case stale.Size > last.Size:
			if now, _, err := s.evidence.Latest(tenant); err == nil && now.Size >= stale.Size {
				old = stale.Size // somebody else told it meanwhile
				continue
			}
			if err := s.ahead(ctx, w, tenant, stale.Size); err != nil {
				return submitted{}, nil, unlessProved(err, w.refused(&refusedError{http.StatusConflict, stale.Size}))
			}
		case stale.Size == submission.Old:
			return submitted{}, nil, s.dispute(ctx, w, tenant, stale.Size,
				w.refused(&refusedError{status: http.StatusConflict}))
		}
		old = stale.Size
	}
	return submitted{}, nil, fmt.Errorf("witness %s: it saw another checkpoint each time", w.key.Name())
}

// ahead looks at what a witness saw that is more than what is signed, or is not
// what is signed. If this server signed it, its log has to continue it from now
// on: that an old backup was restored is found out here.
func (s *cosigning) ahead(ctx context.Context, w *witnessClient, tenant audit.TenantID, size uint64) error {
	note, err := w.latest(ctx, s.evidence.Origin(tenant))
	if err != nil {
		return fmt.Errorf("witness %s saw %d events and does not show its checkpoint: %w", w.key.Name(), size, err)
	}
	if err = s.evidence.Saw(ctx, tenant, note); err == nil {
		err = s.evidence.sign(ctx, tenant, s.evidence.log(tenant))
	}
	switch {
	case errors.Is(err, proof.ErrRollback):
		return &conflictError{proof.RolledBack, size}
	case errors.Is(err, proof.ErrFork):
		return &conflictError{proof.Forked, size}
	case err != nil:
		return fmt.Errorf("what witness %s saw: %w", w.key.Name(), err)
	}
	return nil
}

// keep adds cosignatures to a checkpoint and keeps it. Those of other witnesses
// to the same one stay.
func (s *cosigning) keep(tenant audit.TenantID, w *witnessClient, c submitted, lines []byte) error {
	s.mu.Lock() // of several witnesses none takes away another's cosignature
	defer s.mu.Unlock()
	note := c.note
	if _, kept, err := s.evidence.Notary.Witnessed(tenant); err == nil && bytes.HasPrefix(kept, note) {
		note = kept
	}
	note, err := proof.AddCosignatures(note, lines, []*proof.WitnessKey{w.key})
	if err != nil {
		return fmt.Errorf("witness %s: %w", w.key.Name(), err)
	}
	list, err := proof.Cosignatures(note, []*proof.WitnessKey{w.key})
	if err != nil || len(list) == 0 {
		return fmt.Errorf("witness %s: its answer has no cosignature of its key", w.key.Name())
	}
	return s.evidence.KeepWitnessed(tenant, note)
}

// conflictError says that a witness saw another log than this one.
type conflictError struct {
	verdict proof.Verdict
	size    uint64 // of what it saw
}

// Error says what the witness saw.
func (e *conflictError) Error() string {
	if e.verdict == proof.RolledBack {
		return fmt.Sprintf("rollback: the witness saw %d events", e.size)
	}
	return fmt.Sprintf("fork: the witness saw other events among the first %d", e.size)
}

// alarm tells that a witness saw another log. The event is appended the first
// time only.
func (s *cosigning) alarm(ctx context.Context, w *witnessClient, tenant audit.TenantID, last proof.Checkpoint,
	conflict *conflictError, first bool) error {
	s.logger.Error("FORK OR ROLLBACK: a witness saw another log", "witness", w.key.Name(), "tenant", tenant,
		"verdict", conflict.verdict, "witness_size", conflict.size, "size", last.Size)
	if !first {
		return nil
	}
	extra := fmt.Sprintf(`{"reason":"witness_conflict","verdict":%q,"witness":%q,"witness_size":%d,"size":%d}`,
		conflict.verdict, w.key.Name(), conflict.size, last.Size)
	if err := s.evidence.recordGap(ctx, tenant, extra); err != nil {
		return fmt.Errorf("append event about witness %s: %w", w.key.Name(), err)
	}
	return nil
}

// doubts returns what witnesses say of a log that is not what it is, for its page.
func (s *cosigning) doubts(tenant audit.TenantID) (list []ui.Doubt) {
	if s == nil {
		return nil
	}
	for _, w := range s.witnesses {
		state := s.state(w, tenant)
		d := ui.Doubt{Witness: w.key.Name()}
		switch r := state.refusals; {
		case state.alarm != "":
			d.Proved, d.Says = true, state.alarm
		case r.times > 0:
			d.Says, d.Since, d.Times = r.last.Error(), audit.TimeOf(r.since), uint64(r.times)
		default:
			continue
		}
		list = append(list, d)
	}
	return list
}

// health returns the figures of a tenant's witnesses, or of all if it is "": the
// oldest of each, and what is wrong.
func (s *cosigning) health(_ context.Context, tenant audit.TenantID) (map[string]any, error) {
	tenants, now := []audit.TenantID{tenant}, s.evidence.clock()
	if tenant == "" {
		tenants = s.evidence.tenants()
	}
	figures := make(map[string]any)
	for _, w := range s.witnesses {
		var unseen uint64
		var age float64 // of the oldest cosignature of a log that has grown since
		refused, unproved := map[string]string{}, map[string]any{}
		for _, id := range tenants {
			state := s.state(w, id)
			if state.refusals.times > 0 {
				unproved[string(id)] = state.refusals.figures()
			}
			if size := s.evidence.signedSize(id); size > state.size {
				unseen += size - state.size
				if !state.at.IsZero() {
					age = max(age, now.Sub(state.at).Seconds())
				}
			}
			switch {
			case state.alarm != "":
				refused[string(id)] = state.alarm
			case state.err != nil:
				refused[string(id)] = reasonOfWitness(state.err)
			}
		}
		figures[w.key.Name()] = map[string]any{"unwitnessed_events": unseen, "cosignature_age_seconds": age,
			"not_cosigned": refused, "refuses_without_proof": unproved}
	}
	return figures, nil
}

// reasonOfWitness returns why a witness does not cosign, for those who may not
// see what it answers.
func reasonOfWitness(err error) string {
	var refused *refusedError
	if disputed := disputeOf(err); disputed != nil {
		return refusals{last: *disputed}.Error()
	}
	if errors.As(err, &refused) {
		return "refused: " + refused.Error()
	}
	if errors.Is(err, errNoAnswer) {
		return "error: it does not answer"
	}
	return "error: the server's log says more"
}
