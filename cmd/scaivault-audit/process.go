package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// process is what a command may touch of the world around it.
type process struct {
	ctx            context.Context // ends with SIGINT and SIGTERM
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time

	width       int  // of the terminal behind stdout; 0 if there is none
	interactive bool // stderr is a terminal
}

func newProcess(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) *process {
	p := &process{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
	p.width = terminalWidth(stdout)
	p.interactive = terminalWidth(stderr) > 0
	return p
}

// terminalWidth returns the columns of the terminal behind w, or 0.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80 // a terminal that does not tell, as serial lines do not
}

// tables reports whether answers are printed for people.
func (p *process) tables(json bool) bool { return p.width > 0 && !json }

// printJSON prints a line of JSON.
func (p *process) printJSON(text []byte) error {
	_, err := p.stdout.Write(p.lineJSON(text))
	return err
}

// lineJSON returns JSON text as a line: byte for byte, except that a terminal
// shows escapes for what it would obey.
func (p *process) lineJSON(text []byte) []byte {
	text = bytes.TrimRight(text, "\n")
	if p.width > 0 {
		text = visibleJSON(text)
	}
	return append(text[:len(text):len(text)], '\n')
}
