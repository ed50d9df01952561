package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
)

type verifyCommand struct {
	Path        string   `arg:"" name:"path" placeholder:"DIR|MANIFEST|TRAIL" help:"Export, its manifest, the proof of a trail, or a data directory."`
	Key         string   `placeholder:"FILE" help:"Verifier keys that are trusted, as scaivault-audit keys prints them."`
	Against     string   `placeholder:"FILE" help:"Checkpoint from earlier, which the log must continue."`
	Consistency string   `placeholder:"FILE" help:"Proof of that, as GET /v1/audit/proofs/consistency?from_size=OLD&to_size=AS_OF answers, for an export that does not hold all events."`
	Anchors     string   `placeholder:"DIR" help:"Copy of anchored checkpoints (serve --anchor), all of which the log must continue."`
	WitnessKey  []string `placeholder:"VKEY" help:"Witness that must have cosigned the checkpoint, or that of --against; repeatable."`
	Tenant      string   `placeholder:"ID" help:"Of a data directory: verify this tenant's log only."`
	SealedOnly  bool     `help:"Of a trail: be content with its sealed ranges; the newest events may be withheld."`
	JSON        bool     `help:"Print the report as JSON, as is done where no terminal is."`
}

// Help is shown by verify --help.
func (verifyCommand) Help() string {
	return `Checks, without a server and without a network, that an export, a trail or a log is
what was signed. Where that comes from is for you to say: take the keys and an early
checkpoint from the server once, and keep them where its operator cannot write.

    scaivault-audit keys > audit.keys
    scaivault-audit checkpoint > 2026-04-23.checkpoint

    # An export, from wherever it was copied to; files may be decompressed.
    scaivault-audit verify ./export --key audit.keys

    # ... and nothing before the checkpoint was changed or removed since.
    scaivault-audit verify ./export --key audit.keys --against 2026-04-23.checkpoint

    # ... and a witness saw that checkpoint.
    scaivault-audit verify ./export --key audit.keys --against seen.checkpoint \
        --witness-key witness.example.com/w1+9d3c3fd5+BCzT…

    # A log, with all its checkpoints that were put into a bucket.
    scaivault-audit verify ./data --key audit.keys --anchors ./bucket

    # A trail that was saved with --prove: it has all events of a secret, or of an
    # identity. A token that is bound to paths gets no proof of the newest events;
    # --sealed-only is content with that.
    scaivault-audit verify prod-db.trail --key audit.keys

    # A data directory, beside its server, or a copy.
    scaivault-audit verify /var/lib/scaivault-audit --key audit.keys

The verdict is the exit code: 0 ok; 10 tampered: something is not what was signed;
11 unverifiable: a key, a signature or a checkpoint is missing; 12 rolled back or
forked: the log is not the one of the earlier checkpoint; 13 incomplete: what is
there is right, something is missing. The first fault is named with its file, its
line and the byte at which that line begins.

Nothing is written into a data directory. Of a fault in it the file is named, and the
piece of that file. An event that was changed together with all checksums is named too,
or a block of 256 if more of them were.`
}

// Run verifies and prints what was found.
func (c *verifyCommand) Run(p *process) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	info, err := os.Stat(c.Path)
	if err != nil {
		return audit.Errorf(audit.CodeNotFound, "%s: there is no such file or directory", c.Path)
	}
	if info.IsDir() && isDataDir(c.Path) {
		return c.verifyData(p, o)
	}
	if c.Tenant != "" {
		return usageError{errors.New("--tenant: is for data directories; an export is of one tenant")}
	}
	if !info.IsDir() && isTrail(c.Path) {
		return c.verifyTrail(p, o)
	}
	if c.SealedOnly {
		return usageError{errors.New("--sealed-only: is for the proof of a trail")}
	}
	return c.verifyExport(p, o, info.IsDir())
}

// noKey is the verdict of what nobody can say anything about.
func noKey() error {
	return verdictError{proof.Report{Verdict: proof.Unverifiable, Fault: &proof.Fault{
		Message: "no key to trust: take the keys from the server (scaivault-audit keys) and name them with --key"}}}
}

// isDataDir reports whether a directory is that of a server.
func isDataDir(dir string) bool {
	log, err := os.Stat(filepath.Join(dir, "log"))
	if err != nil || !log.IsDir() {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, "log", "LOCK"))
	return err == nil
}

// verifyExport verifies the export in a directory, or that of a manifest.
func (c *verifyCommand) verifyExport(p *process, o proof.VerifyOptions, isDir bool) error {
	if o.Keys == nil {
		return noKey()
	}
	dir, name := c.Path, ""
	if !isDir {
		dir, name = filepath.Split(c.Path)
	}
	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer root.Close()
	if name == "" {
		if name, err = proof.FindManifest(root.FS()); err != nil {
			return c.conclude(p, "", proof.Report{}, err)
		}
	}
	bar := c.progress(p, &o, bytesUnit())
	report, err := proof.VerifyExport(p.ctx, root.FS(), name, o)
	bar.end()
	return c.conclude(p, "", report, err)
}

// options reads the files that say against what something is verified.
func (c *verifyCommand) options() (o proof.VerifyOptions, err error) {
	if c.Key != "" {
		text, err := os.ReadFile(c.Key)
		if err == nil {
			o.Keys, err = parseKeys(text)
		}
		if err != nil {
			return o, usageError{fmt.Errorf("--key: %w", err)}
		}
	}
	if c.Against != "" {
		if o.Against, err = os.ReadFile(c.Against); err != nil {
			return o, usageError{fmt.Errorf("--against: %w", err)}
		}
	}
	if c.Anchors != "" {
		if info, err := os.Stat(c.Anchors); err != nil || !info.IsDir() {
			return o, usageError{fmt.Errorf("--anchors: %s is no directory", c.Anchors)}
		}
		o.Anchors = os.DirFS(c.Anchors)
	}
	for _, text := range c.WitnessKey {
		key, err := proof.ParseWitnessKey(text)
		if err != nil {
			return o, usageError{fmt.Errorf("--witness-key: %w", err)}
		}
		o.Witnesses = append(o.Witnesses, key)
	}
	if c.Consistency != "" {
		if o.Consistency, err = readConsistency(c.Consistency); err != nil {
			return o, usageError{fmt.Errorf("--consistency: %w", err)}
		}
	}
	return o, nil
}

// progress lets a verification show how far it is.
func (c *verifyCommand) progress(p *process, o *proof.VerifyOptions, u unit) *lateProgress {
	bar := &lateProgress{p: p, unit: u}
	o.Progress = bar.reach
	return bar
}

// lateProgress is a progress that begins when its total is known.
type lateProgress struct {
	*progress
	p    *process
	unit unit
}

func (l *lateProgress) reach(done, total int64) {
	if l.progress == nil {
		l.progress = newProgress(l.p, "verify", total, l.unit)
	}
	l.progress.reach(done)
}

// conclude prints a report and returns its verdict as an error, nil for OK.
func (c *verifyCommand) conclude(p *process, tenant audit.TenantID, r proof.Report, err error) error {
	var fault *proof.Fault
	switch {
	case errors.As(err, &fault):
		r.Verdict, r.Fault = fault.Verdict, fault
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("verify: %w; run this command as whoever may read it", err)
	case err != nil:
		return err
	}
	if !p.tables(c.JSON) {
		err = p.printValue(struct {
			Tenant audit.TenantID `json:"tenant_id,omitempty"`
			proof.Report
		}{tenant, r})
	} else {
		_, err = fmt.Fprint(p.stdout, describe(&r))
	}
	if err == nil && r.Verdict != proof.OK {
		return verdictError{r}
	}
	return err
}

// describe returns a report for people.
func describe(r *proof.Report) string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(string(r.Verdict)))
	if r.Origin != "" {
		fmt.Fprintf(&b, "  %s, %s", visible(r.Origin), plural(r.Size, "event", "events"))
	}
	b.WriteByte('\n')
	if r.Fault != nil {
		fmt.Fprintf(&b, "  %s\n", visible(r.Fault.Error()))
	} else if r.Files > 0 {
		fmt.Fprintf(&b, "  %s in %s\n", plural(r.Records, "event", "events"), plural(r.Files, "file", "files"))
	}
	for _, s := range r.Proved {
		fmt.Fprintf(&b, "  %s\n", visible(s))
	}
	for _, s := range r.Notes {
		fmt.Fprintf(&b, "  Note: %s.\n", visible(s))
	}
	return b.String()
}

// verdictError is a verdict that is not OK.
type verdictError struct{ proof.Report }

// Error returns the verdict and the first fault.
func (e verdictError) Error() string { return fmt.Sprintf("%s: %s", e.Verdict, e.Fault) }

// ExitCode returns the exit code of the verdict.
func (e verdictError) ExitCode() int { return e.Verdict.ExitCode() }
