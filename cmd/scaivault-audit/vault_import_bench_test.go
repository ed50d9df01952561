package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkVaultImport is ingest --format vault of a file of 600,000 lines: two
// processes, as they are used, with their disk. It reports the processor time
// of the command and of the server for a line, and how many lines that makes in
// a second of both.
func BenchmarkVaultImport(b *testing.B) {
	const requests = 300_000
	file := filepath.Join(b.TempDir(), "audit.log")
	f, err := os.Create(file)
	if err == nil {
		err = newVaultLoad(b).write(f, requests)
	}
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	var command, server float64
	n := 0
	for b.Loop() {
		b.StopTimer()
		data := filepath.Join(b.TempDir(), "data")
		token := newToken(b, data, "tnt_a")
		p := serve(b, nil, "--data", data)
		b.StartTimer()
		c := exec.Command("scaivault-audit", "ingest", "--format", "vault", file)
		c.Env = append(os.Environ(), "SCAIVAULT_URL="+p.url, "SCAIVAULT_TOKEN="+token)
		out, err := c.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), fmt.Sprintf("%d lines: %d accepted, 0 dup", 2*requests, requests)) {
			b.Fatalf("%v: %s", err, out)
		}
		b.StopTimer()
		used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		command += float64(used.Microseconds()) / (2 * requests)
		server += p.cost(b, 2*requests)
		n++
		if err := os.RemoveAll(data); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	command, server = command/float64(n), server/float64(n)
	b.ReportMetric(command, "command-µs/line")
	b.ReportMetric(server, "server-µs/line")
	b.ReportMetric(1e6/(command+server), "lines/cpu-s")
}
