package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/scaivault/audit"
)

type ingestCommand struct {
	File   string `arg:"" help:"Lines to read; - is standard input."`
	Format string `enum:"scaivault,vault" default:"scaivault" placeholder:"FORMAT" help:"scaivault (default) or vault."`
	JSON   bool   `help:"Print the result as JSON."`
	connection
}

// Help is shown by ingest --help.
func (ingestCommand) Help() string {
	return `Lines are events of this log (scaivault), or audit lines of HashiCorp Vault or
OpenBao (vault). Good events are stored, bad ones are named on standard error
by file and line, and the exit code is 5 if there was one.

After an interruption run the same command again: within a day, what the log
took from the file is not stored twice. Events with an id are known for ever;
those without one are new each time if they come from standard input, and in
the last lines of a file that has grown.

Examples:

    scaivault-audit ingest events.jsonl
    scaivault-audit ingest --format vault /var/log/vault/audit.log
    my-exporter | scaivault-audit ingest -`
}

// Run appends the events of the input.
func (c *ingestCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	in, err := c.input(p)
	if err != nil {
		return err
	}
	defer in.Close()
	g := &ingestion{
		p: p, api: api, name: in.name, place: in.place, result: ingestResult{Rejected: []audit.Rejection{}},
		format: c.format(p, in), keep: c.JSON, progress: newProgress(p, "ingest", in.size, bytesUnit()),
	}
	err = g.run(in)
	g.progress.end()
	if printErr := c.report(p, g); printErr != nil {
		return printErr
	}
	if err == nil && g.rejected > 0 {
		return rejectedError{g.rejected}
	}
	return err
}

// report prints what became of the events.
func (c *ingestCommand) report(p *process, g *ingestion) error {
	if c.JSON {
		text, err := json.Marshal(g.result)
		if err != nil {
			return err
		}
		return p.printJSON(text)
	}
	_, err := fmt.Fprintf(p.stdout, "%s: %d accepted, %d duplicates, %d rejected\n",
		plural(g.result.Lines, "line", "lines"), g.result.Accepted, g.result.Duplicates, g.rejected)
	return err
}

// rejectedError says that events were refused, each of which was named.
type rejectedError struct{ n int }

func (e rejectedError) Error() string {
	return plural(e.n, "event was rejected", "events were rejected")
}
func (e rejectedError) ExitCode() int { return exitValidation }

// input is what an ingestion reads.
type input struct {
	io.ReadCloser
	name  string // for messages
	place string // by which a repetition is known; "" if there is none
	size  int64  // 0 if unknown
}

func (c *ingestCommand) input(p *process) (*input, error) {
	if c.File == "-" {
		return &input{ReadCloser: io.NopCloser(p.stdin), name: "stdin"}, nil
	}
	f, err := os.Open(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil, audit.Errorf(audit.CodeValidationError, "file %s: does not exist", c.File)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", c.File, err)
	}
	in := &input{ReadCloser: f, name: c.File}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		f.Close()
		return nil, audit.Errorf(audit.CodeValidationError, "file %s: is a directory", c.File)
	}
	// A pipe has no place to which a repetition could come back.
	if err == nil && info.Mode().IsRegular() {
		in.size = info.Size()
		if in.place, err = filepath.Abs(c.File); err != nil {
			in.place = c.File
		}
	}
	return in, nil
}

func (c *ingestCommand) format(p *process, in *input) format {
	switch {
	case c.Format == "scaivault":
		return plainFormat{}
	case in.place == "":
		return newVaultFormat(p.now)
	}
	return newVaultFormat(nil)
}

// ingestResult is what became of an input.
type ingestResult struct {
	Lines      int               `json:"lines"` // whose events were sent
	Accepted   int               `json:"accepted"`
	Duplicates int               `json:"duplicates"`
	Rejected   []audit.Rejection `json:"rejected"` // Line is of the input
}
