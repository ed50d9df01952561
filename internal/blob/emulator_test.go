package blob_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// emulator is a server that speaks the protocol of a store, on this machine,
// behind a proxy. It runs until the tests of the package end.
type emulator struct {
	program string
	args    func(addr, dir, publicURL string) []string
	env     []string

	once  sync.Once
	err   error
	cmd   *exec.Cmd
	dir   string
	proxy *proxy
}

// partsDir holds the programs; .ci/parts puts them there.
func partsDir() string {
	if dir := os.Getenv("SCAIVAULT_TEST_TOOLS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", ".parts")
}

// start returns the emulator running, or skips the test without its program.
func (e *emulator) start(t *testing.T) *emulator {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(partsDir(), e.program))
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		skip := t.Skipf
		if os.Getenv("SCAIVAULT_TEST_REQUIRE_PARTS") == "1" {
			skip = t.Fatalf
		}
		skip("NOT TESTED: %s is not installed: run `.ci/parts`, or `make test`, which does", e.program)
	}
	e.once.Do(func() { e.err = e.run(program) })
	if e.err != nil {
		t.Fatalf("%s: %v", e.program, e.err)
	}
	return e
}

func (e *emulator) run(program string) error {
	var err error
	if e.dir, err = os.MkdirTemp("", "scaivault-blob-"); err != nil {
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	e.proxy = newProxy()
	e.proxy.to(addr)
	e.cmd = exec.Command(program, e.args(addr, e.dir, e.proxy.URL)...)
	e.cmd.Env = append(os.Environ(), e.env...)
	e.cmd.Dir = e.dir
	if err := e.cmd.Start(); err != nil {
		return err
	}
	for range 600 { // a minute: these start within seconds
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("does not listen on %s", addr)
}

func (e *emulator) stop() {
	if e.cmd != nil && e.cmd.Process != nil {
		e.cmd.Process.Kill()
		e.cmd.Wait()
	}
	if e.proxy != nil {
		e.proxy.Close()
	}
	if e.dir != "" {
		os.RemoveAll(e.dir)
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

const (
	testKeyID   = "test-key-id"
	testSecret  = "canary-secret-of-the-tests"
	testAccount = "testaccount"
)

var (
	versitygw = &emulator{
		program: "versitygw",
		env:     []string{"ROOT_ACCESS_KEY=" + testKeyID, "ROOT_SECRET_KEY=" + testSecret},
		args: func(addr, dir, _ string) []string {
			for _, sub := range []string{"root", "side"} {
				os.Mkdir(filepath.Join(dir, sub), 0o700)
			}
			return []string{"--port", addr, "--region", "us-east-1", "posix", "--sidecar",
				filepath.Join(dir, "side"), filepath.Join(dir, "root")}
		},
	}
	fakeGCS = &emulator{
		program: "fake-gcs-server",
		args: func(addr, dir, public string) []string {
			host, port, _ := net.SplitHostPort(addr)
			return []string{"-scheme", "http", "-host", host, "-port", port, "-backend", "memory",
				"-public-host", public[len("http://"):], "-external-url", public}
		},
	}
	azurite = &emulator{
		program: "azurite-blob",
		env:     []string{"AZURITE_ACCOUNTS=" + testAccount + ":" + azureKey},
		args: func(addr, dir, _ string) []string {
			host, port, _ := net.SplitHostPort(addr)
			return []string{"--blobHost", host, "--blobPort", port, "--location", dir, "--silent",
				"--disableTelemetry", "--skipApiVersionCheck"}
		},
	}
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, e := range []*emulator{versitygw, fakeGCS, azurite} {
		e.stop()
	}
	os.Exit(code)
}
