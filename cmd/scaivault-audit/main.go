// Command scaivault-audit is an audit log for secrets managers: the server
// that keeps it, and the client that asks it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	takeBallast()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to finish; after it, another one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// cli is the command line. Each command has a file of its own.
type cli struct {
	Help helpFlag `short:"h" help:"Show help."`

	Logs        logsCommand        `cmd:"" group:"ask" help:"List events."`
	Tail        tailCommand        `cmd:"" group:"ask" help:"Show events as they arrive."`
	SecretTrail secretTrailCommand `cmd:"" group:"ask" help:"Show who touched one secret."`
	Identity    identityCommand    `cmd:"" group:"ask" help:"Show what one identity did."`
	Summary     summaryCommand     `cmd:"" group:"ask" help:"Count events."`

	FindLeak findLeakCommand `cmd:"" group:"ask" help:"Show who used a leaked token or value of Vault."`

	Export exportCommand `cmd:"" group:"ask" help:"Write events into a bucket or a directory."`
	Sink   sinkCommand   `cmd:"" group:"ask" help:"Send events on to SIEMs."`

	Verify     verifyCommand     `cmd:"" group:"prove" help:"Prove an export or a log to be whole and unaltered, offline."`
	Keys       keysCommand       `cmd:"" group:"prove" help:"Print or rotate the keys that sign logs."`
	Checkpoint checkpointCommand `cmd:"" group:"prove" help:"Print the signed checkpoint of a log, to keep it."`
	Witness    witnessCommand    `cmd:"" group:"prove" help:"Watch logs, and cosign what continues what was seen."`

	Serve serveCommand `cmd:"" group:"serve" envprefix:"SCAIVAULT_AUDIT_" help:"Run the server."`

	Original originalCommand `cmd:"" group:"admin" help:"Print a line of an audit device as it came."`

	Ingest ingestCommand `cmd:"" group:"write" help:"Append events to a server."`

	Token  tokenCommand  `cmd:"" group:"admin" help:"Make, show and revoke tokens."`
	Tenant tenantCommand `cmd:"" group:"admin" help:"Register and show tenants."`
	Secret secretCommand `cmd:"" group:"admin" help:"Keep credentials for exports."`

	Sample sampleCommand `cmd:"" group:"try" help:"Print sample events."`
	Bench  benchCommand  `cmd:"" group:"try" help:"Measure the program on this machine."`

	Version versionCommand `cmd:"" group:"other" help:"Show the version."`
}

const description = `An audit log for secrets managers. To try it: scaivault-audit serve --dev

Commands that ask a server find it by SCAIVAULT_URL and SCAIVAULT_TOKEN. They print tables on a terminal ` +
	`and JSON elsewhere.

Exit codes: 0 ok, 1 general, 2 authentication, 3 authorization, 4 not found, 5 validation;
of verify and witness 10 tampered, 11 unverifiable, 12 rolled back or forked, 13 incomplete.`

// run runs one command line and returns the exit code. Flags may come from the
// environment of the process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := newProcess(ctx, stdin, stdout, stderr)
	err := execute(p, args)
	if err != nil {
		fmt.Fprintf(stderr, "scaivault-audit: %s\n", explain(err))
	}
	return exitCode(err)
}

func execute(p *process, args []string) error {
	parser, err := kong.New(&cli{},
		kong.Name("scaivault-audit"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.NoDefaultHelp(),
		kong.Vars{"url": defaultURL},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "serve", Title: "Server"},
			{Key: "ask", Title: "Ask the log"},
			{Key: "write", Title: "Feed the log"},
			{Key: "prove", Title: "Prove the log"},
			{Key: "admin", Title: "Administer a data directory"},
			{Key: "try", Title: "Try and measure"},
			{Key: "other", Title: "Other"},
			{Key: "filter", Title: "Filters (all that are given must hold)"},
			{Key: "connection", Title: "Connection"},
		}),
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	command, err := parser.Parse(args)
	if errors.Is(err, errHelpShown) {
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	return command.Run(p)
}

// helpFlag shows help in place of the command. It takes part in parsing like
// every flag, so that nothing in the process needs to exit.
type helpFlag bool

var errHelpShown = errors.New("help was shown")

// BeforeReset is called by the parser when the flag was given, before it
// misses required arguments.
func (helpFlag) BeforeReset(c *kong.Context) error {
	if err := c.PrintUsage(false); err != nil {
		return err
	}
	return errHelpShown
}
