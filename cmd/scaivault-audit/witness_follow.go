package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/proof"
)

// followedLog is a log that is asked.
type followedLog struct {
	api    *client.Client
	name   string // for people, until its origin is known
	tenant string // "" is the token's
	keys   map[string]note.Verifiers
}

func newFollowedLog(e witnessedLog, token string, keys map[string]note.Verifiers) (*followedLog, error) {
	api, err := client.New(client.Config{URL: e.URL, Token: token, Tenant: e.Tenant,
		UserAgent: "scaivault-audit/" + version()})
	return &followedLog{api: api, name: e.URL, tenant: e.Tenant, keys: keys}, err
}

// seen is what came of asking a log, as --once prints it.
type seen struct {
	Origin  string        `json:"origin"`
	Verdict proof.Verdict `json:"verdict"`
	Had     uint64        `json:"had_size"` // before
	Size    uint64        `json:"size"`     // what it says now
	Message string        `json:"message,omitempty"`
}

// ask asks a log for its checkpoint and lets the witness cosign it. What is wrong
// with the log is in what was seen; an error is one of asking.
func (f *followedLog) ask(ctx context.Context, w *proof.Witness) (seen, error) {
	msg, err := f.api.Checkpoint(ctx)
	if err != nil {
		return seen{}, err
	}
	origin, _, _ := strings.Cut(string(msg), "\n")
	keys := f.keys[origin]
	s := seen{Origin: origin, Verdict: proof.Unverifiable}
	if keys == nil || f.tenant != "" && path.Base(origin) != f.tenant {
		s.Message = "it is not the log that is known"
		return s, nil
	}
	c, err := proof.OpenCheckpoint(msg, keys)
	if err != nil {
		s.Message = err.Error()
		return s, nil
	}
	had, _, _ := w.Latest(origin)
	s.Had, s.Size = had.Size, c.Size
	if c.Size < had.Size {
		s.Verdict, s.Message = proof.RolledBack, fmt.Sprintf("the log had %d events and has %d", had.Size, c.Size)
		return s, nil
	}
	submission := &proof.Submission{Old: had.Size, Checkpoint: msg}
	if had.Size > 0 && had.Size < c.Size {
		if submission.Hashes, err = f.proof(ctx, had.Size, c.Size); err != nil {
			return seen{}, err
		}
	}
	_, err = w.Add(submission)
	switch {
	case errors.Is(err, proof.ErrFork) || errors.Is(err, proof.ErrInconsistent):
		s.Verdict, s.Message = proof.Forked, strings.TrimPrefix(err.Error(), origin+": ")
	case err != nil:
		return seen{}, err
	default:
		s.Verdict = proof.OK
	}
	return s, nil
}

// proof asks for the hashes that lead from one size of the log to another.
func (f *followedLog) proof(ctx context.Context, from, to uint64) ([]proof.Hash, error) {
	text, err := f.api.Consistency(ctx, from, to)
	if err != nil {
		return nil, err
	}
	p, err := parseConsistency(text)
	if err != nil {
		return nil, err
	}
	return p.Hashes, nil
}

// follow asks the logs again and again until ctx ends, and reports whether one
// was rolled back or forked.
func (c *witnessCommand) follow(ctx context.Context, w *proof.Witness, logs []*followedLog,
	logger *slog.Logger) (alarms bool) {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		for _, f := range logs {
			s, err := f.ask(ctx, w)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				logger.Error("a log does not answer", "url", f.name, "error", err)
			case s.Verdict == proof.RolledBack || s.Verdict == proof.Forked:
				alarms = true
				logger.Error("FORK OR ROLLBACK", "origin", s.Origin, "verdict", s.Verdict, "had_size", s.Had,
					"size", s.Size, "error", s.Message)
			case s.Verdict != proof.OK:
				logger.Error("a log cannot be verified", "origin", s.Origin, "url", f.name, "error", s.Message)
			case s.Size != s.Had:
				logger.Info("cosigned", "origin", s.Origin, "had_size", s.Had, "size", s.Size)
			}
		}
		select {
		case <-ctx.Done():
			return alarms
		case <-tick.C:
		}
	}
}
