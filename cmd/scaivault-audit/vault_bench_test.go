package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkVaultDevice is OpenBao's HTTP device: the lines of 1,000 requests a
// second, each acknowledged before the next of its request is sent, to the real
// program and its disk. It reports how long the device waited for a line.
func BenchmarkVaultDevice(b *testing.B) {
	const perSecond, devices = 1000, 256
	data := b.TempDir()
	token := newToken(b, data, "tnt_a")
	p := serve(b, nil, "--data", data)
	send := vaultDevice(b, p.url, token, devices)
	pair := vaultPair(b)
	var mu sync.Mutex
	var waits []time.Duration
	var running sync.WaitGroup
	due := time.Now()
	n := 0
	for b.Loop() {
		n++
		due = due.Add(time.Second / perSecond)
		time.Sleep(time.Until(due))
		running.Go(func() {
			for _, line := range pair(n) {
				begun := time.Now()
				if err := send(line); err != nil {
					b.Error(err)
					return
				}
				took := time.Since(begun)
				mu.Lock()
				waits = append(waits, took)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	slices.Sort(waits)
	for _, share := range []int{50, 99} {
		b.ReportMetric(float64(waits[len(waits)*share/100].Microseconds())/1000, fmt.Sprintf("ms/p%d", share))
	}
	b.ReportMetric(float64(len(waits))/b.Elapsed().Seconds(), "lines/s")
	p.end(b)
	used := p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
	b.ReportMetric(float64(used.Microseconds())/float64(len(waits)), "cpu-µs/line")
}

// vaultDevice returns what posts a line as the device does.
func vaultDevice(b *testing.B, url, token string, conns int) func(line []byte) error {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns}}
	b.Cleanup(c.CloseIdleConnections)
	return func(line []byte) error {
		r, err := http.NewRequest("POST", url+"/v1/audit/ingest/vault", bytes.NewReader(line))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := c.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusNoContent {
			return fmt.Errorf("%d %w", resp.StatusCode, err)
		}
		return nil
	}
}

// vaultPair returns a maker of the two lines of a request, from a recorded one.
func vaultPair(b *testing.B) func(n int) [2][]byte {
	text, err := os.ReadFile("../../testdata/vault/audit.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(text, []byte("\n"))
	for i := len(lines) - 2; i > 0; i-- {
		request, response := lines[i-1], lines[i]
		_, id, ok := bytes.Cut(request, []byte(`"id":"`))
		if !ok || !bytes.Contains(response, id[:36]) || !bytes.Contains(response, []byte(`"type":"response"`)) {
			continue
		}
		id = bytes.Clone(id[:36])
		return func(n int) (pair [2][]byte) {
			for k, line := range [][]byte{request, response} {
				pair[k] = append(bytes.ReplaceAll(line, id, fmt.Appendf(nil, "%036d", n)), '\n')
			}
			return pair
		}
	}
	b.Fatal("the sample has no pair")
	return nil
}
