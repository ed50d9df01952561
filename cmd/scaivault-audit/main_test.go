package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
)

// canonical is a line of a log, its identity hostile to terminals.
const canonical = `{"id":"log_a","timestamp":"2026-04-23T20:00:00.000001Z","action":"read",` +
	`"identity_type":"user","identity_id":"user:\u001b[2Ja","secret_path":"prod/db","source_ip":"10.0.1.50",` +
	`"user_agent":"","success":false,"duration_ms":12,"request_id":"","extra_data":{}}`

// result is what a command line leaves.
type result struct {
	Code           int
	Stdout, Stderr string
}

// start starts a server and points the environment at it.
func start(t *testing.T, h http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Setenv("SCAIVAULT_URL", server.URL)
	t.Setenv("SCAIVAULT_TOKEN", "skt_x")
	t.Setenv("SCAIVAULT_TENANT_ID", "")
}

func runLine(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// onTerminal runs a command line as on a terminal of that width.
func onTerminal(t *testing.T, width int, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := newProcess(t.Context(), strings.NewReader(""), &stdout, &stderr)
	p.width = width
	err := execute(p, args)
	if err != nil {
		t.Fatal(err)
	}
	var trimmed strings.Builder
	for line := range strings.Lines(stdout.String()) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return result{0, trimmed.String(), stderr.String()}
}

func check(t *testing.T, got, want result) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestExitCodes(t *testing.T) {
	for code, answers := range map[int][]struct {
		status int
		code   audit.Code
	}{
		exitGeneral: {{500, audit.CodeInternal}, {500, audit.CodeDataDamaged}, {413, audit.CodePayloadTooLarge},
			{503, audit.CodeQueryTimeout}, {418, "from_the_future"}},
		exitAuthentication: {{401, audit.CodeAuthenticationRequired}, {401, audit.CodeTokenExpired},
			{401, audit.CodeTokenInvalid}, {401, audit.CodeTokenRevoked}, {401, "from_the_future"}},
		exitAuthorization: {{403, audit.CodeInsufficientScope}, {403, audit.CodeTenantAccessDenied},
			{403, audit.CodeAccessDenied}, {403, "from_the_future"}},
		exitNotFound: {{404, audit.CodeNotFound}, {404, audit.CodeEventNotFound}, {404, "export_not_found"}},
		exitValidation: {{400, audit.CodeInvalidRequest}, {400, audit.CodeInvalidPath},
			{400, audit.CodeInvalidCursor}, {422, audit.CodeValidationError}, {422, "destination_unavailable"}},
	} {
		for _, a := range answers {
			start(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(a.status)
				fmt.Fprintf(w, `{"error":{"code":%q,"message":"what happened"}}`, a.code)
			})
			got := runLine(t, "", "logs")
			if got.Code != code || got.Stdout != "" ||
				!strings.HasPrefix(got.Stderr, "scaivault-audit: what happened") {
				t.Errorf("%d %s: %+v; want exit code %d", a.status, a.code, got, code)
			}
		}
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	got := runLine(t, "", "logs", "--url", "http://"+l.Addr().String())
	if got.Code != exitGeneral || !strings.Contains(got.Stderr, "unreachable") {
		t.Errorf("%+v; want exit code %d", got, exitGeneral)
	}
}

func TestInterrupted(t *testing.T) {
	start(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	code := run(ctx, []string{"logs"}, nil, io.Discard, &stderr)
	check(t, result{code, "", stderr.String()}, result{exitGeneral, "", "scaivault-audit: interrupted\n"})
}

// What cannot be right is refused before a server is asked.
func TestUsageErrors(t *testing.T) {
	start(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") })
	for _, args := range [][]string{
		{},
		{"nonsense"},
		{"logs", "--nonsense"},
		{"logs", "more"},
		{"logs", "--limit", "0"},
		{"logs", "--limit", "x"},
		{"logs", "--limit", "5", "--all"},
		{"logs", "--from", "yesterday"},
		{"logs", "--from", "-1h"},
		{"logs", "--from="},
		{"logs", "--action", "raed"},
		{"logs", "--action="},
		{"logs", "--identity-id="},
		{"logs", "--success", "maybe"},
		{"logs", "--path-prefix", "a//b"},
		{"logs", "--source-ip", "10.0.0"},
		{"logs", "--extra", "key"},
		{"logs", "--from-index", "5"},
		{"logs", "--url", "localhost"},
		{"logs", "--tenant", "a b"},
		{"tail", "--interval", "99ms"},
		{"tail", "--from-index", "281474976710656"},
		{"secret-trail"},
		{"secret-trail", "../x"},
		{"secret-trail", "a", "--limit", "1001"},
		{"identity", ""},
		{"summary", "--interval", "1s"},
		{"summary", "--top", "101"},
		{"ingest"},
		{"ingest", "--format", "csv", "-"},
		{"ingest", "no-such-file"},
		{"ingest", "."},
		{"token"},
		{"token", "create", "--data", "never"},
		{"token", "create", "--data", "never", "--tenant", "t", "--identity", "sa:x", "--scope="},
		{"token", "create", "--data", "never", "--tenant", "t", "--identity", "sa:x", "--scope", "audit:all"},
		{"token", "create", "--data", "never", "--tenant", "t", "--identity", "sa:x", "--scope", "audit:read",
			"--expires", "0d"},
		{"token", "create", "--data", "never", "--tenant", "t", "--identity", "sa:x", "--scope", "audit:read",
			"--path-prefix", "a//b"},
		{"token", "create", "--data", "never", "--tenant", "t/u", "--identity", "sa:x", "--scope", "audit:read"},
		{"tenant", "create", "--data", "never", "a b"},
		{"sample", "--events", "0"},
		{"sample", "--events", "1x"},
		{"sample", "--events", "1001g"},
		{"sample", "--end", "yesterday"},
		{"sample", "--period", "90"},
		{"sample", "--period", "30000d"},
		{"sample", "--cardinality", "low"},
		{"bench", "--tenants", "0"},
		{"bench", "--tenants", "10001"},
		{"bench", "--tenants", "6", "--events", "5"},
		{"bench", "--writers", "0"},
		{"bench", "--batch", "10001"},
		{"bench", "--questions-only"},
		{"bench", "--questions-only", "--data", "never"},
		{"bench", "--data", "testdata"},
	} {
		got := runLine(t, "", args...)
		if got.Code != exitValidation || got.Stdout != "" || got.Stderr == "" {
			t.Errorf("%q: %+v; want exit code %d", args, got, exitValidation)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{
		{"--help"}, {"-h"}, {"logs", "--help"}, {"tail", "--help"}, {"secret-trail", "--help"},
		{"identity", "--help"}, {"summary", "--help"}, {"ingest", "--help"}, {"version", "--help"},
		{"sample", "--help"}, {"bench", "--help"},
		{"token", "create", "--help"}, {"token", "list", "--help"}, {"token", "revoke", "--help"},
		{"tenant", "create", "--help"}, {"tenant", "list", "--help"},
		{"serve", "--help"}, {"token", "--help"}, {"tenant", "--help"},
	} {
		got := runLine(t, "", args...)
		if got.Code != exitOK || got.Stderr != "" || !strings.HasPrefix(got.Stdout, "Usage: scaivault-audit") {
			t.Errorf("%q: %+v", args, got)
		}
		command := strings.Join(args[:len(args)-1], " ")
		if command != "" && !strings.Contains(got.Stdout, "    scaivault-audit "+command) {
			t.Errorf("%q: shows no example", args)
		}
	}
}

func TestVersion(t *testing.T) {
	got := runLine(t, "", "version")
	if got.Code != exitOK || !strings.HasPrefix(got.Stdout, "scaivault-audit ") {
		t.Errorf("%+v", got)
	}
	got = runLine(t, "", "version", "--json")
	if got.Code != exitOK || !strings.HasPrefix(got.Stdout, `{"version":"`) {
		t.Errorf("%+v", got)
	}
}

func TestRelativeTimes(t *testing.T) {
	now := time.Date(2026, 4, 23, 20, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"30s": "2026-04-23T19:59:30.000000Z", "90m": "2026-04-23T18:30:00.000000Z",
		"24h": "2026-04-22T20:00:00.000000Z", "7d": "2026-04-16T20:00:00.000000Z",
		"1w": "2026-04-16T20:00:00.000000Z", "0s": "2026-04-23T20:00:00.000000Z",
		// Left as they are, to be refused by name.
		"h": "h", "": "", "-1h": "-1h", "+1h": "+1h", "1.5h": "1.5h", "1y": "1y", "30000d": "30000d",
		"2026-04-23": "2026-04-23",
	} {
		if got := absolute(&s, now); *got != want {
			t.Errorf("%q ago is %q; want %q", s, *got, want)
		}
	}
}
