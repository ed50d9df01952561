package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	// followPoll is how often a file is looked at that does not grow.
	followPoll = 250 * time.Millisecond
	// followRetry is how long one waits for a server that takes nothing, at most.
	followRetry = 30 * time.Second
)

// follow appends the lines of a file until the process is asked to end.
func (c *ingestCommand) follow(p *process, api *client.Client) error {
	if c.File == "-" {
		return usageError{errors.New("--follow: want a file, not standard input")}
	}
	path, err := filepath.Abs(c.File)
	if err != nil {
		return err
	}
	state := c.State
	if state == "" {
		state = path + stateSuffix
	}
	lock, err := vfs.OS{}.Lock(state + lockSuffix)
	if err != nil {
		return fmt.Errorf("state %s: %w", state, err)
	}
	defer lock.Close()
	f := &follower{path: path, stateName: state, exact: c.Format == "scaivault", now: p.now}
	f.tell = func(text string) { fmt.Fprintf(p.stderr, "%s: %s\n", visible(c.File), visible(text)) }
	f.send = f.untilTaken(p.ctx, api)
	f.format = plainFormat{}
	if !f.exact {
		f.format = c.vaultFormat(p.now)
	}
	if err := f.open(); err != nil {
		return fmt.Errorf("follow %s: %w", c.File, err)
	}
	if err := f.run(p.ctx); err != nil && p.ctx.Err() == nil {
		return fmt.Errorf("follow %s: %w", c.File, err)
	}
	return nil
}

// run follows the file until ctx ends.
func (f *follower) run(ctx context.Context) error {
	for ctx.Err() == nil {
		idle, err := f.step()
		if err != nil {
			return err
		}
		if idle {
			sleep(ctx, followPoll)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// untilTaken returns what sends a batch until the server takes it. What another
// attempt cannot mend, as a token that is not good, ends the program: whoever
// watches it sees that.
func (f *follower) untilTaken(ctx context.Context, api *client.Client) func([]byte, string) (audit.Receipt, error) {
	return func(body []byte, key string) (audit.Receipt, error) {
		told := false
		for wait := time.Second; ; wait = min(2*wait, followRetry) {
			receipt, err := api.AppendLines(ctx, body, client.AppendOptions{Partial: true, Key: key})
			if err == nil {
				if told {
					f.tell("the server takes events again")
				}
				return receipt, nil
			}
			if ctx.Err() != nil || !passing(err) {
				return receipt, err
			}
			if !told {
				f.tell("waiting for the server: " + err.Error())
				told = true
			}
			sleep(ctx, wait)
		}
	}
}
