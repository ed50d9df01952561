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

	FromIndex *uint64 `placeholder:"N" help:"Begin with the event of this index, not with the newest ten."`
	JSON      bool    `help:"Print canonical lines, as is done where no terminal is."`
	connection
}

const (
	// tailFirst is how many events tail begins with.
	tailFirst = 10
	// tailPause is how long a tail waits before it asks a server again.
	tailPause = time.Second
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
	filter, err := c.filter()
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	t := tail{p: p, api: api, json: !p.tables(c.JSON), filter: filter}
	if c.FromIndex != nil {
		t.next = *c.FromIndex
	} else if err := t.newest(); err != nil {
		return ended(p.ctx, err)
	}
	return ended(p.ctx, t.follow())
}

func (c *tailCommand) filter() (audit.Filter, error) {
	if c.FromIndex != nil && *c.FromIndex > audit.MaxIndex {
		return audit.Filter{}, audit.Errorf(audit.CodeValidationError, "--from-index %d: want at most %d",
			*c.FromIndex, uint64(audit.MaxIndex))
	}
	params := params{}
	params.set("identity_id", c.IdentityID)
	params.set("secret_path", c.SecretPath)
	params.filters(&c.filters)
	q, err := audit.ParseStreamQuery(audit.Params(params))
	return q.Filter, err
}

// ended returns err, unless it came of the interruption.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// tail follows a log in the order of indexes. next is the first index that was
// not shown yet.
type tail struct {
	p      *process
	api    *client.Client
	json   bool
	filter audit.Filter
	next   uint64
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
	page, err := t.api.Logs(t.p.ctx, audit.Query{Filter: t.filter, Limit: tailFirst, Proof: true})
	if err != nil {
		return err
	}
	t.next = s.AsOf
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
func (t *tail) follow() error {
	for away := false; ; {
		err := t.stream(func() {
			if away {
				fmt.Fprintln(t.p.stderr, "server is back")
			}
			away = false
		})
		if !passing(err) {
			return err
		}
		if !away {
			fmt.Fprintf(t.p.stderr, "waiting for the server: %s\n", explain(err))
		}
		away = true
		select {
		case <-time.After(tailPause):
		case <-t.p.ctx.Done():
			return nil
		}
	}
}

// stream shows every event from next on until the stream ends, which it does
// with an error. opened is called when the server has agreed.
func (t *tail) stream(opened func()) error {
	s, err := t.api.Stream(t.p.ctx, audit.StreamQuery{Filter: t.filter, FromIndex: &t.next, Proof: true})
	if err != nil {
		return err
	}
	defer s.Close()
	opened()
	for e, err := range s.Entries() {
		if err != nil {
			return err
		}
		if e.Index == nil {
			return errors.New("server answers no index of events; it cannot be followed")
		}
		if err := t.show(&e); err != nil {
			return err
		}
		t.next = *e.Index + 1
	}
	return nil
}

// passing reports whether waiting may help: there is no server, or it has no
// time for us.
func passing(err error) bool {
	switch audit.ErrorCode(err) {
	case audit.CodeUnavailable, audit.CodeQueryTimeout, audit.CodeRateLimited:
		return true
	}
	var resp *client.Response
	return errors.Is(err, client.ErrUnreachable) ||
		errors.As(err, &resp) && resp.Status >= http.StatusInternalServerError
}

func (t *tail) show(e *client.Entry) error {
	if t.json {
		return t.p.printJSON(e.AppendLine(nil))
	}
	return t.p.printEntry(e)
}
