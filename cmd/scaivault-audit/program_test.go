package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit/client"
)

// raceQuick ends a program that was built with the race detector at once; else
// it waits for a second.
const raceQuick = "atexit_sleep_ms=0"

// program is the real program as a server: a process of its own.
type program struct {
	command *exec.Cmd
	url     string
	token   string       // that --dev prints; else ""
	said    string       // until it was ready
	output  bytes.Buffer // of both kinds, to be read once drained is closed
	drained chan struct{}
}

// startProgram starts the server with an environment of its own and waits until
// it says where it listens.
func startProgram(env []string, args ...string) (*program, error) {
	return startCommand(env, append([]string{"serve"}, args...)...)
}

// startCommand is startProgram for any command that listens.
func startCommand(env []string, args ...string) (*program, error) {
	p := &program{command: exec.Command("scaivault-audit", args...)}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
		"GORACE=" + raceQuick}, env...)
	p.command.Stdout, p.command.Stderr = w, w
	err = p.command.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	p.drained = make(chan struct{})
	lines := bufio.NewReader(r)
	ready := p.awaitURL(lines)
	p.said = p.output.String()
	go func() {
		defer close(p.drained)
		io.Copy(&p.output, lines)
		r.Close()
	}()
	if !ready {
		<-p.drained
		return nil, fmt.Errorf("the program ended (%w) and said:\n%s", p.command.Wait(), p.output.String())
	}
	return p, nil
}

// awaitURL reads what the program says until that is all one needs to know.
func (p *program) awaitURL(r *bufio.Reader) bool {
	for {
		line, err := r.ReadString('\n')
		p.output.WriteString(line)
		var record struct{ Msg, URL string }
		switch after, dev := strings.CutPrefix(line, "token: "); {
		case err != nil:
			return false
		case dev:
			p.token = strings.TrimSpace(after)
			return true
		case json.Unmarshal([]byte(line), &record) == nil && record.Msg == "listening":
			p.url = record.URL
			return true
		}
		if _, after, ok := strings.Cut(line, " is listening on "); ok {
			p.url, _, _ = strings.Cut(after, " ")
		}
	}
}

// stop sends a signal, waits for the end and returns the exit code. A program
// that does not end within ten seconds is killed, which is an error.
func (p *program) stop(s os.Signal) (int, error) {
	if err := p.command.Process.Signal(s); err != nil {
		return 0, err
	}
	giveUp := time.AfterFunc(10*time.Second, func() { p.command.Process.Kill() })
	defer giveUp.Stop()
	<-p.drained
	err := p.command.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// serve starts the program for a test, at the end of which it is killed if it
// still runs.
func serve(t testing.TB, env []string, args ...string) *program {
	t.Helper()
	p, err := startProgram(env, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.command.ProcessState == nil {
			p.command.Process.Kill()
			<-p.drained
			p.command.Wait()
		}
	})
	return p
}

// end asks the program to end, which it does in order.
func (p *program) end(t testing.TB) {
	t.Helper()
	if code, err := p.stop(os.Interrupt); code != exitOK || err != nil {
		t.Fatalf("exit code %d, error %v; want %d; the program said:\n%s", code, err, exitOK, p.output.String())
	}
}

// client returns a client of the program that sends everything once.
func (p *program) client(t testing.TB, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: p.url, Token: token, MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
