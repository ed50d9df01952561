package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startPart starts a program that .ci/parts installed, on a free address of this
// machine, until the test ends. Without it the test is skipped, or fails where all
// are required.
func startPart(tb testing.TB, name string, env []string, args func(host, port string) []string) (addr string) {
	tb.Helper()
	program, err := filepath.Abs(filepath.Join("../../.parts", name))
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		skip := tb.Skipf
		if os.Getenv("SCAIVAULT_TEST_REQUIRE_PARTS") == "1" {
			skip = tb.Fatalf
		}
		skip("NOT TESTED: %s is not installed: run `.ci/parts`, or `make test`, which does", name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(program, args(host, port)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = tb.TempDir()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		if time.Since(begun) > time.Minute {
			tb.Fatalf("%s does not listen: %v", name, err)
		}
	}
}

// startVersitygw serves S3 with a bucket "archive", the objects of which are files
// of the directory.
func startVersitygw(tb testing.TB) (addr, dir string) {
	tb.Helper()
	root := tb.TempDir()
	for _, sub := range []string{"root/archive", "side"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	addr = startPart(tb, "versitygw", []string{"ROOT_ACCESS_KEY=bench", "ROOT_SECRET_KEY=of-the-bench"},
		func(host, port string) []string {
			return []string{"--port", net.JoinHostPort(host, port), "posix", "--sidecar",
				filepath.Join(root, "side"), filepath.Join(root, "root")}
		})
	return addr, filepath.Join(root, "root", "archive")
}

func versitygwSecret(addr string) oneSecret {
	return oneSecret{"access_key_id": "bench", "secret_access_key": "of-the-bench", "endpoint": "http://" + addr}
}
