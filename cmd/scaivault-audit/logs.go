package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

type logsCommand struct {
	period
	ofIdentity
	ofSecret
	filters

	Order     *string `placeholder:"ORDER" help:"desc (newest first, the default), asc, or index (as appended)."`
	FromIndex *string `placeholder:"N" help:"With --order index: the first index."`
	Limit     *int    `placeholder:"N" xor:"limit" help:"How many events at most (default 100)."`
	All       bool    `xor:"limit" help:"Every event, however many."`
	Proof     bool    `help:"With --json: add index and received_at."`
	JSON      bool    `help:"Print canonical lines, as is done where no terminal is."`
	connection
}

// Help is shown by logs --help.
func (logsCommand) Help() string {
	return `Examples:

    # failed reads of the last day below prod/
    scaivault-audit logs --from 24h --action read --success false --path-prefix prod

    # everything that one address did, but for listing, oldest first
    scaivault-audit logs --source-ip 203.0.113.7 --not-action list --order asc --all

    # one day for another program
    scaivault-audit logs --from 2026-04-23 --to 2026-04-24 --all --json > day.jsonl`
}

// Run lists events.
func (c *logsCommand) Run(p *process) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	q, err := c.query(p, limit)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	if !p.tables(c.JSON) {
		return printLines(p, api, q, limit)
	}
	entries, more, err := collect(p, api, q, limit)
	if err != nil && len(entries) == 0 {
		return err
	}
	if err := p.printEntries(entries); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(p.stderr, "%s shown; there are more (--limit, --all)\n",
			plural(len(entries), "event", "events"))
	}
	return err
}

// collect returns at most limit events, and whether there are more.
func collect(p *process, api *client.Client, q audit.Query, limit int) ([]client.Entry, bool, error) {
	var entries []client.Entry
	for e, err := range api.AllLogs(p.ctx, q) {
		if err != nil {
			return entries, false, err
		}
		if len(entries) == limit {
			return entries, true, nil
		}
		entries = append(entries, e)
	}
	return entries, false, nil
}

// printLines prints at most limit events as they come, a line each.
func printLines(p *process, api *client.Client, q audit.Query, limit int) error {
	out := bufio.NewWriter(p.stdout)
	n := 0
	for e, err := range api.AllLogs(p.ctx, q) {
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
		if _, err := out.Write(p.lineJSON(e.AppendJSON(nil))); err != nil {
			return fmt.Errorf("print events: %w", err)
		}
		if n++; n == limit {
			break
		}
	}
	return out.Flush()
}

// limit returns how many events are shown at most.
func (c *logsCommand) limit() (int, error) {
	switch {
	case c.All:
		return math.MaxInt, nil
	case c.Limit == nil:
		return audit.DefaultLimit, nil
	case *c.Limit < 1:
		return 0, audit.Errorf(audit.CodeValidationError, "--limit %d: want at least 1", *c.Limit)
	}
	return *c.Limit, nil
}

func (c *logsCommand) query(p *process, limit int) (audit.Query, error) {
	params := params{}
	params.period(&c.period, p.now())
	params.set("identity_id", c.IdentityID)
	params.set("secret_path", c.SecretPath)
	params.filters(&c.filters)
	params.set("order", c.Order)
	params.set("from_index", c.FromIndex)
	q, err := audit.ParseQuery(audit.Params(params))
	// One more than is shown tells whether there are more.
	q.Limit, q.Proof = min(limit, audit.MaxLimit-1)+1, c.Proof
	return q, err
}
