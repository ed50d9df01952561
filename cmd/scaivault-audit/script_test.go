package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"scaivault-audit": main})
}

// TestScripts runs sessions of the program as people have them, against a
// server of its own each. These commands are added to those of testscript:
//
//	serve [FLAG...]      starts a development server over $WORK/data and points
//	                     SCAIVAULT_URL and SCAIVAULT_TOKEN at it
//	end                  ends the server, in order (stop would end the script)
//	witness [FLAG...]    starts a witness over $WORK/witness and points WITNESS_URL and
//	                     WITNESS_KEY at it
//	use FILE             takes SCAIVAULT_TOKEN from a file, once the server knows it
//	exits CODE PROGRAM [ARG...]
//	                     runs a program that must end with that exit code
//	soon CODE PROGRAM [ARG...]
//	                     runs it again and again, for as long as the contract
//	                     gives a server to learn of tokens
//
// VAULT_LOG is a file with the lines of a real Vault.
func TestScripts(t *testing.T) {
	vaultLog, err := filepath.Abs("../../testdata/vault/audit.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = new(*program)
			env.Setenv("VAULT_LOG", vaultLog)
			env.Setenv("GORACE", raceQuick)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":   serveScript,
			"end":     endScript,
			"witness": witnessScript,
			"use":     useScript,
			"exits":   exitsScript,
			"soon":    soonScript,
		},
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(10 * time.Minute), // for a server that starts and should not
	})
}

// tokenDelay is how long a server may take to learn of a token, or of its end.
const tokenDelay = 3 * time.Second

// serverKey is the key of a script's server, a **program.
type serverKey struct{}

func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve: does not support !")
	}
	p, err := startProgram(nil, append([]string{"--dev", "--no-sample", "--listen", "127.0.0.1:0",
		"--data", ts.MkAbs("data")}, args...)...)
	ts.Check(err)
	*ts.Value(serverKey{}).(**program) = p
	ts.Defer(func() {
		if p.command.ProcessState == nil {
			endScript(ts, false, nil)
		}
	})
	ts.Setenv("SCAIVAULT_URL", p.url)
	ts.Setenv("SCAIVAULT_TOKEN", p.token)
}

func endScript(ts *testscript.TestScript, neg bool, args []string) {
	p := *ts.Value(serverKey{}).(**program)
	if neg || len(args) > 0 || p == nil {
		ts.Fatalf("usage: end, after serve")
	}
	if code, err := p.stop(os.Interrupt); code != exitOK || err != nil {
		ts.Fatalf("exit code %d, error %v; the server said:\n%s", code, err, p.output.String())
	}
}

func witnessScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("witness: does not support !")
	}
	p, err := startCommand(nil, append([]string{"witness", "--state", ts.MkAbs("witness"),
		"--listen", "127.0.0.1:0"}, args...)...)
	ts.Check(err)
	key, _, _ := strings.Cut(p.said, "\n")
	ts.Setenv("WITNESS_URL", p.url)
	ts.Setenv("WITNESS_KEY", key)
	ts.Defer(func() {
		if code, err := p.stop(os.Interrupt); code != exitOK || err != nil {
			ts.Fatalf("witness: exit code %d, error %v; it said:\n%s", code, err, p.output.String())
		}
	})
}

func useScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: use FILE")
	}
	token := strings.TrimSpace(ts.ReadFile(args[0]))
	api, err := client.New(client.Config{URL: ts.Getenv("SCAIVAULT_URL"), Token: token})
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), tokenDelay)
	defer cancel()
	for {
		_, err := api.Whoami(ctx)
		if err == nil {
			ts.Setenv("SCAIVAULT_TOKEN", token)
			return
		}
		if audit.ErrorCode(err) != audit.CodeTokenInvalid {
			ts.Fatalf("use: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func exitsScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	if code := exitCodeOf(ts, args[1:]); code != args[0] {
		ts.Fatalf("exit code %s; want %s", code, args[0])
	}
}

func soonScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: soon CODE PROGRAM [ARG...]")
	}
	for begun := time.Now(); exitCodeOf(ts, args[1:]) != args[0]; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > tokenDelay {
			ts.Fatalf("no exit code %s within %s", args[0], tokenDelay)
		}
	}
}

// exitCodeOf runs a command and returns its exit code.
func exitCodeOf(ts *testscript.TestScript, command []string) string {
	err := ts.Exec(command[0], command[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprint(exit.ExitCode())
	}
	ts.Check(err)
	return "0"
}
