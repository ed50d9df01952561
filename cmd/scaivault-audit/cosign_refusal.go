package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
)

// refusedError says that a witness does not cosign. What it says proves nothing:
// it may be wrong, or not know the log's newest key.
type refusedError struct {
	status int
	ahead  uint64 // how many events it says that it saw, if those are more than the log has
}

// Error says why, as C2SP tlog-witness has it: 409 is for an old size that is not
// what it saw last, and for another root of that size; 422 for a consistency
// proof that does not verify.
func (e *refusedError) Error() string {
	if e.ahead > 0 {
		return fmt.Sprintf("it says that it saw %d events, more than the log has (%d)", e.ahead, e.status)
	}
	reason, ok := map[int]string{
		http.StatusBadRequest:          "it finds the request malformed",
		http.StatusForbidden:           "it trusts none of the keys that signed the checkpoint",
		http.StatusNotFound:            "it does not know this log",
		http.StatusConflict:            "it says that it saw another root of that size",
		http.StatusUnprocessableEntity: "it says that the log does not continue what it saw",
	}[e.status]
	if !ok {
		reason = "it does not cosign now"
	}
	return fmt.Sprintf("%s (%d)", reason, e.status)
}

// isDispute reports whether the witness says that it saw another log.
func (e *refusedError) isDispute() bool {
	return e.status == http.StatusConflict || e.status == http.StatusUnprocessableEntity
}

// disputeOf returns the refusal in an error that says that the witness saw
// another log, nil if there is none.
func disputeOf(err error) *refusedError {
	var refused *refusedError
	if errors.As(err, &refused) && refused.isDispute() {
		return refused
	}
	return nil
}

// refusals is an alarm of its own kind: a witness says that it saw another log,
// and shows nothing that proves it. It may be a fork that it cannot show (C2SP
// tlog-witness has no request for what a witness saw) or a fault of the witness:
// only somebody who asks its operator can tell. Zero is none.
type refusals struct {
	since time.Time // of the first, in this process
	told  time.Time // when the log said so last
	times int
	last  refusedError
}

// again returns the alarm after one more refusal.
func (r refusals) again(refused *refusedError, now time.Time) refusals {
	if r.times == 0 {
		r.since = now
	}
	r.times++
	r.last = *refused
	return r
}

// Error says what the witness says.
func (r refusals) Error() string { return "refuses, without proof: " + r.last.Error() }

// figures returns the alarm as health shows it.
func (r refusals) figures() map[string]any {
	return map[string]any{"since": r.since.UTC().Format(time.RFC3339), "times": r.times, "status": r.last.status,
		"reason": r.last.Error()}
}

// tell writes the alarm into the server's log: when it begins, and once a minute
// while it lasts.
func (s *cosigning) tell(r refusals, w *witnessClient, tenant audit.TenantID, last proof.Checkpoint, cause error,
	now time.Time) refusals {
	if r.times > 1 && now.Sub(r.told) < signRetry {
		return r
	}
	r.told = now
	s.logger.Error("WITNESS REFUSES, WITHOUT PROOF: it says that it saw another log; ask its operator",
		"witness", w.key.Name(), "tenant", tenant, "since", r.since.UTC(), "times", r.times, "size", last.Size,
		"error", cause)
	return r
}

// dispute looks into a refusal of a witness that saw the size: it says that this
// log does not continue that. A fork is only what is proved, by what the witness
// shows: this server signed another root than its log has. Otherwise the refusal
// stays, and the witness is asked again.
func (s *cosigning) dispute(ctx context.Context, w *witnessClient, tenant audit.TenantID, size uint64,
	refusal error) error {
	return unlessProved(s.ahead(ctx, w, tenant, size), refusal)
}

// unlessProved returns what was found out about a refusal: the fork or the
// rollback if that is proved, else the refusal, with what came of looking.
func unlessProved(found, refusal error) error {
	var conflict *conflictError
	switch {
	case errors.As(found, &conflict) || errors.Is(found, context.Canceled):
		return found
	case found != nil:
		return fmt.Errorf("%w; %v", refusal, found)
	default:
		return refusal
	}
}
