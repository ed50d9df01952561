package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	dir = "/data"
	// begin is when the tests' clocks start: 2026-01-02T03:04:05Z.
	begin audit.Time = 1_767_323_045 * audit.Second

	acme  audit.TenantID = "acme"
	bravo audit.TenantID = "bravo"
	ghost audit.TenantID = "ghost" // never appended to
)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now audit.Time
}

func newClock() *clock { return &clock{now: begin} }

func (c *clock) time() time.Time { return c.at().Std() }

func (c *clock) at() audit.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d audit.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += d
}

// options returns the default options with a clock that stands still.
func options() store.Options { return optionsAt(newClock()) }

func optionsAt(c *clock) store.Options {
	return store.Options{Clock: c.time, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), SealEvents: 8,
		Burst: 1} // none: it is less than a microsecond
}

// open opens a store that is closed with the test.
func open(t testing.TB, fsys vfs.FS, opts store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(fsys, dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails the test unless err has the code.
func wantCode(t testing.TB, err error, want audit.Code) {
	t.Helper()
	if got := audit.ErrorCode(err); got != want {
		t.Fatalf("error %v has code %q, want %q", err, got, want)
	}
}

// event returns a valid event, different for each n.
func event(n int) audit.Event {
	return audit.Event{
		Timestamp:    begin + audit.Time(n)*audit.Second,
		Action:       audit.ActionRead,
		IdentityType: audit.TypeServiceAccount,
		IdentityID:   audit.IdentityID(fmt.Sprintf("sa:worker-%d", n%7)),
		SecretPath:   audit.Path(fmt.Sprintf("prod/app-%d/key", n%5)),
		SourceIP:     fmt.Sprintf("10.0.0.%d", n%9),
		UserAgent:    "vault-agent/1.17",
		Success:      n%4 != 0,
		DurationMS:   int32(n),
		RequestID:    fmt.Sprintf("req-%06d", n),
		ExtraData:    fmt.Sprintf(`{"n":%d}`, n),
	}
}

// named returns event n with a producer's id.
func named(n int) audit.Event {
	e := event(n)
	e.ID = audit.EventID(fmt.Sprintf("log_p%d", n))
	return e
}

func batch(events ...audit.Event) audit.Batch { return audit.Batch{Events: events} }

// put appends events and fails the test if the store refuses them.
func put(t testing.TB, s *store.Store, tenant audit.TenantID, events ...audit.Event) audit.Receipt {
	t.Helper()
	r, err := s.Append(t.Context(), tenant, batch(events...))
	check(t, err)
	return r
}

// line returns the canonical line of an event.
func line(e *audit.Event) string { return string(e.AppendLine(nil)) }

// proofs returns records as text: canonical line, index and time of receipt.
func proofs(records []audit.Record) []string {
	lines := make([]string, len(records))
	for i := range records {
		lines[i] = string(records[i].AppendProof(nil))
	}
	return lines
}

// walk returns every record that the query selects, page by page.
func walk(t testing.TB, s *store.Store, tenant audit.TenantID, q audit.Query) []audit.Record {
	t.Helper()
	all, err := pages(t, s, tenant, q)
	check(t, err)
	return all
}

// pages is walk for a query that may fail.
func pages(t testing.TB, s *store.Store, tenant audit.TenantID, q audit.Query) ([]audit.Record, error) {
	var all []audit.Record
	for {
		p, err := s.Query(t.Context(), tenant, q)
		if err != nil {
			return all, err
		}
		all = append(all, p.Records...)
		if p.Next == nil {
			return all, nil
		}
		q.After = p.Next
	}
}

// byIndex is the query for a tenant's whole log in the order of appending.
func byIndex() audit.Query { return audit.Query{Order: audit.OrderIndex, Limit: audit.MaxLimit} }

// damagedRanges returns what the error says cannot be read.
func damagedRanges(err error) []audit.IndexRange {
	var e *audit.Error
	if errors.As(err, &e) && e.Code == audit.CodeDataDamaged {
		return e.Damaged
	}
	return nil
}

// walFiles returns the names of the files of the write-ahead log.
func walFiles(t testing.TB, fsys vfs.FS) []string { return files(t, fsys, ".log") }

func files(t testing.TB, fsys vfs.FS, suffix string) []string {
	t.Helper()
	names, err := fsys.List(dir)
	check(t, err)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, suffix) })
}

func readFile(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fsys, dir+"/"+name)
	check(t, err)
	return b
}

// disk returns a file system that holds the files.
func disk(t testing.TB, content map[string][]byte) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	for name, b := range content {
		name = dir + "/" + name
		check(t, m.MkdirAll(path.Dir(name)))
		check(t, vfs.WriteFile(m, name, b))
	}
	return m
}

// contents returns the files of the write-ahead log.
func contents(t testing.TB, fsys vfs.FS) map[string][]byte {
	t.Helper()
	m := make(map[string][]byte)
	for _, name := range walFiles(t, fsys) {
		m[name] = bytes.Clone(readFile(t, fsys, name))
	}
	return m
}

// watch returns a channel that is told of operations on the disk.
func watch(m *vfs.Mem) <-chan struct{} {
	changed := make(chan struct{}, 1)
	m.OnOp(func(vfs.Op) {
		select {
		case changed <- struct{}{}:
		default: // told already
		}
	})
	return changed
}

// sealedRange is what the manifest says of a segment.
type sealedRange struct {
	Tenant   audit.TenantID
	From, To uint64
}

// sealed returns what the manifest names.
func sealed(fsys vfs.FS) ([]sealedRange, error) {
	b, err := vfs.ReadFile(fsys, dir+"/manifest")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var m struct{ Segments []sealedRange }
	if err == nil {
		line, _, _ := bytes.Cut(b, []byte("\n"))
		err = json.Unmarshal(line, &m)
	}
	return m.Segments, err
}
