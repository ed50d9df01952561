package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit/internal/vfs"
)

// BenchmarkVaultDevice is OpenBao's HTTP device: the lines of 1,000 requests a
// second, each acknowledged before the next of its request is sent, to the real
// program and its disk. It reports how long the device waited for a line, and
// the processor time of the program.
//
// Beside the lines there is what no program can do without on this machine: as
// many requests over HTTP that do nothing, and as many texts of the size of a
// line appended to one file, of which each waits for a sync that began after it
// came.
func BenchmarkVaultDevice(b *testing.B) {
	b.Run("lines", func(b *testing.B) {
		data := b.TempDir()
		token := newToken(b, data, "tnt_a")
		p := serve(b, nil, "--data", data)
		send, pair := vaultDevice(b, "POST", p.url+"/v1/audit/ingest/vault", token), vaultPair(b)
		n := paced(b, func(n int, step func(error)) {
			for _, line := range pair(n) {
				step(send(line))
			}
		})
		b.ReportMetric(p.cost(b, n), "cpu-µs/line")
	})
	b.Run("requests", func(b *testing.B) {
		p := serve(b, nil, "--data", b.TempDir())
		send := vaultDevice(b, "GET", p.url+"/v1/health", "")
		n := paced(b, func(_ int, step func(error)) {
			step(send(nil))
			step(send(nil))
		})
		b.ReportMetric(p.cost(b, n), "cpu-µs/request")
	})
	b.Run("syncs", func(b *testing.B) {
		f, pair := newSyncedFile(b), vaultPair(b)
		paced(b, func(n int, step func(error)) {
			for _, line := range pair(n) {
				step(f.append(line))
			}
		})
	})
}

// paced calls do 1,000 times a second, each time in a goroutine, and reports how
// long the steps took that do is made of. It returns their number.
func paced(b *testing.B, do func(n int, step func(error))) int {
	const perSecond = 1000
	var mu sync.Mutex
	var waits []time.Duration
	var failed error
	var running sync.WaitGroup
	due := time.Now()
	for n := 0; b.Loop(); n++ {
		due = due.Add(time.Second / perSecond)
		time.Sleep(time.Until(due))
		running.Go(func() {
			begun := time.Now()
			do(n, func(err error) {
				took := time.Since(begun)
				begun = begun.Add(took)
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, took)
				failed = cmp.Or(failed, err)
			})
		})
	}
	running.Wait()
	if failed != nil {
		b.Fatal(failed)
	}
	slices.Sort(waits)
	for _, share := range []int{50, 99} {
		b.ReportMetric(float64(waits[len(waits)*share/100].Microseconds())/1000, fmt.Sprintf("ms/p%d", share))
	}
	b.ReportMetric(float64(len(waits))/b.Elapsed().Seconds(), "steps/s")
	return len(waits)
}

// cost ends the program and returns the processor time that it took, in
// microseconds for each of n things.
func (p *program) cost(b *testing.B, n int) float64 {
	p.end(b)
	used := p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
	return float64(used.Microseconds()) / float64(n)
}

// syncedFile is a file that is synced as often as the disk allows while somebody
// waits.
type syncedFile struct {
	mu   sync.Mutex
	next *syncedGroup
	wake chan struct{}
}

type syncedGroup struct {
	text []byte
	done chan struct{}
}

func newSyncedFile(b *testing.B) *syncedFile {
	f := &syncedFile{wake: make(chan struct{}, 1)}
	file, err := vfs.OS{}.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		close(f.wake)
		file.Close()
	})
	go func() {
		for range f.wake {
			f.mu.Lock()
			g := f.next
			f.next = nil
			f.mu.Unlock()
			if _, err := file.Write(g.text); err != nil {
				b.Error(err)
			}
			if err := file.Sync(); err != nil {
				b.Error(err)
			}
			close(g.done)
		}
	}()
	return f
}

// append returns once the text is on the disk.
func (f *syncedFile) append(text []byte) error {
	f.mu.Lock()
	if f.next == nil {
		f.next = &syncedGroup{done: make(chan struct{})}
		f.wake <- struct{}{}
	}
	g := f.next
	g.text = append(g.text, text...)
	f.mu.Unlock()
	<-g.done
	return nil
}

// vaultDevice returns what sends a line as the device does.
func vaultDevice(b *testing.B, method, url, token string) func(line []byte) error {
	const conns = 256
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns}}
	b.Cleanup(c.CloseIdleConnections)
	return func(line []byte) error {
		r, err := http.NewRequest(method, url, bytes.NewReader(line))
		if err != nil {
			return err
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := c.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode > 299 {
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
