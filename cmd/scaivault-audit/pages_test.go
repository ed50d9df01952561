package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesInBrowser walks through the pages in a real browser, against the real
// program. What it needs is installed by .ci/parts. With SCAIVAULT_TEST_SHOTS it
// leaves a picture of each page in that directory.
func TestPagesInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser is slow")
	}
	modules, err := filepath.Abs("../../.parts/pages/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	node, chromium := browserPart(t, "node"), browserPart(t, "chromium")
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
		missingPart(t, "playwright-core")
	}
	exports := t.TempDir()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<img src=x onerror=window.pwned=1> is no index", http.StatusBadRequest)
	}))
	t.Cleanup(receiver.Close)
	address := freeAddress(t) // which the issuer must know before the server listens
	issuer := newIssuer(t)
	issuer.URL = strings.Replace(issuer.URL, "127.0.0.1", "localhost", 1) // another site, as for cookies
	issuer.letIn(t, "http://"+address+"/ui/signin/done", claims{"tenant_id": "tnt_dev"})
	p := serve(t, nil, "--listen", address, "--dev", "--export-dir", exports, "--sink-dir", t.TempDir(), "--allow-endpoint", receiver.Listener.Addr().String(),
		"--issuer", issuer.URL, "--audience", jwtAudience, "--oidc-client-id", "pages", "--public-url", "http://"+address)
	walk := exec.CommandContext(t.Context(), node, "testdata/pages/walk.mjs")
	walk.Env = append(os.Environ(), "BASE="+p.url, "TOKEN="+p.token, "EXPORTS="+exports, "REFUSES="+receiver.URL, "ISSUER="+issuer.URL,
		"CHROMIUM="+chromium, "MODULES="+modules+"/", "SHOTS="+os.Getenv("SCAIVAULT_TEST_SHOTS"))
	walk.Stdout, walk.Stderr = t.Output(), t.Output()
	if err := walk.Run(); err != nil {
		t.Error("walk through the pages:", err)
	}
	p.end(t)
}

// freeAddress returns a host and port of loopback at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// browserPart returns the path of a program that the test needs.
func browserPart(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missingPart(t, name)
	}
	return path
}

// missingPart skips a test that lacks something, loudly; where all parts are
// required it fails.
func missingPart(t *testing.T, name string) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("SCAIVAULT_TEST_REQUIRE_PARTS") == "1" {
		skip = t.Fatalf
	}
	skip("NOT TESTED: %s is not installed: run `.ci/parts`, or `make test`, which does", name)
}
