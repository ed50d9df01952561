package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
)

type ingestCommand struct {
	File   string `arg:"" help:"Lines to read; - is standard input."`
	Format string `enum:"scaivault,vault" default:"scaivault" placeholder:"FORMAT" help:"scaivault (default) or vault."`
	Follow bool   `help:"Go on as the file grows, through rotations and restarts."`
	State  string `placeholder:"FILE" help:"With --follow: where the position is kept (default: the file's name and .follow)."`
	JSON   bool   `help:"Print the result as JSON."`

	PairWait     time.Duration  `default:"10s" help:"How long a request of Vault waits for its answer (default ${default})."`
	TrustedProxy []netip.Prefix `placeholder:"CIDR" help:"Believe the X-Forwarded-For of this proxy in front of Vault; repeatable."`
	connection
}

// Help is shown by ingest --help.
func (ingestCommand) Help() string {
	return `Lines are events of this log (scaivault), or audit lines of HashiCorp Vault or
OpenBao (vault). Good events are stored, bad ones are named on standard error
by file and line, and the exit code is 5 if there was one. What begins as gzip or
zstd do is decompressed.

After an interruption run the same command again: within a day, what the log
took from the file is not stored twice. Events with an id are known for ever;
those without one are new each time if they come from standard input, and in
the last lines of a file that has grown.

With --follow the command does not end. It keeps its position in a file, waits
while the server is down, goes on with the next file when this one was renamed
by a rotation, and finds its place again when it is started anew: no line is
stored twice and none is left out. Rotated files may be compressed meanwhile, by
gzip or zstd. What cannot be read is in the log as an audit_gap event.

Examples:

    scaivault-audit ingest events.jsonl
    scaivault-audit ingest --format vault /var/log/vault/audit.log.2.gz
    scaivault-audit ingest --format vault --follow /var/log/vault/audit.log
    my-exporter | scaivault-audit ingest -`
}

// Run appends the events of the input.
func (c *ingestCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	if c.Follow {
		return c.follow(p, api)
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

// plain is an input, decompressed if it is compressed.
type plain struct {
	*unpacker
	io.Closer
}

// Close closes the input.
func (p plain) Close() error {
	p.release()
	return p.Closer.Close()
}

// input is what an ingestion reads.
type input struct {
	io.ReadCloser
	name  string // for messages
	place string // by which a repetition is known; "" if there is none
	size  int64  // 0 if unknown
}

func (c *ingestCommand) input(p *process) (*input, error) {
	if c.File == "-" {
		return &input{ReadCloser: io.NopCloser(&unpacker{in: p.stdin}), name: "stdin"}, nil
	}
	f, err := os.Open(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil, audit.Errorf(audit.CodeValidationError, "file %s: does not exist", c.File)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", c.File, err)
	}
	in := &input{ReadCloser: plain{&unpacker{in: f}, f}, name: c.File}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		f.Close()
		return nil, audit.Errorf(audit.CodeValidationError, "file %s: is a directory", c.File)
	}
	// A pipe has no place to which a repetition could come back.
	if err == nil && info.Mode().IsRegular() {
		head := make([]byte, 4)
		if n, _ := f.ReadAt(head, 0); !isPacked(head[:n]) { // else how much it will be is not known
			in.size = info.Size()
		}
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
		return c.vaultFormat(p.now)
	}
	return c.vaultFormat(nil)
}

// vaultFormat returns the format of a stream, whose requests wait for their
// answers by the clock, or, without one, of a file that is read after the fact.
func (c *ingestCommand) vaultFormat(now func() time.Time) *vaultFormat {
	return &vaultFormat{pairer: source.NewPairer(source.Options{Now: now, Wait: c.PairWait, Trusted: c.TrustedProxy})}
}

// ingestResult is what became of an input.
type ingestResult struct {
	Lines      int               `json:"lines"` // whose events were sent
	Accepted   int               `json:"accepted"`
	Duplicates int               `json:"duplicates"`
	Rejected   []audit.Rejection `json:"rejected"` // Line is of the input
}
