package store_test

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// TestModel does random things to a store and to slices in memory. After each
// of them the whole logs are compared.
func TestModel(t *testing.T) {
	rounds(t, 300)
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(5, 8)
		m.open(t)
		defer func() { _ = m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"":         m.check,
			"append":   m.append,
			"append2":  m.append, // more often than the others
			"repeat":   m.repeat,
			"tick":     m.tick,
			"back":     m.back,
			"query":    m.query,
			"walk":     m.walk,
			"scan":     m.scan,
			"event":    m.event,
			"secret":   m.secret,
			"identity": m.identity,
			"accesses": m.accesses,
			"values":   m.values,
			"news":     m.news,
			"branches": m.branches,
			"summary":  m.summary,
			"restart":  m.restart,
			"crash":    m.crash,
		})
	})
}

// TestModelSealed waits after each step until all is sealed that can be, and
// starts the store again: what is compared then comes from segments, which
// overlap where events were late, and of which repeated events are duplicates.
func TestModelSealed(t *testing.T) {
	rounds(t, 100)
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(5, 8)
		m.open(t)
		defer func() { _ = m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				m.settle(t)
				m.restart(t)
				m.compareLogs(t)
			},
			"append":   m.append,
			"append2":  m.append,
			"repeat":   m.repeat,
			"tick":     m.tick,
			"query":    m.query,
			"event":    m.event,
			"secret":   m.secret,
			"identity": m.identity,
			"accesses": m.accesses,
			"values":   m.values,
			"news":     m.news,
			"branches": m.branches,
			"summary":  m.summary,
			"crash":    m.crash,
		})
	})
}

// rounds sets how often rapid.Check tries, unless the command line does. If it
// fails, it prints the seed.
func rounds(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	check(t, flag.Set("rapid.nofailfile", "true"))
	check(t, f.Value.Set(strconv.Itoa(n)))
	t.Cleanup(func() { check(t, f.Value.Set(f.DefValue)) })
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// machine is a store and what it should hold.
type machine struct {
	clock *clock
	fs    *vfs.Mem
	s     *store.Store
	logs  map[audit.TenantID]*sliceLog
	most  int // events of a page
	seal  int // events of a segment

	changed <-chan struct{} // told of operations on fs
}

func newMachine(most, seal int) *machine {
	return &machine{
		clock: newClock(), fs: vfs.NewMem(), most: most, seal: seal,
		logs: map[audit.TenantID]*sliceLog{acme: newSliceLog(), bravo: newSliceLog(), ghost: newSliceLog()},
	}
}

// limit draws a limit of a page.
func (m *machine) limit(t *rapid.T) int {
	return rapid.IntRange(m.most/5, m.most).Draw(t, "limit")
}

func (m *machine) open(t failer) {
	opts := optionsAt(m.clock)
	opts.WALFileSize = int64(400 * m.most)
	opts.SealEvents = m.seal
	s, err := store.Open(m.fs, dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	m.s, m.changed = s, watch(m.fs)
}

// settle waits until less than a segment's events of each tenant are unsealed.
func (m *machine) settle(t failer) {
	for {
		segments, err := sealed(m.fs)
		if err != nil {
			t.Fatal(err)
		}
		waits := false
		for tenant, l := range m.logs {
			end := uint64(0)
			for _, s := range segments {
				if s.Tenant == tenant {
					end = max(end, s.To)
				}
			}
			waits = waits || l.size()-end >= uint64(m.seal)
		}
		if !waits {
			return
		}
		<-m.changed
	}
}

// tenant draws a tenant, seldom one without a log.
func (m *machine) tenant(t *rapid.T) (audit.TenantID, *sliceLog) {
	tenant := pick(t, []audit.TenantID{acme, acme, acme, acme, bravo, bravo, ghost}, "tenant")
	return tenant, m.logs[tenant]
}

func compare[T any](t failer, what string, got, want T, err error) {
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

// check compares the whole of every log.
func (m *machine) check(t *rapid.T) { m.compareLogs(t) }

func (m *machine) compareLogs(t failer) {
	for tenant, l := range m.logs {
		compare(t, "size", m.s.Size(tenant), l.size(), nil)
		var got []audit.Record
		q := audit.Query{Order: audit.OrderIndex, Limit: m.most + 2}
		for more := true; more; more = q.After != nil {
			p, err := m.s.Query(t.Context(), tenant, q)
			compare(t, "error", err, nil, nil)
			got = append(got, p.Records...)
			q.After = p.Next
		}
		compare(t, fmt.Sprintf("the log of %s", tenant), proofs(got), proofs(l.records), nil)
		for i := 1; i < len(got); i++ {
			if got[i].ReceivedAt < got[i-1].ReceivedAt {
				t.Fatalf("received_at goes back at index %d", i)
			}
		}
	}
}

func (m *machine) append(t *rapid.T) {
	tenant := pick(t, someTenants, "tenant")
	m.appendTo(t, tenant, drawBatch(t, m.clock.at(), m.logs[tenant]))
}

// repeat appends events that the log has.
func (m *machine) repeat(t *rapid.T) {
	tenant := pick(t, someTenants, "tenant")
	if known := eventsOf(m.logs[tenant].records); len(known) > 0 {
		m.appendTo(t, tenant, batch(rapid.SliceOfN(rapid.SampledFrom(known), 1, 6).Draw(t, "again")...))
	}
}

func (m *machine) appendTo(t *rapid.T, tenant audit.TenantID, b audit.Batch) {
	l := m.logs[tenant]
	want, code := l.append(m.clock.at(), &b)
	got, err := m.s.Append(t.Context(), tenant, b)
	if audit.ErrorCode(err) != code {
		t.Fatalf("append: error %v, want code %q", err, code)
	}
	opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(audit.Rejection{}, "Message", "Fields")}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Fatalf("receipt differs (-want +got):\n%s", diff)
	}
}

func (m *machine) tick(t *rapid.T) {
	m.clock.advance(pick(t, []audit.Time{audit.Second, audit.Minute, audit.Hour, 25 * audit.Hour}, "tick"))
}

// back sets the clock back. Both logs know the time before: whether a key is
// over by a time that nothing recorded, a restart need not remember.
func (m *machine) back(t *rapid.T) {
	for _, tenant := range someTenants {
		b := batch(event(0))
		m.logs[tenant].append(m.clock.at(), &b)
		if _, err := m.s.Append(t.Context(), tenant, b); err != nil {
			t.Fatal(err)
		}
	}
	m.clock.advance(-audit.Hour)
}

func (m *machine) query(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.Query{Filter: drawFilter(t), Order: drawOrder(t), Limit: pick(t, []int{0, m.limit(t)}, "default")}
	if q.Order == audit.OrderIndex {
		q.FromIndex = uint64(rapid.IntRange(0, int(l.size())+2).Draw(t, "from index"))
	}
	var list []audit.Record
	for _, r := range l.list(&q.Filter, q.Order, l.size()) {
		if r.Index >= q.FromIndex {
			list = append(list, r)
		}
	}
	limit := q.Limit
	if limit == 0 {
		limit = audit.DefaultLimit
	}
	want := page(list, limit, l.size())
	got, err := m.s.Query(t.Context(), tenant, q)
	compare(t, "proofs", proofs(got.Records), proofs(want.Records), err)
	compare(t, "cursor", got.Next, want.Next, nil)
}

// walk reads page after page while events arrive: it sees each of those that
// were there when it began, once and in order.
func (m *machine) walk(t *rapid.T) {
	tenant := pick(t, someTenants, "tenant")
	l := m.logs[tenant]
	q := audit.Query{Filter: drawFilter(t), Order: drawOrder(t), Limit: m.limit(t)}
	want := proofs(l.list(&q.Filter, q.Order, l.size()))
	var got []string
	for {
		p, err := m.s.Query(t.Context(), tenant, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, proofs(p.Records)...)
		if p.Next == nil {
			break
		}
		q.After = p.Next
		switch rapid.IntRange(0, 5).Draw(t, "meanwhile") {
		case 0, 1, 2:
			m.append(t)
		case 3:
			m.restart(t)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("walk differs (-want +got):\n%s", diff)
	}
}

// scan reads all of it in one go, or leaves it early.
func (m *machine) scan(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.Query{Filter: drawFilter(t)}
	want := l.list(&q.Filter, audit.OrderAsc, l.size())
	want = want[:min(len(want), rapid.IntRange(1, 2*len(want)+1).Draw(t, "most"))]
	var got []audit.Record
	var err error
	for r, e := range m.s.Scan(t.Context(), tenant, q) {
		if err = e; err != nil {
			break
		}
		if got = append(got, *r); len(got) == len(want) {
			break
		}
	}
	compare(t, "scan", proofs(got), proofs(want), err)
	var lines []string
	for l, e := range m.s.ScanLines(t.Context(), tenant, q) {
		if err = e; err != nil {
			break
		}
		lines = append(lines, fmt.Sprintf("%d %d %s", l.Timestamp, l.Index, l.Text))
		if len(lines) == len(want) {
			break
		}
	}
	var wanted []string
	for _, r := range want {
		wanted = append(wanted, fmt.Sprintf("%d %d %s", r.Timestamp, r.Index, r.AppendLine(nil)))
	}
	compare(t, "scan of lines", lines, wanted, err)
}

func (m *machine) event(t *rapid.T) {
	tenant, l := m.tenant(t)
	id := audit.DerivedID(0, uint64(rapid.IntRange(0, int(l.size())+1).Draw(t, "index")))
	if rapid.Bool().Draw(t, "named") {
		id = audit.EventID(fmt.Sprintf("log_p%d", rapid.IntRange(0, 10).Draw(t, "name")))
	}
	within := some(t, somePaths[1:], "within")
	want, ok := l.find(id, within)
	got, err := m.s.Event(t.Context(), tenant, id, within)
	if !ok {
		if audit.ErrorCode(err) != audit.CodeEventNotFound {
			t.Fatalf("event %s: error %v, want %s", id, err, audit.CodeEventNotFound)
		}
		return
	}
	compare(t, "event", got, want, err)
}

func (m *machine) secret(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.Query{Filter: drawFilter(t), Order: drawOrder(t), Limit: m.limit(t)}
	q.SecretPath = pick(t, somePaths[1:], "secret")
	want := audit.SecretTrail{Path: q.SecretPath,
		Page: page(l.list(&q.Filter, q.Order, l.size()), q.Limit, l.size())}
	var list []audit.Record
	want.Summary.TrailSummary, list = l.trail(audit.Filter{SecretPath: q.SecretPath, Within: q.Within}, m.clock.at())
	identities := countBy(list, identityOf)
	want.Summary.UniqueIdentities = len(identities)
	want.Summary.TopIdentities = identities.identities(audit.DefaultTop)
	got, err := m.s.Secret(t.Context(), tenant, q)
	compare(t, "secret", got, want, err)
}

func (m *machine) identity(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.Query{Filter: drawFilter(t), Order: drawOrder(t), Limit: m.limit(t)}
	q.IdentityID = pick(t, someIdentities, "who")
	want := audit.IdentityTrail{IdentityID: q.IdentityID,
		Page: page(l.list(&q.Filter, q.Order, l.size()), q.Limit, l.size())}
	f := audit.Filter{IdentityID: q.IdentityID, Within: q.Within}
	var list []audit.Record
	want.Summary.TrailSummary, list = l.trail(f, m.clock.at())
	paths := countBy(list, pathOf)
	want.Summary.UniqueResources = len(paths)
	want.Summary.TopResources = paths.paths(audit.DefaultTop)
	if ever := l.list(&f, audit.OrderDesc, l.size()); len(ever) > 0 {
		want.IdentityType = ever[0].IdentityType
	}
	got, err := m.s.Identity(t.Context(), tenant, q)
	compare(t, "identity", got, want, err)
}

// accesses reads page after page while events arrive.
func (m *machine) accesses(t *rapid.T) {
	tenant := pick(t, someTenants, "tenant")
	l := m.logs[tenant]
	q := audit.AccessQuery{Filter: drawFilter(t), Limit: m.limit(t)}
	size := l.size()
	want := l.accesses(&q.Filter, size)
	got := []audit.Access{}
	for {
		p, err := m.s.Accesses(t.Context(), tenant, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Accesses...)
		if p.Next == nil {
			break
		}
		compare(t, "cursor", p.Next, &audit.Cursor{Size: size, Skip: uint64(len(got))}, nil)
		q.After = p.Next
		if rapid.Bool().Draw(t, "meanwhile") {
			m.append(t)
		}
	}
	compare(t, "accesses", got, want, nil)
}

func (m *machine) values(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.ValuesQuery{
		Field: pick(t, []audit.ValuesField{audit.FieldIdentityID, audit.FieldSecretPath, audit.FieldSourceIP,
			audit.FieldAction, audit.FieldUserAgent}, "field"),
		Contains: pick(t, []string{"", "a", "web", "0.0", "none"}, "contains"),
		Limit:    rapid.IntRange(0, 4).Draw(t, "limit"),
		Within:   some(t, somePaths[1:], "within"),
	}
	q.From, q.To = drawRange(t)
	q.Default(m.clock.time())
	got, err := m.s.Values(t.Context(), tenant, q)
	compare(t, "values", got, l.values(&q), err)
}

func (m *machine) news(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.NewsQuery{
		Field: pick(t, []audit.ValuesField{audit.FieldIdentityID, audit.FieldSecretPath, audit.FieldSourceIP}, "field"),
		From:  drawTime(t, begin), To: drawTime(t, begin),
		Skip: rapid.IntRange(0, 3).Draw(t, "skip"), Limit: rapid.IntRange(1, 4).Draw(t, "limit"),
		Within: some(t, somePaths[1:], "within"),
	}
	got, err := m.s.News(t.Context(), tenant, q)
	compare(t, "news", got, l.news(&q), err)
}

func (m *machine) branches(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.BranchQuery{
		Under: pick(t, append(somePaths, "none"), "under"), ByEvents: rapid.Bool().Draw(t, "by events"),
		From: drawTime(t, begin), To: drawTime(t, begin),
		Skip: rapid.IntRange(0, 3).Draw(t, "skip"), Limit: rapid.IntRange(1, 9).Draw(t, "limit"),
		Within: some(t, somePaths[1:], "within"),
	}
	got, err := m.s.Branches(t.Context(), tenant, q)
	compare(t, "branches", got, l.branches(&q), err)
}

func (m *machine) summary(t *rapid.T) {
	tenant, l := m.tenant(t)
	q := audit.SummaryQuery{Filter: drawFilter(t), Top: rapid.IntRange(0, 3).Draw(t, "top"),
		Interval: pick(t, []audit.Time{0, 5 * audit.Hour, audit.Day, 30 * audit.Day}, "interval")}
	if err := q.Default(m.clock.time()); err != nil {
		t.Fatal(err)
	}
	got, err := m.s.Summary(t.Context(), tenant, q)
	compare(t, "summary", got, l.summary(&q), err)
}

func (m *machine) restart(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

// crash cuts the power: every append was acknowledged, so nothing is lost.
func (m *machine) crash(t *rapid.T) {
	keep := pick(t, []float64{0, 0.5, 1}, "keep")
	clone := m.fs.CrashClone(keep, int64(rapid.IntRange(0, 1<<20).Draw(t, "seed")))
	_ = m.s.Close()
	m.fs = clone
	m.open(t)
}
