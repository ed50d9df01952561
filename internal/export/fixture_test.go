package export_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/vfs"
)

// canary stands in every secret and must stand nowhere else.
const canary = "canary-6d0fZ"

// token is that of whoever may read the secret.
const token = "token-81hBq"

// sliceLog is a log per tenant, kept as a slice.
type sliceLog struct {
	mu      sync.Mutex
	records map[audit.TenantID][]audit.Record
	fail    func() error // of Scan, before each record; nil never fails
	callers int          // that wait for it
}

func newLog() *sliceLog { return &sliceLog{records: make(map[audit.TenantID][]audit.Record)} }

// clone returns the log as it is now.
func (l *sliceLog) clone() *sliceLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newLog()
	for tenant, records := range l.records {
		c.records[tenant] = slices.Clone(records)
	}
	return c
}

func (l *sliceLog) Append(_ context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range b.Events {
		if bad := e.Validate(); bad != nil {
			return audit.Receipt{}, audit.Invalid(bad)
		}
		index := uint64(len(l.records[tenant]))
		known := -1
		if e.ID == "" {
			e.ID = audit.DerivedID(0, index)
		} else {
			known = slices.IndexFunc(l.records[tenant], func(r audit.Record) bool { return r.ID == e.ID })
		}
		if known < 0 {
			l.records[tenant] = append(l.records[tenant], audit.Record{Event: e, Index: index})
		} else if l.records[tenant][known].Event != e {
			return audit.Receipt{}, audit.Errorf(audit.CodeIDConflict, "id %s has other content", e.ID)
		}
	}
	return audit.Receipt{}, nil
}

func (l *sliceLog) Size(tenant audit.TenantID) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.records[tenant]))
}

func (l *sliceLog) Callers() int { return l.callers }

func (l *sliceLog) Summary(ctx context.Context, tenant audit.TenantID, q audit.SummaryQuery) (audit.Summary, error) {
	size := l.Size(tenant)
	return audit.Summary{TotalEvents: uint64(len(l.selected(tenant, &q.Filter, size))), AsOf: size}, ctx.Err()
}

// selected returns the records below size that the filter selects, in the
// order of time and index.
func (l *sliceLog) selected(tenant audit.TenantID, f *audit.Filter, size uint64) []audit.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []audit.Record
	for _, r := range l.records[tenant][:size] {
		if f.Match(&r.Event) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b audit.Record) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Index, b.Index))
	})
	return list
}

func (l *sliceLog) Scan(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[*audit.Record, error] {
	return func(yield func(*audit.Record, error) bool) {
		for _, r := range l.selected(tenant, &q.Filter, q.After.Size) {
			if cmp.Or(cmp.Compare(r.Timestamp, q.After.Time), cmp.Compare(r.Index, q.After.Index)) <= 0 {
				continue
			}
			err := ctx.Err()
			if err == nil && l.fail != nil {
				err = l.fail()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			scratch := r
			if !yield(&scratch, nil) {
				return
			}
			scratch = audit.Record{} // a record is valid until the next step
		}
	}
}

// ScanLines yields the canonical lines of what Scan yields.
func (l *sliceLog) ScanLines(ctx context.Context, tenant audit.TenantID, q audit.Query) iter.Seq2[audit.Line, error] {
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
			clear(text) // a line is valid until the next step
		}
	}
}

// fill appends events of the tenant, several at the same time and some late.
func (l *sliceLog) fill(t *testing.T, tenant audit.TenantID, n int) {
	t.Helper()
	for i := range n {
		e := audit.Event{Timestamp: audit.Time(1_700_000_000+i/3)*audit.Second - audit.Time(i%7/6)*audit.Hour,
			Action: audit.ActionRead, IdentityType: audit.TypeUser, IdentityID: "user:ada",
			SecretPath: audit.Path(fmt.Sprintf("prod/%s/%d", tenant, i%5)), Success: i%4 != 0,
			UserAgent: strings.Repeat("x", 600)}
		if _, err := l.Append(t.Context(), tenant, audit.Batch{Events: []audit.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
}

// lines returns what an export of the filter holds.
func (l *sliceLog) lines(tenant audit.TenantID, f audit.Filter, size uint64) string {
	var b []byte
	for _, r := range l.selected(tenant, &f, size) {
		b = append(r.AppendLine(b), '\n')
	}
	return string(b)
}

// cloud is a bucket in memory, and the secret that opens it.
type cloud struct {
	mu      sync.Mutex
	objects map[string]stored
	uploads map[*upload]bool // unfinished
	commits []string         // keys, in order
	// hook is called before each operation; its error is that of the
	// operation. If after is true it is called when the operation is done.
	hook  func(op, key string) error
	after bool
	// public says that the service may read the secret by itself.
	public bool
	opens  int
	// sessions is how often the secret was replaced.
	sessions int
}

type stored struct {
	owner audit.ExportID
	data  string
}

func newCloud() *cloud {
	return &cloud{objects: make(map[string]stored), uploads: make(map[*upload]bool), public: true}
}

// clone returns what is left when whoever writes is gone.
func (c *cloud) clone() *cloud {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := newCloud()
	for key, o := range c.objects {
		n.objects[key] = o
	}
	for u := range c.uploads {
		n.uploads[&upload{cloud: n, owner: u.owner, key: u.key}] = true
	}
	return n
}

func (c *cloud) Get(_ context.Context, _ audit.TenantID, path audit.Path, bearer string) (map[string]string, error) {
	if path != "export/creds" || bearer != token && !(bearer == "" && c.public) {
		return nil, audit.Errorf(audit.CodeAccessDenied, "no such secret")
	}
	return map[string]string{"key": canary, "session": c.session()}, nil
}

// session is of the secret as it is now.
func (c *cloud) session() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint("session ", c.sessions)
}

func (c *cloud) open(_ context.Context, p export.Place) (blob.Bucket, error) {
	c.mu.Lock()
	c.opens++
	c.mu.Unlock()
	if err := c.do("open", "", func() {}); err != nil {
		return nil, err
	}
	if p.Credentials["key"] != canary && p.Destination.Type != audit.DestinationFile {
		return nil, blob.ErrCredentials
	}
	return &bucket{c, p}, nil
}

// do carries out an operation unless the hook lets it fail.
func (c *cloud) do(op, key string, f func()) error {
	c.mu.Lock()
	hook, after := c.hook, c.after
	c.mu.Unlock()
	if hook == nil {
		hook = func(string, string) error { return nil }
	}
	if !after {
		if err := hook(op, key); err != nil {
			return err
		}
	}
	c.mu.Lock()
	f()
	c.mu.Unlock()
	if after {
		return hook(op, key)
	}
	return nil
}

type bucket struct {
	*cloud
	place export.Place
}

func (b *bucket) Check(ctx context.Context) error {
	if err := b.do("check", "", func() {}); err != nil {
		return err
	}
	if b.place.Destination.Bucket == "no-such-bucket" {
		return fmt.Errorf("%s of host 10.0.0.1: %w", canary, blob.ErrNotFound)
	}
	return ctx.Err()
}

func (b *bucket) Taken(_ context.Context, key string) (taken bool, err error) {
	err = b.do("look", key, func() {
		o, ok := b.objects[key]
		taken = ok && o.owner != b.place.Export
	})
	return taken, err
}

func (b *bucket) Create(_ context.Context, key string) (blob.Upload, error) {
	u := &upload{cloud: b.cloud, owner: b.place.Export, key: key}
	err := b.do("create", key, func() { b.uploads[u] = true })
	return u, err
}

func (b *bucket) Sweep(_ context.Context, prefix string) error {
	return b.do("sweep", prefix, func() {
		for u := range b.uploads {
			if u.owner == b.place.Export && strings.HasPrefix(u.key, prefix) {
				delete(b.uploads, u)
			}
		}
	})
}

func (b *bucket) Close() error { return nil }

type upload struct {
	cloud *cloud
	owner audit.ExportID
	key   string
	data  bytes.Buffer
}

func (u *upload) Write(p []byte) (n int, err error) {
	err = u.cloud.do("write", u.key, func() { n, _ = u.data.Write(p) })
	return n, err
}

// Commit does not notice that its context has ended: what is under way may
// arrive all the same.
func (u *upload) Commit(context.Context) error {
	conflict := false
	err := u.cloud.do("commit", u.key, func() {
		if o, ok := u.cloud.objects[u.key]; ok && o.owner != u.owner {
			conflict = true
			return
		}
		u.cloud.objects[u.key] = stored{u.owner, u.data.String()}
		u.cloud.commits = append(u.cloud.commits, u.key)
		delete(u.cloud.uploads, u)
	})
	if conflict {
		return fmt.Errorf("status 412 of %s: %w", canary, blob.ErrConflict)
	}
	return err
}

func (u *upload) Abort() error {
	u.cloud.mu.Lock()
	defer u.cloud.mu.Unlock()
	delete(u.cloud.uploads, u)
	return nil
}

// clock stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a manager with all that is around it.
type world struct {
	*export.Manager
	*clock
	log   *sliceLog
	cloud *cloud
	disk  vfs.FS
	out   *bytes.Buffer // what the manager has logged
	stop  func()        // ends Run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: newClock(), log: newLog(), cloud: newCloud(), disk: vfs.NewMem(), out: new(bytes.Buffer)}
	w.log.fill(t, "tnt_a", 450)
	w.log.fill(t, "tnt_b", 150)
	w.reopen(t)
	return w
}

// reopen opens the manager as another process would.
func (w *world) reopen(t *testing.T) {
	t.Helper()
	m, err := export.Open(w.disk, "data", export.Options{Log: w.log, Secrets: w.cloud, Open: w.cloud.open,
		Clock: w.clock.Now, Logger: slog.New(slog.NewJSONHandler(w.out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w.Manager = m
}

// run starts the workers and waits until they have nothing to do; a test is in
// a bubble of synctest, where waiting takes no time.
func (w *world) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	synctest.Wait()
}

// runAll runs until all is done, retries included.
func (w *world) runAll(ctx context.Context) {
	w.run(ctx)
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	w.stop()
}

func caller(tenant audit.TenantID, scope ...audit.Path) audit.Caller {
	return audit.Caller{Bearer: token, RequestID: "req-1", Principal: &audit.Principal{Tenant: tenant,
		IdentityID: "user:eve", IdentityType: audit.TypeUser, PathPrefixes: scope}}
}

func request(prefix string) audit.ExportRequest {
	return audit.ExportRequest{Format: audit.FormatJSONL, Compression: audit.CompressionNone,
		PartSize:        audit.MinPartSize,
		Destination:     audit.Destination{Type: audit.DestinationS3, Bucket: "archive", Prefix: prefix},
		CredentialsPath: "export/creds"}
}

func (w *world) create(t *testing.T, tenant audit.TenantID, r audit.ExportRequest, scope ...audit.Path) audit.Export {
	t.Helper()
	e, _, err := w.Create(t.Context(), tenant, caller(tenant, scope...), r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) get(t *testing.T, tenant audit.TenantID, id audit.ExportID) audit.Export {
	t.Helper()
	e, err := w.Export(t.Context(), tenant, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wantCode(t *testing.T, err error, code audit.Code) {
	t.Helper()
	if audit.ErrorCode(err) != code {
		t.Errorf("error %v; want a %q", err, code)
	}
}
