package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// prove saves a trail with the proof that it has all events.
func (t *trail) prove(p *process, api *client.Client, q *audit.Query, path audit.Path, id audit.IdentityID) error {
	if q.String() != (&audit.Query{Limit: q.Limit}).String() {
		return usageError{errors.New("--prove: the proof is of the whole trail; leave out filters and times")}
	}
	answer, err := api.TrailProof(p.ctx, path, id)
	if err != nil {
		return err
	}
	var saved proof.TrailProof
	if err := json.Unmarshal(answer, &saved); err != nil {
		return fmt.Errorf("proof of the trail: %w", err)
	}
	if err := vfs.WriteFile(vfs.OS{}, t.Prove, append(answer, '\n')); err != nil {
		return fmt.Errorf("--prove: %w", err)
	}
	note := ""
	if saved.Open == nil {
		note = "; the newest events are withheld (verify --sealed-only)"
	}
	_, err = fmt.Fprintf(p.stderr, "%s: %s, complete up to index %d%s\n", t.Prove,
		plural(saved.Events(), "event", "events"), saved.CompleteTo, note)
	return err
}

// isTrail reports whether a file is the proof of a trail.
func isTrail(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return proof.IsTrail(f)
}

// verifyTrail verifies the proof of a trail.
func (c *verifyCommand) verifyTrail(p *process, o proof.VerifyOptions) error {
	if o.Keys == nil {
		return noKey()
	}
	dir, name := filepath.Split(c.Path)
	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer root.Close()
	bar := c.progress(p, &o, eventsUnit())
	report, err := proof.VerifyTrail(p.ctx, root.FS(), name, c.SealedOnly, o)
	bar.end()
	return c.conclude(p, "", report, err)
}
