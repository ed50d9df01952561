package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/source"
)

// memoryFeed is [feed] without a network, so that time can be synthetic.
type memoryFeed struct {
	mu    sync.Mutex // guards those below it
	taken []string
}

func (f *memoryFeed) batches() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.taken)
}

func (f *memoryFeed) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = append(f.taken, string(body))
	answer := io.NopCloser(strings.NewReader("{}"))
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: answer}, nil
}

func newIngestion(t *testing.T, ctx context.Context, f *memoryFeed, format format) *ingestion {
	t.Helper()
	api, err := client.New(client.Config{URL: "http://server", HTTP: &http.Client{Transport: f}})
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(ctx, nil, io.Discard, io.Discard)
	return &ingestion{p: p, api: api, name: "stdin", format: format, progress: newProgress(p, "ingest", 0, bytesUnit())}
}

// Events of a stream are stored within a second, though its batch is not full.
func TestStreamIsStoredWhileItIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		var f memoryFeed
		g := newIngestion(t, ctx, &f, plainFormat{})
		done := make(chan error, 1)
		go func() { done <- g.run(&input{ReadCloser: r}) }()

		io.WriteString(w, "{1}\n{2}\n{3")
		time.Sleep(batchAge)
		synctest.Wait()
		if diff := cmp.Diff([]string{"{1}\n{2}\n"}, f.batches()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		cancel() // while the input is being read
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ends with %v; want %v", err, context.Canceled)
		}
		w.Close()
	})
}

const (
	vaultRequest = `{"time":"2026-04-23T20:00:00.000001Z","type":"request","auth":{"display_name":"alice"},` +
		`"request":{"id":"11111111-0000-0000-0000-000000000000","operation":"read","mount_point":"secret/",` +
		`"path":"secret/data/prod/db"}}` + "\n"
	vaultResponse = `{"time":"2026-04-23T20:00:00.012001Z","type":"response","auth":{"display_name":"alice"},` +
		`"request":{"id":"11111111-0000-0000-0000-000000000000","operation":"read","mount_point":"secret/",` +
		`"path":"secret/data/prod/db"},"response":{}}` + "\n"
)

// A request waits for its answer by the clock, though no line comes.
func TestVaultStreamGivesUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var f memoryFeed
		g := newIngestion(t, t.Context(), &f, &vaultFormat{pairer: source.NewPairer(source.Options{Now: time.Now})})
		done := make(chan error, 1)
		go func() { done <- g.run(&input{ReadCloser: r}) }()

		io.WriteString(w, vaultRequest)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if got := f.batches(); len(got) != 0 {
			t.Errorf("after 9s the request does not wait: %q", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := f.batches(); len(got) != 1 || !strings.Contains(got[0], `"success":false`) {
			t.Errorf("after 11s: %q; want an event without success", got)
		}
		w.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestIngestVault(t *testing.T) {
	var f feed
	f.start(t)
	other := strings.ReplaceAll(vaultRequest, "11111111", "22222222")
	name := write(t, vaultRequest+"nonsense\n"+vaultResponse+other)
	got := runLine(t, "", "ingest", "--format", "vault", name)
	if got.Code != exitValidation || got.Stdout != "4 lines: 2 accepted, 0 duplicates, 1 rejected\n" ||
		!strings.HasPrefix(got.Stderr, name+":2: ") {
		t.Errorf("%+v", got)
	}
	if len(f.batches) != 1 {
		t.Fatalf("%d batches; want 1", len(f.batches))
	}
	pair, lone, _ := strings.Cut(f.batches[0], "\n")
	for event, parts := range map[string][]string{
		pair: {`"timestamp":"2026-04-23T20:00:00.000001Z"`, `"secret_path":"secret/prod/db"`, `"success":true`,
			`"duration_ms":12`},
		lone: {`"request_id":"22222222-0000-0000-0000-000000000000"`, `"success":false`, `"outcome":"unknown"`},
	} {
		for _, part := range parts {
			if !bytes.Contains([]byte(event), []byte(part)) {
				t.Errorf("an event lacks %s: %s", part, event)
			}
		}
	}
}
