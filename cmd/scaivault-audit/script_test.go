package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
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
// server of its own each. Three commands are added to those of testscript:
//
//	serve [FLAG...]      starts a development server over $WORK/data and points
//	                     SCAIVAULT_URL and SCAIVAULT_TOKEN at it
//	use FILE             takes SCAIVAULT_TOKEN from a file, once the server knows it
//	exits CODE PROGRAM [ARG...]
//	                     runs a program that must end with that exit code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve": serveScript,
			"exits": exitsScript,
			"use":   useScript,
		},
		RequireExplicitExec: true,
	})
}

func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve: does not support !")
	}
	ctx, cancel := context.WithCancel(context.Background())
	stdout, w := io.Pipe()
	done := make(chan int, 1)
	var stderr strings.Builder
	go func() {
		line := append([]string{"serve", "--dev", "--no-sample", "--listen", "127.0.0.1:0",
			"--data", ts.MkAbs("data")}, args...)
		code := run(ctx, line, strings.NewReader(""), w, &stderr)
		w.Close()
		done <- code
	}()
	url, token, err := readHints(stdout)
	ts.Defer(func() {
		cancel()
		if code := <-done; code != exitOK {
			ts.Logf("serve: exit code %d\n%s", code, stderr.String())
		}
	})
	if err != nil {
		ts.Fatalf("serve: %v", err)
	}
	ts.Setenv("SCAIVAULT_URL", url)
	ts.Setenv("SCAIVAULT_TOKEN", token)
}

// readHints reads where the server listens and the token from what it prints,
// and leaves the rest to be read by nobody.
func readHints(stdout io.Reader) (url, token string, err error) {
	scanner := bufio.NewScanner(stdout)
	for token == "" && scanner.Scan() {
		if after, ok := strings.CutPrefix(scanner.Text(), "token: "); ok {
			token = after
		}
		if _, after, ok := strings.Cut(scanner.Text(), " is listening on "); ok {
			url, _, _ = strings.Cut(after, " ")
		}
	}
	go io.Copy(io.Discard, stdout)
	if url == "" || token == "" {
		return "", "", fmt.Errorf("printed URL %q and token %q", url, token)
	}
	return url, token, scanner.Err()
}

func useScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: use FILE")
	}
	token := strings.TrimSpace(ts.ReadFile(args[0]))
	api, err := client.New(client.Config{URL: ts.Getenv("SCAIVAULT_URL"), Token: token})
	ts.Check(err)
	// The contract gives the server three seconds to learn of a token.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
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
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code, err = exit.ExitCode(), nil
	}
	if err != nil || fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, error %v; want %s", code, err, args[0])
	}
}
