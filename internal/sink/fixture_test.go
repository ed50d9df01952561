package sink_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/vfs"
)

// sliceLog is a log in memory, of any number of tenants.
type sliceLog struct {
	clock func() time.Time

	mu      sync.Mutex
	records map[audit.TenantID][]audit.Record
	lost    *audit.IndexRange // what cannot be read
}

func newLog() *sliceLog {
	return &sliceLog{clock: time.Now, records: make(map[audit.TenantID][]audit.Record)}
}

func (l *sliceLog) Append(_ context.Context, tenant audit.TenantID, b audit.Batch) (audit.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := audit.TimeOf(l.clock())
	for _, e := range b.Events {
		index := uint64(len(l.records[tenant]))
		if e.ID == "" {
			e.ID = audit.DerivedID(0, index)
		}
		if e.Timestamp == audit.NoTime {
			e.Timestamp = now
		}
		l.records[tenant] = append(l.records[tenant], audit.Record{Event: e, Index: index, ReceivedAt: now})
	}
	return audit.Receipt{}, nil
}

// fill appends n reads of different paths.
func (l *sliceLog) fill(tenant audit.TenantID, n int) {
	for range n {
		i := int(l.Size(tenant))
		l.Append(context.Background(), tenant, audit.Batch{Events: []audit.Event{{
			Timestamp: audit.TimeOf(l.clock()), Action: audit.ActionRead, IdentityType: audit.TypeUser,
			IdentityID: "user:ada", SecretPath: audit.Path(fmt.Sprintf("prod/%d", i)), Success: i%3 > 0,
		}}})
	}
}

func (l *sliceLog) Size(tenant audit.TenantID) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.records[tenant]))
}

func (l *sliceLog) cut(tenant audit.TenantID, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[tenant] = l.records[tenant][:n]
}

func (l *sliceLog) Lines(ctx context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error] {
	l.mu.Lock()
	to = min(to, uint64(len(l.records[tenant])))
	from = min(from, to)
	records, lost := slices.Clone(l.records[tenant][from:to]), l.lost
	l.mu.Unlock()
	return func(yield func([]byte, error) bool) {
		for n := range records {
			i := from + uint64(n)
			if lost != nil && lost.From <= i && i < lost.To {
				yield(nil, &audit.Error{Code: audit.CodeDataDamaged, Damaged: []audit.IndexRange{*lost}})
				return
			}
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(records[n].AppendLine(nil), nil) {
				return
			}
		}
	}
}

func (l *sliceLog) Query(_ context.Context, tenant audit.TenantID, q audit.Query) (audit.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	records := l.records[tenant]
	from := min(q.FromIndex, uint64(len(records)))
	return audit.Page{Records: slices.Clone(records[from:min(from+1, uint64(len(records)))])}, nil
}

// pipes is a network in memory: every name and port leads to one server.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	down     bool
	mu       sync.Mutex
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *pipes) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	p.mu.Lock()
	down := p.down
	p.mu.Unlock()
	if down {
		return nil, errors.New("connection refused")
	}
	here, there := net.Pipe()
	select {
	case p.accepted <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) AllowsPlain(u *url.URL) bool { return u.Hostname() == "siem.test" }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// loopback is a network that reaches this machine only.
type loopback struct{ net.Dialer }

func (l *loopback) AllowsPlain(*url.URL) bool { return true }

// secrets has one secret for everybody.
type secrets map[string]string

func (s secrets) Get(_ context.Context, _ audit.TenantID, path audit.Path, bearer string) (map[string]string, error) {
	if path != "sinks/it" || bearer != "" {
		return nil, audit.Errorf(audit.CodeAccessDenied, "none")
	}
	return s, nil
}

// world is a manager with all that it works with.
type world struct {
	*sink.Manager
	log     *sliceLog
	disk    vfs.FS
	egress  sink.Egress
	secrets secrets
	sinks   []sink.Configured
	stop    func()
}

const (
	tenantA audit.TenantID = "tnt_a"
	tenantB audit.TenantID = "tnt_b"
)

var ada = audit.Caller{Principal: &audit.Principal{IdentityID: "user:ada", IdentityType: audit.TypeUser,
	Tenant: tenantA}, RequestID: "req_1"}

func (w *world) open(t *testing.T) {
	t.Helper()
	if err := w.tryOpen(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) tryOpen() error {
	m, err := sink.Open(w.disk, "data", sink.Options{Log: w.log, Secrets: w.secrets, Egress: w.egress,
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Files: "out", Configured: w.sinks, Version: "1.2.3"})
	w.Manager = m
	return err
}

// run runs the manager until w.stop is called.
func (w *world) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			<-done
		})
	}
}

// request reads the body of a request for a sink.
func request(t *testing.T, body string) audit.SinkRequest {
	t.Helper()
	r, err := audit.DecodeSinkRequest(body, true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ids returns the ids that the lines of a body have.
func ids(body string) []string {
	var list []string
	for line := range strings.Lines(body) {
		if e, err := audit.DecodeEvent(strings.TrimSuffix(line, "\n")); err == nil {
			list = append(list, string(e.ID))
		}
	}
	return list
}

// idsOf returns the ids of a tenant's log from an index on.
func (l *sliceLog) idsOf(tenant audit.TenantID, from int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, r := range l.records[tenant][from:] {
		list = append(list, string(r.ID))
	}
	return list
}

// receiver is an HTTP server on a network in memory that keeps what it takes.
type receiver struct {
	server *http.Server

	mu     sync.Mutex
	got    []string // ids, in the order of arrival
	asked  int
	answer func(n int, ids []string) (status int, header http.Header) // to the n-th request, from 0
}

func receive(p *pipes, answer func(n int, ids []string) (int, http.Header)) *receiver {
	r := &receiver{answer: answer}
	r.server = &http.Server{Handler: r}
	go r.server.Serve(p)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := decoded(req)
	list := ids(body)
	r.mu.Lock()
	n := r.asked
	r.asked++
	r.mu.Unlock()
	status, header := 200, http.Header(nil)
	if r.answer != nil {
		status, header = r.answer(n, list)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, v := range header {
		w.Header()[name] = v
	}
	if status < 300 {
		r.got = append(r.got, list...)
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "status %d", status)
}

func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}
