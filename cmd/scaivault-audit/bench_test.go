package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scaivault/audit/internal/sample"
)

// BenchmarkIngest appends batches of 500 events over HTTP, from 4 connections,
// each answered after its sync: the whole way from a client's bytes to the
// disk. It reports events per second.
func BenchmarkIngest(b *testing.B) {
	const connections, size = 4, 500
	url, token := serveForBench(b)
	bodies := sampleBodies(connections, size)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.SetBytes(int64(len(bodies[0])))
	b.ResetTimer()
	for c := range connections {
		wg.Go(func() {
			transport := &http.Transport{MaxConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			for next.Add(1) <= int64(b.N) {
				if err := post(&http.Client{Transport: transport}, url, token, bodies[c]); err != "" {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkSample fills a new log with the sample events of serve --dev.
func BenchmarkSample(b *testing.B) {
	logger := slog.New(slog.DiscardHandler)
	for b.Loop() {
		s, err := openServer(&serveCommand{Data: b.TempDir()}, time.Now, logger)
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(s.appendSample(b.Context(), time.Now()), s.close()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*sampleEvents/b.Elapsed().Seconds(), "events/s")
}

// serveForBench serves a new log until the benchmark ends.
func serveForBench(b *testing.B) (url, token string) {
	b.Helper()
	c := &serveCommand{Data: b.TempDir(), Listen: "127.0.0.1:0", RateLimitQueries: 1 << 30, RateLimitExports: 30}
	token = newToken(b, c.Data, "tnt_bench")
	s, err := openServer(c, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- s.serve(b.Context(), func(url string) { ready <- url }) }()
	b.Cleanup(func() {
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return <-ready, token
}

// sampleBodies returns n bodies of size events each, one event per line.
func sampleBodies(n, size int) [][]byte {
	bodies := make([][]byte, n)
	i := 0
	for e := range sample.New(1, sample.Options{Events: n * size, End: time.Now()}).Events() {
		body := &bodies[i/size]
		// The log gives ids and times, so that a body can be sent again.
		line := e.AppendLine(nil)
		_, rest, _ := bytes.Cut(line, []byte(`","action"`))
		*body = append(append(append(*body, `{"action"`...), rest...), '\n')
		i++
	}
	return bodies
}

// post sends one batch and returns what went wrong.
func post(c *http.Client, url, token string, body []byte) string {
	req, err := http.NewRequest("POST", url+"/v1/audit/logs", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := c.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp.Status + " " + string(answer)
	}
	return ""
}
