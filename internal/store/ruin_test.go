package store_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// ruin is the files of a store with segments, a manifest and a write-ahead log
// of several files, and what it answers while they are whole: acme, bravo and
// carol have segments, acme and bravo events behind them, delta no others.
type ruin struct {
	files     map[string][]byte
	older     []byte // the manifest of before the last segments
	frames    []frame
	records   map[audit.TenantID][]audit.Record
	sealed    map[audit.TenantID]uint64 // the first index that is in no segment
	questions []question
	inWAL     uint64 // the segment of acme that begins here is in the write-ahead log too
}

// question is one that the store is asked, and its answer.
type question struct {
	tenant audit.TenantID
	name   string
	ask    func(s *store.Store) (any, error)
	want   any
	index  int // of the event that it is about; -1: of many
}

var ruinTenants = []audit.TenantID{acme, bravo, "carol", "delta", ghost}

func ruinOptions() store.Options {
	opts := options()
	opts.WALFileSize = 1300
	return opts
}

// newRuin makes the store, which ends in order (clean) or not.
func newRuin(t *testing.T, clean bool) *ruin {
	t.Helper()
	m := vfs.NewMem()
	changed := watch(m)
	s := open(t, m, ruinOptions())
	b := &ruinBuilder{t: t, fs: m, s: s, changed: changed,
		ruin: &ruin{records: make(map[audit.TenantID][]audit.Record), sealed: make(map[audit.TenantID]uint64)}}
	b.append(40, acme, bravo, acme, "carol", acme)
	b.settle(40)
	b.older = bytes.Clone(readFile(t, m, "manifest"))
	b.append(40, acme, bravo, acme, "carol", acme)
	b.settle(80)
	// The answer to its key keeps the file of a batch that is sealed at once.
	keyed := batch(ruinEvents(80, 8)...)
	keyed.Key = "key"
	r, err := s.Append(t.Context(), acme, keyed)
	check(t, err)
	b.note(acme, &r)
	b.inWAL = *r.FirstIndex
	b.settle(88)
	b.append(5, "delta")
	b.append(9, acme, bravo, acme)
	for _, tenant := range s.Tenants() {
		b.records[tenant] = walk(t, s, tenant, byIndex())
	}
	if clean {
		check(t, s.Close())
	}
	end := m.CrashClone(1, 0)
	named, err := sealed(end)
	check(t, err)
	b.files = snapshot(t, end, ".")
	maps.DeleteFunc(b.files, func(name string, _ []byte) bool {
		tenant, r, ok := segmentName(name)
		return ok && !slices.Contains(named, sealedRange{tenant, r.From, r.To})
	})
	b.ask(t)
	return b.ruin
}

type ruinBuilder struct {
	*ruin
	t       *testing.T
	fs      *vfs.Mem
	s       *store.Store
	changed <-chan struct{}
	n       int // events so far
}

// append appends n events in turn to the tenants' logs.
func (b *ruinBuilder) append(n int, tenants ...audit.TenantID) {
	for i := range n {
		tenant := tenants[i%len(tenants)]
		r := put(b.t, b.s, tenant, ruinEvents(b.n, 1)...)
		b.note(tenant, &r)
	}
}

// note notes where a batch stands.
func (b *ruinBuilder) note(tenant audit.TenantID, r *audit.Receipt) {
	names := walFiles(b.t, b.fs)
	last := names[len(names)-1]
	b.frames = append(b.frames, frame{last, len(readFile(b.t, b.fs, last)), tenant, *r.LastIndex})
	b.n += r.Accepted
}

// settle waits until n events are sealed and the write-ahead log has one file.
func (b *ruinBuilder) settle(n uint64) {
	for {
		sum := uint64(0)
		segments, err := sealed(b.fs)
		check(b.t, err)
		for _, s := range segments {
			sum += s.To - s.From
			b.sealed[s.Tenant] = max(b.sealed[s.Tenant], s.To)
		}
		if sum == n && len(walFiles(b.t, b.fs)) == 1 {
			return
		}
		<-b.changed
	}
}

// ruinEvents returns events, some with ids, some late.
func ruinEvents(first, n int) []audit.Event {
	var events []audit.Event
	for i := first; i < first+n; i++ {
		e := event(i)
		if i%5 == 0 {
			e = named(i)
		}
		if i%7 == 0 {
			e.Timestamp -= audit.Minute
		}
		events = append(events, e)
	}
	return events
}

// snapshot returns the files of a store, below the directory at.
func snapshot(t *testing.T, fsys vfs.FS, at string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	names, err := fsys.List(path.Join(dir, at))
	check(t, err)
	for _, name := range names {
		name = path.Join(at, name)
		info, err := fsys.Stat(dir + "/" + name)
		check(t, err)
		if info.Dir {
			maps.Copy(files, snapshot(t, fsys, name))
		} else if name != "LOCK" {
			files[name] = bytes.Clone(readFile(t, fsys, name))
		}
	}
	return files
}

// ask asks the store, while its files are whole, what it will be asked again.
func (x *ruin) ask(t *testing.T) {
	t.Helper()
	s := open(t, disk(t, x.files), ruinOptions())
	from, to := begin-audit.Hour, begin+audit.Hour
	for _, tenant := range ruinTenants {
		add := func(name string, index int, ask func(*store.Store) (any, error)) {
			want, err := ask(s)
			if err != nil {
				t.Fatalf("%s of %s: %v", name, tenant, err)
			}
			x.questions = append(x.questions, question{tenant, name, ask, want, index})
		}
		all := audit.Query{Limit: audit.MaxLimit}
		add("newest", -1, func(s *store.Store) (any, error) { return s.Query(t.Context(), tenant, all) })
		add("summary", -1, func(s *store.Store) (any, error) {
			return s.Summary(t.Context(), tenant, audit.SummaryQuery{
				Filter: audit.Filter{From: &from, To: &to}, Top: 3, Interval: audit.Hour})
		})
		add("secret", -1, func(s *store.Store) (any, error) {
			q := all
			q.SecretPath = "prod/app-1/key"
			return s.Secret(t.Context(), tenant, q)
		})
		add("identity", -1, func(s *store.Store) (any, error) {
			q := all
			q.IdentityID = "sa:worker-1"
			return s.Identity(t.Context(), tenant, q)
		})
		add("request", -1, func(s *store.Store) (any, error) {
			return s.Query(t.Context(), tenant, audit.Query{Filter: audit.Filter{RequestID: "req-000011"}})
		})
		for _, r := range x.records[tenant] {
			index := int(r.Index)
			if _, _, derived := r.ID.Derived(); !derived {
				index = -1 // it is looked for everywhere
			}
			add(string(r.ID), index, func(s *store.Store) (any, error) {
				return s.Event(t.Context(), tenant, r.ID, nil)
			})
		}
	}
	check(t, s.Close())
}

// blow is what became of the files, and what the store may make of it.
type blow struct {
	what  string
	files map[string][]byte
	// named are the indexes that the store may say are lost.
	named map[audit.TenantID][]audit.IndexRange
	// lose is how many events at the end of a log may be gone in silence: what
	// nobody vouches for.
	lose map[audit.TenantID]int
}

// strike returns the blow that changes a file; without content it is removed.
func (x *ruin) strike(what, name string, content []byte) *blow {
	b := &blow{what: name + ": " + what, files: maps.Clone(x.files), named: x.within(name)}
	if b.files[name] = content; content == nil {
		delete(b.files, name)
	}
	return b
}

// within returns the indexes that damage of a file may cost: those of a
// segment, or what is not in segments.
func (x *ruin) within(name string) map[audit.TenantID][]audit.IndexRange {
	if tenant, s, ok := segmentName(name); ok {
		return map[audit.TenantID][]audit.IndexRange{tenant: {s}}
	}
	named := make(map[audit.TenantID][]audit.IndexRange)
	for _, tenant := range ruinTenants {
		named[tenant] = []audit.IndexRange{{From: x.sealed[tenant], To: math.MaxUint64}}
	}
	return named
}

// segmentName returns what the name of a segment's file says.
func segmentName(name string) (tenant audit.TenantID, r audit.IndexRange, ok bool) {
	before, file, ok := strings.Cut(name, "/")
	if ok {
		_, err := fmt.Sscanf(file, "%x-%x.seg", &r.From, &r.To)
		ok = err == nil
	}
	return audit.TenantID(before), r, ok
}

func (x *ruin) names() []string { return slices.Sorted(maps.Keys(x.files)) }

// lastWAL returns the name of the file that was written last.
func (x *ruin) lastWAL() string { return x.frames[len(x.frames)-1].file }

// judge opens the store after a blow, asks it everything and appends to each
// log; if again is set, it opens it a second time. It returns the worst that
// came of it.
func (x *ruin) judge(t *testing.T, b *blow, again bool) outcome {
	t.Helper()
	m := disk(t, b.files)
	s, err := store.Open(m, dir, ruinOptions())
	if err != nil {
		t.Fatalf("%s: %v", b.what, err)
	}
	worst := harmless
	lost := make(map[audit.TenantID]int)
	for _, tenant := range ruinTenants {
		if lost[tenant] = x.read(t, b, s, tenant, nil); lost[tenant] > 0 {
			worst = cutOff
		}
	}
	for i := range x.questions {
		q := &x.questions[i]
		if q.index >= 0 && b.named[q.tenant] == nil && !again {
			continue // of hundreds of lookups that nothing was done to
		}
		if x.answer(t, b, s, q, lost[q.tenant]) == detected {
			worst = detected
		}
	}
	added := make(map[audit.TenantID]audit.Record)
	for _, tenant := range ruinTenants {
		e := event(99)
		r := put(t, s, tenant, e)
		if least := len(x.records[tenant]) - lost[tenant]; *r.FirstIndex < uint64(least) {
			t.Fatalf("%s: %s: index %d is given again", b.what, tenant, *r.FirstIndex)
		}
		e.ID = audit.DerivedID(0, *r.FirstIndex)
		added[tenant] = audit.Record{Event: e, Index: *r.FirstIndex, ReceivedAt: begin}
	}
	check(t, s.Close())
	x.kept(t, b, m)
	if !again {
		return worst
	}
	s, err = store.Open(m, dir, ruinOptions())
	if err != nil {
		t.Fatalf("%s: second open: %v", b.what, err)
	}
	for _, tenant := range ruinTenants {
		r := added[tenant]
		x.read(t, b, s, tenant, &r)
	}
	check(t, s.Close())
	return worst
}

// kept checks that no file of a segment is gone, unless its events are in the
// write-ahead log.
func (x *ruin) kept(t *testing.T, b *blow, fsys vfs.FS) {
	t.Helper()
	for name, content := range b.files {
		if _, s, ok := segmentName(name); ok && s.From < x.inWAL && !bytes.Equal(content, readFile(t, fsys, name)) {
			t.Fatalf("%s: %s is another one", b.what, name)
		}
	}
}

// read reads a log around what the store says is lost, and returns how many
// events are gone in silence. added was appended since.
func (x *ruin) read(t *testing.T, b *blow, s *store.Store, tenant audit.TenantID, added *audit.Record) int {
	t.Helper()
	got, damaged := readAround(t, s, tenant, audit.MaxLimit)
	for _, r := range damaged {
		b.mayName(t, "the log in order", tenant, r)
	}
	if added != nil {
		if g, ok := got[added.Index]; !ok || g != *added {
			t.Fatalf("%s: %s: what was added at %d is gone", b.what, tenant, added.Index)
		}
		delete(got, added.Index)
	}
	lost := 0
	for i, r := range x.records[tenant] {
		g, ok := got[r.Index]
		delete(got, r.Index)
		switch {
		case ok && g == r && lost == 0:
		case !ok && slices.ContainsFunc(damaged, func(d audit.IndexRange) bool {
			return d.From <= r.Index && r.Index < d.To
		}):
		case !ok && i >= len(x.records[tenant])-b.lose[tenant]:
			lost++
		default:
			t.Fatalf("%s: %s: index %d: is %v, damaged %v\n%s", b.what, tenant, r.Index, ok, damaged, cmp.Diff(r, g))
		}
	}
	if len(got) > 0 {
		t.Fatalf("%s: %s: nobody wrote %v", b.what, tenant, got)
	}
	return lost
}

// answer asks a question of a log whose last lost events are gone.
func (x *ruin) answer(t *testing.T, b *blow, s *store.Store, q *question, lost int) outcome {
	t.Helper()
	got, err := q.ask(s)
	switch ranges := damagedRanges(err); {
	case err == nil && reflect.DeepEqual(got, q.want):
		return harmless
	case lost > 0 && (err == nil && q.index < 0 || audit.ErrorCode(err) == audit.CodeEventNotFound):
		return cutOff
	case err == nil:
		t.Fatalf("%s: %s of %s (-want +got):\n%s", b.what, q.name, q.tenant, cmp.Diff(q.want, got))
	case len(ranges) == 0:
		t.Fatalf("%s: %s of %s: %v", b.what, q.name, q.tenant, err)
	default:
		for _, r := range ranges {
			b.mayName(t, q.name, q.tenant, r)
			if index := uint64(q.index); q.index >= 0 && (index < r.From || index >= r.To) {
				t.Fatalf("%s: %s of %s, at index %d: %v", b.what, q.name, q.tenant, q.index, err)
			}
		}
	}
	return detected
}

// mayName fails the test if the store may not say that a range is lost.
func (b *blow) mayName(t *testing.T, what string, tenant audit.TenantID, r audit.IndexRange) {
	t.Helper()
	if r.From >= r.To || !slices.ContainsFunc(b.named[tenant], func(most audit.IndexRange) bool {
		return most.From <= r.From && r.To <= most.To
	}) {
		t.Fatalf("%s: %s of %s: says that %v is lost; %v may be", b.what, what, tenant, r, b.named[tenant])
	}
}
