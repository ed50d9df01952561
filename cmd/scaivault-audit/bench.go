package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

type benchCommand struct {
	sampling
	Data    string        `placeholder:"DIR" help:"Keep the log there, else all is removed."`
	Tenants int           `default:"1" placeholder:"N" help:"Spread the events; the first tenant is asked."`
	Writers int           `default:"4" placeholder:"N" help:"Of durable appends, at once (default ${default})."`
	Batch   int           `default:"500" placeholder:"N" help:"Events of such an append (default ${default})."`
	Time    time.Duration `default:"1s" placeholder:"TIME" help:"For each question (default ${default})."`
	Exports bool          `help:"Also measure exports of the log, and what goes on beside one."`
	Cold    bool          `help:"Ask once more after dropping the files from the page cache (Linux)."`

	Only          []string `placeholder:"NAME" help:"Ask these questions only, by their names in --json; repeatable."`
	QuestionsOnly bool     `help:"Append nothing: ask what --data holds."`
	CPUProfile    string   `name:"cpu-profile" placeholder:"FILE" help:"Write a CPU profile, for go tool pprof."`
	JSON          bool     `help:"Print one JSON document."`
}

// Help is shown by bench --help.
func (benchCommand) Help() string {
	return `Makes sample events and measures, one after the other:

  append   small batches of several writers, each answered after its sync, and
           then what is still in memory is written into segments
  http     the same through the server and its client, all in this process
  load     lines in large batches, read and appended, as an import does it
  seal     what is in memory is written into segments
  open     the log is closed and opened again; what it takes of memory
  ask      a fixed set of questions about the 90 days before the newest event
  export   with --exports: the first tenant's log, proofs included, into a
           directory in four forms, and how fast a client is beside one

Making the events is not counted; what the log does meanwhile is. CPU is the
processor's time of the whole process, so on one core nothing is faster than
that. A question is repeated until --time is over, at least 3 and at most 1,000
times. Half of its answers came within P50, 99 of 100 within P99. Nothing else
should run beside it; the disk is that of --data or of TMPDIR. What is resident
after loading includes leftovers of it; --questions-only starts without them.

Examples:

    scaivault-audit bench
    scaivault-audit bench --events 10m --cardinality high --data /var/tmp/bench
    scaivault-audit bench --questions-only --cold --data /var/tmp/bench --json
    scaivault-audit bench --questions-only --exports --only newest_100 --data /var/tmp/bench`
}

// Run measures and prints what came out.
func (c *benchCommand) Run(p *process) (err error) {
	o, err := c.options(p.now())
	if err = errors.Join(err, c.check()); err != nil {
		return usageError{err}
	}
	dir, remove, err := c.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	stop, err := profile(c.CPUProfile)
	if err != nil {
		return err
	}
	b := &bench{p: p, command: c, options: o, dir: dir,
		logger: slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if err := errors.Join(b.run(), stop()); err != nil {
		return err
	}
	return b.report.print(p, c.JSON)
}

// check finds flags that cannot be right.
func (c *benchCommand) check() error {
	switch {
	case c.Tenants < 1 || c.Tenants > 10_000 || c.Tenants > int(c.Events):
		return errors.New("--tenants: want 1 to 10000, and not more than there are events")
	case c.Writers < 1 || c.Writers > 1000:
		return errors.New("--writers: want 1 to 1000")
	case c.Batch < 1 || c.Batch > audit.MaxBatch:
		return fmt.Errorf("--batch: want 1 to %d", audit.MaxBatch)
	case c.Time < 0:
		return errors.New("--time: want a positive one")
	case c.QuestionsOnly && c.Data == "":
		return errors.New("--questions-only: want the directory of --data")
	}
	return nil
}

// directory returns where to work, as an absolute path, and what to do at the
// end.
func (c *benchCommand) directory() (dir string, remove func() error, err error) {
	keep := func() error { return nil }
	if c.Data == "" {
		dir, err = os.MkdirTemp("", "scaivault-audit-bench-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if dir, err = filepath.Abs(c.Data); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case c.QuestionsOnly:
		if err == nil && len(entries) == 0 {
			err = errors.New("is empty")
		}
	case errors.Is(err, os.ErrNotExist):
		err = vfs.OS{}.MkdirAll(dir)
	case err == nil && len(entries) > 0:
		err = errors.New("is not empty; --questions-only asks what it holds")
	}
	if err != nil {
		return "", nil, audit.Errorf(audit.CodeValidationError, "--data %s: %w", c.Data, err)
	}
	return dir, keep, nil
}

// profile begins a CPU profile, if there is a file for it.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// bench is one run.
type bench struct {
	p       *process
	command *benchCommand
	options sample.Options
	dir     string
	logger  *slog.Logger
	report  benchReport
}

func (b *bench) run() error {
	b.report = benchReport{Machine: thisMachine(), Load: []loadRow{}}
	if !b.command.QuestionsOnly {
		for _, phase := range []func() error{b.append, b.appendOverHTTP, b.load} {
			if err := phase(); err != nil {
				return err
			}
		}
	}
	if err := b.measureDisk(); err != nil {
		return err
	}
	about, err := b.measureOpen()
	if err != nil {
		return err
	}
	if err := b.ask(about); err != nil {
		return err
	}
	if b.command.Cold {
		if err := b.askCold(about); err != nil {
			return err
		}
	}
	if b.command.Exports {
		return b.measureExports(about)
	}
	return nil
}

// logDir is where a server would have the log, so that one can be started
// over the directory.
func (b *bench) logDir() string { return filepath.Join(b.dir, "log") }

// open opens a log whose clock is that.
func (b *bench) open(dir string, clock func() time.Time) (*store.Store, error) {
	return store.Open(vfs.OS{}, dir, store.Options{Clock: clock, Logger: b.logger})
}
