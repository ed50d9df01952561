package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/vbauerster/mpb/v8/decor"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

type exportListCommand struct {
	Status string `placeholder:"STATUS" help:"pending, running, paused, completed, failed or cancelled."`
	Limit  *int   `placeholder:"N" xor:"limit" help:"How many exports at most (default 100)."`
	All    bool   `xor:"limit" help:"Every export."`
	JSON   bool   `help:"Print a line of JSON per export, as is done where no terminal is."`
	connection
}

// Help is shown by export list --help.
func (exportListCommand) Help() string {
	return `Examples:

    scaivault-audit export list
    scaivault-audit export list --status running --json`
}

// Run lists exports.
func (c *exportListCommand) Run(p *process) error {
	limit := audit.DefaultLimit
	switch {
	case c.All:
		limit = math.MaxInt
	case c.Limit != nil && *c.Limit < 1:
		return audit.Errorf(audit.CodeValidationError, "--limit %d: want at least 1", *c.Limit)
	case c.Limit != nil:
		limit = *c.Limit
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	q := audit.ExportQuery{Status: audit.ExportStatus(c.Status), Limit: min(limit, audit.MaxLimit)}
	var exports []audit.Export
	for e, err := range api.AllExports(p.ctx, q) {
		if err != nil {
			return err
		}
		if exports = append(exports, e); len(exports) == limit {
			break
		}
	}
	if p.tables(c.JSON) {
		return p.printExports(exports)
	}
	for i := range exports {
		if err := p.printValue(&exports[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) printExports(exports []audit.Export) error {
	if len(exports) == 0 {
		_, err := fmt.Fprintln(p.stdout, "No exports.")
		return err
	}
	rows := make([][]string, len(exports))
	for i := range exports {
		e := &exports[i]
		rows[i] = []string{string(e.ID), showStatus(e), showTime(e.CreatedAt),
			strconv.FormatUint(e.RecordCount, 10), showSize(e.SizeBytes), showDestination(e.Destination), visible(string(e.CreatedBy))}
	}
	return p.printTable(listing{
		headers: []string{"EXPORT", "STATUS", "CREATED", "EVENTS", "SIZE", "DESTINATION", "BY"},
		rows:    rows, rigid: 3, spare: 1,
		failed: func(row int) bool { return exports[row].Error != nil },
	})
}

// showStatus returns the status, with how far it is while it runs.
func showStatus(e *audit.Export) string {
	if e.Status == audit.ExportRunning {
		return fmt.Sprintf("%s %d%%", e.Status, int(100*e.Progress))
	}
	return visible(string(e.Status))
}

func showSize(n int64) string { return fmt.Sprintf("% .1f", decor.SizeB1024(n)) }

type exportGetCommand struct {
	exportID
	JSON bool `help:"Print the export as JSON, as is done where no terminal is."`
	connection
}

// exportID is the export that a command is about.
type exportID struct {
	ID string `arg:"" help:"Id of the export, exp_..."`
}

// Run shows an export.
func (c *exportGetCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	e, err := api.Export(p.ctx, audit.ExportID(c.ID))
	if err != nil {
		return err
	}
	return p.printExport(&e, c.JSON)
}

// printExport prints an export with its files.
func (p *process) printExport(e *audit.Export, asJSON bool) error {
	if !p.tables(asJSON) {
		return p.printValue(e)
	}
	fmt.Fprintf(p.stdout, "%s  %s\n", e.ID, showStatus(e))
	p.detail("to", showDestination(e.Destination))
	p.detail("events", fmt.Sprintf("%d of %d, of a log of %d", e.RecordCount, e.EstimatedRecords, e.AsOf))
	p.detail("size", showSize(e.SizeBytes)+" in "+plural(len(e.Files), "file", "files"))
	p.detail("created", showTime(e.CreatedAt)+" by "+visible(string(e.CreatedBy)))
	if e.CompletedAt != nil {
		p.detail("ended", showTime(*e.CompletedAt))
	}
	if e.Error != nil {
		p.detail("error", visible(e.Error.Message))
	}
	for _, f := range e.Files {
		p.detail("file", visible(f.Key)+"  "+plural(f.RecordCount, "event", "events")+"  sha256 "+visible(f.SHA256))
	}
	if e.ManifestKey != nil {
		p.detail("manifest", visible(*e.ManifestKey))
	}
	return nil
}

func (p *process) detail(name, value string) { fmt.Fprintf(p.stdout, "  %-9s %s\n", name, value) }

type exportWaitCommand struct {
	exportID
	JSON bool `help:"Print the export as JSON, as is done where no terminal is."`
	connection
}

// Help is shown by export wait --help.
func (exportWaitCommand) Help() string {
	return `Ends when the export does: with 0 if it is completed, with 1 if it failed, was
cancelled or is paused. Ctrl-C ends the waiting, not the export.

Examples:

    scaivault-audit export wait exp_01K0...
    scaivault-audit export wait exp_01K0... --json > export.json && ./archive export.json`
}

// Run waits for an export.
func (c *exportWaitCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	return waitExport(p, api, audit.ExportID(c.ID), c.JSON)
}

// waitExport shows how an export goes until it goes no further, then prints it.
func waitExport(p *process, api *client.Client, id audit.ExportID, asJSON bool) error {
	var last audit.Export
	var bar *progress
	for e, err := range api.WatchExport(p.ctx, id) {
		if err != nil {
			bar.end()
			return err
		}
		if bar == nil {
			bar = newProgress(p, "export", int64(e.EstimatedRecords), eventsUnit())
		}
		bar.reach(int64(e.RecordCount))
		last = e
	}
	bar.end()
	if err := p.printExport(&last, asJSON); err != nil {
		return err
	}
	if last.Status != audit.ExportCompleted {
		return exportError{&last}
	}
	return nil
}

// exportError says that an export is not completed and does not go on.
type exportError struct{ e *audit.Export }

func (e exportError) ExitCode() int { return exitGeneral }

func (e exportError) Error() string {
	verb := map[audit.ExportStatus]string{audit.ExportPaused: "is ", audit.ExportCancelled: "was "}[e.e.Status]
	text := fmt.Sprintf("export %s %s%s", e.e.ID, verb, e.e.Status)
	if e.e.Error != nil {
		text += ": " + e.e.Error.Message
	}
	if e.e.Status == audit.ExportPaused {
		text += fmt.Sprintf(" (scaivault-audit export resume %s)", e.e.ID)
	}
	return text
}

type exportCancelCommand struct {
	exportID
	JSON bool `help:"Print the export as JSON, as is done where no terminal is."`
	connection
}

// Help is shown by export cancel --help.
func (exportCancelCommand) Help() string {
	return `Files that are finished stay in the bucket; there is no manifest.`
}

// Run cancels an export.
func (c *exportCancelCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	e, err := api.CancelExport(p.ctx, audit.ExportID(c.ID))
	if err != nil {
		return err
	}
	return p.printExport(&e, c.JSON)
}

type exportResumeCommand struct {
	exportID
	JSON bool `help:"Print the export as JSON, as is done where no terminal is."`
	connection
}

// Help is shown by export resume --help.
func (exportResumeCommand) Help() string {
	return `An export is paused when the server started anew and may not read the credentials
by itself. They are read with your token.`
}

// Run resumes an export.
func (c *exportResumeCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	e, err := api.ResumeExport(p.ctx, audit.ExportID(c.ID))
	if err != nil {
		return err
	}
	return p.printExport(&e, c.JSON)
}
