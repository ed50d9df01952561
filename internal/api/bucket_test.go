package api_test

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/vfs"
)

// Size and Scan make the reference a log that can be exported.
func (l *reference) Size(tenant audit.TenantID) uint64 { return l.size(tenant, nil) }

func (l *reference) Scan(_ context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[*audit.Record, error] {
	return func(yield func(*audit.Record, error) bool) {
		list := l.selected(tenant, &q.Filter, q.After.Size)
		slices.SortFunc(list, func(a, b audit.Record) int {
			return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Index, b.Index))
		})
		for i := range list {
			if !yield(&list[i], nil) {
				return
			}
		}
	}
}

// ScanLines yields the canonical lines of what Scan yields.
func (l *reference) ScanLines(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[audit.Line, error] {
	return func(yield func(audit.Line, error) bool) {
		var text []byte
		for r, err := range l.Scan(ctx, tenant, q) {
			if err != nil {
				yield(audit.Line{}, err)
				return
			}
			text = r.AppendLine(text[:0])
			if !yield(audit.Line{Text: text, Timestamp: r.Timestamp, Index: r.Index}, nil) {
				return
			}
		}
	}
}

// Callers says that nobody waits.
func (l *reference) Callers() int { return 0 }

// newExports returns the real exports over the server's log, whose buckets are
// in memory. Nothing runs before a test says so.
func newExports(c *api.Config) *export.Manager {
	b := &bucket{objects: make(map[string]string)}
	m, err := export.Open(vfs.NewMem(), "data", export.Options{Log: c.Log.(export.Log), Secrets: vault{},
		Open: b.open, Clock: c.Clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err) // a disk in memory does not fail
	}
	return m
}

// runExports runs exports until none is left to run.
func (s *service) runExports(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.exports.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	for begun := time.Now(); s.unfinished(t); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("exports do not end")
		}
	}
}

func (s *service) unfinished(t *testing.T) bool {
	for _, tenant := range []audit.TenantID{"tnt_a", "tnt_b"} {
		for _, status := range []audit.ExportStatus{audit.ExportPending, audit.ExportRunning} {
			page, err := s.exports.List(t.Context(), tenant, audit.ExportQuery{Status: status})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Exports) > 0 {
				return true
			}
		}
	}
	return false
}

// vault has one secret, which everybody with a token may read.
type vault struct{}

func (vault) Get(_ context.Context, _ audit.TenantID, path audit.Path, bearer string) (map[string]string, error) {
	if path != "export/creds" || bearer == "" {
		return nil, audit.Errorf(audit.CodeAccessDenied, "secret %q: no", path)
	}
	return map[string]string{"key": "value"}, nil
}

// bucket is every bucket but "missing".
type bucket struct {
	mu      sync.Mutex
	objects map[string]string
}

func (b *bucket) open(_ context.Context, p export.Place) (blob.Bucket, error) {
	if p.Destination.Bucket == "missing" {
		return nil, blob.ErrNotFound
	}
	if p.Destination.Bucket == "unseen" {
		return unseen{b}, nil
	}
	return b, nil
}

// unseen is a bucket that may be written to, not looked into.
type unseen struct{ *bucket }

func (unseen) Taken(context.Context, string) (bool, error) { return false, nil }

func (b *bucket) Taken(_ context.Context, key string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, taken := b.objects[key]
	return taken, nil
}

func (b *bucket) Check(context.Context) error         { return nil }
func (b *bucket) Sweep(context.Context, string) error { return nil }
func (b *bucket) Close() error                        { return nil }

func (b *bucket) Create(_ context.Context, key string) (blob.Upload, error) {
	return &upload{bucket: b, key: key}, nil
}

type upload struct {
	bytes.Buffer
	bucket *bucket
	key    string
}

func (u *upload) Commit(context.Context) error {
	u.bucket.mu.Lock()
	defer u.bucket.mu.Unlock()
	if _, taken := u.bucket.objects[u.key]; taken {
		return blob.ErrConflict
	}
	u.bucket.objects[u.key] = u.String()
	return nil
}

func (u *upload) Abort() error { return nil }
