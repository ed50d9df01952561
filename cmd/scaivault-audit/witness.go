package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

type witnessCommand struct {
	State  string        `required:"" placeholder:"DIR" env:"SCAIVAULT_AUDIT_WITNESS_STATE" help:"Directory with what was seen, and the key; made if there is none."`
	Name   string        `placeholder:"NAME" help:"Name in cosignatures, as witness.example.com/w1; it stays what it was."`
	Listen string        `placeholder:"HOST:PORT" help:"Take checkpoints here from servers (serve --witness), and show what was seen."`
	Every  time.Duration `default:"1m" placeholder:"TIME" help:"How often logs are asked that are followed (default ${default})."`
	Once   bool          `help:"Ask the logs that are followed once, and end; for cron."`
	JSON   bool          `help:"With --once: print JSON, as is done where no terminal is."`

	Key    []string `placeholder:"FILE|VKEY" help:"Keys of the logs that are known, as scaivault-audit keys prints them; repeatable."`
	Log    string   `placeholder:"URL" help:"Follow the log of this server, with the token's tenant."`
	Token  string   `env:"SCAIVAULT_TOKEN" placeholder:"TOKEN" help:"Who asks there, with audit:read; others can see flags."`
	Tenant string   `env:"SCAIVAULT_TENANT_ID" placeholder:"ID" help:"Tenant, if not the token's own."`
	Logs   string   `placeholder:"FILE" help:"YAML file with more logs to know or follow."`
}

// Help is shown by witness --help.
func (witnessCommand) Help() string {
	return `Remembers the largest checkpoint of each log, and cosigns those that continue it. A
log that was rolled back or forked is refused, told of, and its checkpoint kept
as proof. Run it where the operators of the logs cannot write. At the start it
prints its key, for serve --witness-key and verify --witness-key.

Logs are followed (asked, with a token), or send their checkpoints by themselves
(serve --witness), which takes no token. Examples:

    # from cron: the exit code is 12 after a rollback or a fork
    scaivault-audit witness --state ./seen --name auditor.example.com --once \
        --log https://audit.example.com --key audit.keys

    # for servers that send
    scaivault-audit witness --state /var/lib/witness --name witness.example.com/w1 \
        --key audit.keys --listen 0.0.0.0:8481

    # several logs: logs.yaml
    - keys: acme.keys                      # known; it sends
    - keys: beta.keys                      # followed
      url: https://audit.example.com
      token_file: /etc/witness/beta.token
      tenant: beta
    scaivault-audit witness --state /var/lib/witness --logs logs.yaml --listen 127.0.0.1:8481`
}

// Run witnesses until the process is asked to end.
func (c *witnessCommand) Run(p *process) (err error) {
	logs, followed, err := c.logs()
	if err == nil {
		err = c.check(logs, followed)
	}
	if err != nil {
		return usageError{err}
	}
	w, err := proof.OpenWitness(vfs.OS{}, c.State, proof.WitnessOptions{Name: c.Name, Clock: p.now, Logs: logs})
	if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("--state %s: another witness has it open: %w", c.State, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if c.Once {
		return c.once(p, w, followed)
	}
	fmt.Fprintf(p.stdout, "%s\n", w.Key())
	logger := slog.New(slog.NewJSONHandler(p.stderr, nil))
	group, ctx := errgroup.WithContext(p.ctx)
	if c.Listen != "" {
		listener, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return err
		}
		logger.Info("listening", "url", "http://"+listener.Addr().String())
		serveWitness(ctx, group, listener, &witnessServer{witness: w, logger: logger, origins: originsOf(logs)})
	}
	alarms := false
	group.Go(func() error { alarms = c.follow(ctx, w, followed, logger); return nil })
	err = group.Wait()
	if err == nil && alarms {
		err = verdictError{proof.Report{Verdict: proof.Forked, Fault: &proof.Fault{
			Message: "a log was rolled back or forked while it was followed"}}}
	}
	return err
}

// check finds settings that do not go together.
func (c *witnessCommand) check(logs map[string]note.Verifiers, followed []*followedLog) error {
	switch {
	case len(logs) == 0:
		return errors.New("--key: want the keys of a log")
	case c.Once && c.Listen != "":
		return errors.New("--once, --listen: want at most one")
	case c.Once && len(followed) == 0:
		return errors.New("--once: want a log to ask, by --log or a url in --logs")
	case !c.Once && c.Listen == "" && len(followed) == 0:
		return errors.New("want --listen, or a log to follow, by --log or a url in --logs")
	case c.Every < time.Second:
		return errors.New("--every: want at least 1s")
	}
	if _, err := os.Stat(filepath.Join(c.State, "witness.key")); err != nil && c.Name == "" {
		return fmt.Errorf("--name: want the name of the witness, which begins in %s", c.State)
	}
	return nil
}

// once asks each log once and prints what was seen. The first log that went back
// decides the exit code, else the first that could not be verified or asked.
func (c *witnessCommand) once(p *process, w *proof.Witness, logs []*followedLog) error {
	var worst error
	for _, f := range logs {
		s, err := f.ask(p.ctx, w)
		if err != nil {
			err = fmt.Errorf("%s: %w", f.name, err)
			fmt.Fprintf(p.stderr, "scaivault-audit: %s\n", explain(err))
		} else {
			if err := s.print(p, c.JSON); err != nil {
				return err
			}
			if s.Verdict != proof.OK {
				err = verdictError{proof.Report{Verdict: s.Verdict, Fault: &proof.Fault{File: s.Origin, Message: s.Message}}}
			}
		}
		if worst == nil || isAlarm(err) && !isAlarm(worst) {
			worst = err
		}
	}
	return worst
}

// isAlarm reports whether an error is a rollback or a fork.
func isAlarm(err error) bool {
	var v verdictError
	return errors.As(err, &v) && (v.Verdict == proof.RolledBack || v.Verdict == proof.Forked)
}

func (s seen) print(p *process, json bool) error {
	if !p.tables(json) {
		return p.printValue(s)
	}
	line := fmt.Sprintf("%s  %s, %s", strings.ToUpper(string(s.Verdict)), visible(s.Origin),
		plural(s.Size, "event", "events"))
	if s.Message != "" {
		line += "\n  " + visible(s.Message)
	} else if s.Had > 0 {
		line += fmt.Sprintf(", continues the %d seen before", s.Had)
	}
	_, err := fmt.Fprintln(p.stdout, line)
	return err
}
