package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

type tailCommand struct {
	ofIdentity
	ofSecret
	filters

	FromIndex *uint64       `placeholder:"N" help:"Begin with the event of this index, not with the newest ten."`
	Interval  time.Duration `default:"1s" placeholder:"TIME" help:"How often to ask (default ${default})."`
	JSON      bool          `help:"Print canonical lines, as is done where no terminal is."`
	connection
}

const (
	// tailFirst is how many events tail begins with.
	tailFirst = 10
	// tailShortest keeps a tail below the server's limit of queries.
	tailShortest = 100 * time.Millisecond
)

// Help is shown by tail --help.
func (tailCommand) Help() string {
	return `Events are shown in the order in which the log took them, so that one that
arrives late, with an older time, is not missed. The command ends when it is
interrupted; while the server is away it waits.

Examples:

    scaivault-audit tail --success false
    scaivault-audit tail --path-prefix prod --not-identity-id sa:backup
    scaivault-audit tail --from-index 0 --json | other-program`
}

// Run shows events until the process is interrupted, which is no error.
func (c *tailCommand) Run(p *process) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	t := tail{p: p, api: api, json: !p.tables(c.JSON), query: q}
	if c.FromIndex != nil {
		t.query.FromIndex = *c.FromIndex
	} else if err := t.newest(); err != nil {
		return ended(p.ctx, err)
	}
	return ended(p.ctx, t.follow(c.Interval))
}

func (c *tailCommand) query() (audit.Query, error) {
	if c.Interval < tailShortest {
		return audit.Query{}, audit.Errorf(audit.CodeValidationError, "--interval %s: want at least %s",
			c.Interval, tailShortest)
	}
	if c.FromIndex != nil && *c.FromIndex > audit.MaxIndex {
		return audit.Query{}, audit.Errorf(audit.CodeValidationError, "--from-index %d: want at most %d",
			*c.FromIndex, uint64(audit.MaxIndex))
	}
	params := params{"order": string(audit.OrderIndex), "include": "proof"}
	params.set("identity_id", c.IdentityID)
	params.set("secret_path", c.SecretPath)
	params.filters(&c.filters)
	return audit.ParseQuery(audit.Params(params))
}

// ended returns err, unless it came of the interruption.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// tail walks a log in the order of indexes. query.FromIndex is the first index
// that was not shown yet.
type tail struct {
	p     *process
	api   *client.Client
	json  bool
	query audit.Query
}

// newest shows the newest events and leaves the tail behind them. The log's
// size comes first: what is appended while the newest are fetched has a larger
// index, and is left to the tail.
func (t *tail) newest() error {
	to := audit.Time(1) // an empty range: the size is all that is asked for
	from := audit.Time(0)
	s, err := t.api.Summary(t.p.ctx, audit.SummaryQuery{Filter: audit.Filter{From: &from, To: &to}})
	if err != nil {
		return err
	}
	q := t.query
	q.Order, q.Limit = audit.OrderDesc, tailFirst
	page, err := t.api.Logs(t.p.ctx, q)
	if err != nil {
		return err
	}
	t.query.FromIndex = s.AsOf
	for _, e := range slices.Backward(page.Logs) {
		if e.Index != nil && *e.Index >= s.AsOf {
			continue
		}
		if err := t.show(&e); err != nil {
			return err
		}
	}
	return nil
}

// follow shows what comes, and waits for a server that is away.
func (t *tail) follow(interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	away := false
	for {
		err := t.poll()
		switch {
		case err == nil && away:
			fmt.Fprintln(t.p.stderr, "server is back")
		case err != nil && !passing(err):
			return err
		case err != nil && !away:
			fmt.Fprintf(t.p.stderr, "waiting for the server: %s\n", explain(err))
		}
		away = err != nil
		select {
		case <-tick.C:
		case <-t.p.ctx.Done():
			return nil
		}
	}
}

// poll shows every event from query.FromIndex on.
func (t *tail) poll() error {
	for e, err := range t.api.AllLogs(t.p.ctx, t.query) {
		if err != nil {
			return err
		}
		if e.Index == nil {
			return errors.New("server answers no index of events; it cannot be followed")
		}
		if err := t.show(&e); err != nil {
			return err
		}
		t.query.FromIndex = *e.Index + 1
	}
	return nil
}

// passing reports whether waiting may help: there is no server, or it has no
// time for us.
func passing(err error) bool {
	var resp *client.Response
	return errors.Is(err, client.ErrUnreachable) || errors.As(err, &resp) &&
		(resp.Status >= http.StatusInternalServerError || resp.Status == http.StatusTooManyRequests)
}

func (t *tail) show(e *client.Entry) error {
	if t.json {
		return t.p.printJSON(e.AppendLine(nil))
	}
	return t.p.printEntry(e)
}
