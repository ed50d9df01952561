package store_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// wreck is a log of a few small files, and what it holds.
type wreck struct {
	files   map[string][]byte
	names   []string
	records map[audit.TenantID][]audit.Record
	frames  []frame
}

// frame is where a batch stands: it ends at end of the file.
type frame struct {
	file   string
	end    int
	tenant audit.TenantID
	index  uint64 // of its last event
}

// newWreck makes a log. Its seed makes it differ from others in what it says,
// not in lengths. The tenant bravo is in the second file only.
func newWreck(t *testing.T, seed int, clean bool) *wreck {
	t.Helper()
	m := vfs.NewMem()
	opts := options()
	opts.WALFileSize = 900
	s := open(t, m, opts)
	x := &wreck{records: make(map[audit.TenantID][]audit.Record)}
	for i, tenant := range []audit.TenantID{
		acme, acme, "carol", acme, bravo, bravo, "carol", acme, acme, "carol", acme} {
		e := event(100*seed + i)
		if i%3 == 0 {
			e = named(100*seed + i)
		}
		r := put(t, s, tenant, e)
		names := walFiles(t, m)
		last := names[len(names)-1]
		x.frames = append(x.frames, frame{last, len(readFile(t, m, last)), tenant, *r.LastIndex})
	}
	for _, tenant := range s.Tenants() {
		x.records[tenant] = walk(t, s, tenant, byIndex())
	}
	if clean {
		check(t, s.Close())
	}
	x.files, x.names = contents(t, m), walFiles(t, m)
	if len(x.names) < 4 || x.frames[4].file != x.names[1] || x.frames[5].file != x.names[1] {
		t.Fatalf("the log has other files than the tests want: %v", x.frames)
	}
	return x
}

// edit returns the log's files with one changed.
func (x *wreck) edit(name string, change func(b []byte) []byte) map[string][]byte {
	files := maps.Clone(x.files)
	files[name] = change(bytes.Clone(files[name]))
	return files
}

// lostFrom returns the events of the frames that reach beyond offset of a file.
func (x *wreck) lostFrom(file string, offset int) map[audit.TenantID]int {
	lost := make(map[audit.TenantID]int)
	for _, f := range x.frames {
		if f.file > file || f.file == file && f.end > offset {
			lost[f.tenant]++
		}
	}
	return lost
}

func (x *wreck) lastName() string { return x.names[len(x.names)-1] }

// outcome is what a store makes of damage.
type outcome string

const (
	harmless outcome = "harmless" // everything is there
	detected outcome = "detected" // queries that may lack events say so
	cutOff   outcome = "cut off"  // the end is lost, as after a crash
)

// judge opens damaged files. The store may lose, without a word, at most the
// given number of events at the end of a tenant's log. It returns the worst
// outcome over the tenants.
func (x *wreck) judge(t *testing.T, what string, files map[string][]byte, lose map[audit.TenantID]int) outcome {
	t.Helper()
	opts := options()
	opts.WALFileSize = 900
	m := disk(t, files)
	s, err := store.Open(m, dir, opts)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	worst := harmless
	added := make(map[audit.TenantID]audit.Record)
	tenants := append(slices.Sorted(maps.Keys(x.records)), ghost)
	for _, tenant := range tenants {
		o := x.judgeTenant(t, what, s, tenant, lose[tenant], nil)
		if o == detected || worst == harmless {
			worst = o
		}
		r := put(t, s, tenant, event(99))
		if least := len(x.records[tenant]) - lose[tenant]; *r.FirstIndex < uint64(least) {
			t.Fatalf("%s: %s: index %d is given again", what, tenant, *r.FirstIndex)
		}
		e := event(99)
		e.ID = audit.DerivedID(0, *r.FirstIndex)
		added[tenant] = audit.Record{Event: e, Index: *r.FirstIndex, ReceivedAt: begin}
	}
	check(t, s.Close())
	s, err = store.Open(m, dir, opts)
	if err != nil {
		t.Fatalf("%s: second open: %v", what, err)
	}
	for _, tenant := range tenants {
		x.judgeTenant(t, what+", opened again", s, tenant, lose[tenant], []audit.Record{added[tenant]})
	}
	check(t, s.Close())
	return worst
}

// judgeTenant compares what can be read of a tenant with what was written,
// and with what was added since.
func (x *wreck) judgeTenant(t *testing.T, what string, s *store.Store, tenant audit.TenantID, lose int,
	added []audit.Record) outcome {
	t.Helper()
	want := x.records[tenant]
	_, err := readAll(t.Context(), s, tenant)
	got, ranges := readAround(t, s, tenant, 1)
	inDamage := func(index uint64) bool {
		return slices.ContainsFunc(ranges, func(r audit.IndexRange) bool { return r.From <= index && index < r.To })
	}
	if (err != nil) != (len(ranges) > 0) {
		t.Fatalf("%s: %s: error %v, damaged %v", what, tenant, err, ranges)
	}
	o := harmless
	if err != nil {
		o = detected
	}
	for i, r := range want {
		g, ok := got[r.Index]
		delete(got, r.Index)
		lost := i >= len(want)-lose && len(added) == 0 || i >= len(want)-lose && g.ID == added[0].ID
		_, eventErr := s.Event(t.Context(), tenant, r.ID, nil)
		switch {
		case ok && cmp.Equal(g, r) && eventErr == nil:
		case !ok && inDamage(r.Index) && audit.ErrorCode(eventErr) == audit.CodeDataDamaged:
		case lost && err == nil:
			o = cutOff
			if ok {
				got[r.Index] = g
			}
		case lost && !ok:
		default:
			t.Fatalf("%s: %s: index %d: is %v (%v), damaged %v, event: %v",
				what, tenant, r.Index, ok, g, ranges, eventErr)
		}
	}
	for _, r := range added {
		if g, ok := got[r.Index]; !ok || !cmp.Equal(g, r) {
			t.Fatalf("%s: %s: what was added at %d is gone", what, tenant, r.Index)
		}
		delete(got, r.Index)
	}
	if len(got) > 0 {
		t.Fatalf("%s: %s: nobody wrote %v", what, tenant, got)
	}
	return o
}

// readAround reads a tenant's log in the order of indexes, in pages of limit
// events, around what is damaged.
func readAround(t *testing.T, s *store.Store, tenant audit.TenantID, limit int) (map[uint64]audit.Record,
	[]audit.IndexRange) {
	t.Helper()
	got := make(map[uint64]audit.Record)
	var damaged []audit.IndexRange
	for next := uint64(0); ; {
		p, err := s.Query(t.Context(), tenant, audit.Query{Order: audit.OrderIndex, FromIndex: next, Limit: limit})
		if err == nil && len(p.Records) == 0 {
			return got, damaged
		}
		if err == nil {
			for _, r := range p.Records {
				got[r.Index] = r
				next = r.Index + 1
			}
			continue
		}
		ranges := damagedRanges(err)
		if len(ranges) == 0 || ranges[0].From > next || ranges[0].To <= next {
			t.Fatalf("%s from %d: %v %v", tenant, next, err, ranges)
		}
		damaged = append(damaged, ranges[0])
		next = ranges[0].To
	}
}

// step is 1, or more to look at a part of all places only.
func step(n int) int {
	if testing.Short() {
		return n
	}
	return 1
}

func TestDamageOfEveryByte(t *testing.T) {
	t.Parallel()
	for _, clean := range []bool{true, false} {
		x := newWreck(t, 1, clean)
		outcomes := make(map[outcome]int)
		for _, name := range x.names {
			if !clean && name != x.lastName() {
				continue // only in the last file does a clean end matter
			}
			for i := 0; i < len(x.files[name]); i += step(23) {
				var lose map[audit.TenantID]int
				if last := x.frames[len(x.frames)-1]; !clean && name == last.file &&
					i >= x.frames[len(x.frames)-2].end {
					lose = map[audit.TenantID]int{last.tenant: 1}
				}
				files := x.edit(name, func(b []byte) []byte { b[i] ^= 1 << (i % 8); return b })
				outcomes[x.judge(t, fmt.Sprintf("clean %v, %s, bit of byte %d", clean, name, i), files, lose)]++
			}
		}
		t.Logf("clean %v: %v", clean, outcomes)
		if outcomes[detected] == 0 || clean && outcomes[cutOff] > 0 || !clean && outcomes[cutOff] == 0 {
			t.Errorf("clean %v: implausible outcomes: %v", clean, outcomes)
		}
	}
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	for _, clean := range []bool{true, false} {
		x := newWreck(t, 1, clean)
		for _, name := range x.names {
			if !clean && name != x.lastName() {
				continue
			}
			for n := 0; n < len(x.files[name]); n += step(17) {
				// Nothing vouches for the end of the last file.
				var lose map[audit.TenantID]int
				if name == x.lastName() {
					lose = x.lostFrom(name, n)
				}
				files := x.edit(name, func(b []byte) []byte { return b[:n] })
				o := x.judge(t, fmt.Sprintf("clean %v, %s cut at %d", clean, name, n), files, lose)
				if name != x.lastName() && o != detected {
					t.Errorf("clean %v: %s cut at %d: %s", clean, name, n, o)
				}
			}
		}
	}
}

func TestMisplacedFiles(t *testing.T) {
	x, other := newWreck(t, 1, true), newWreck(t, 2, true)
	wrong := make(map[string]map[string][]byte)
	for i, name := range x.names {
		if name != x.lastName() {
			files := maps.Clone(x.files)
			delete(files, name)
			wrong["without "+name] = files
		}
		if i > 0 { // what stands for the first file decides which log it is
			wrong[name+" of another log"] = x.edit(name, func([]byte) []byte { return other.files[name] })
		}
		wrong[name+" garbled"] = x.edit(name, func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) })
		wrong[name+" zeroed"] = x.edit(name, func(b []byte) []byte { return make([]byte, len(b)) })
		wrong["garbage behind "+name] = x.edit(name, func(b []byte) []byte { return append(b, "garbage"...) })
		for _, with := range x.names[:i] {
			files := x.edit(name, func([]byte) []byte { return x.files[with] })
			files[with] = x.files[name]
			wrong[name+" and "+with+" swapped"] = files
		}
	}
	for what, files := range wrong {
		if o := x.judge(t, what, files, nil); o != detected {
			t.Errorf("%s: %s", what, o)
		}
	}
}

// TestStaleFrames puts good frames behind the end, as a disk may that reuses
// blocks: of another file, or of another place of the same file.
func TestStaleFrames(t *testing.T) {
	x := newWreck(t, 1, false)
	last, prior := x.lastName(), x.names[len(x.names)-2]
	for what, stale := range map[string][]byte{
		"file before":  x.files[prior][36:],
		"same file":    x.files[last][36:],
		"of same size": x.files[last][x.frames[len(x.frames)-2].end:],
	} {
		files := x.edit(last, func(b []byte) []byte { return append(b, stale...) })
		if o := x.judge(t, what, files, nil); o != harmless {
			t.Errorf("%s: %s", what, o)
		}
	}
}

// TestTornEndIsKept checks that what recovery cuts off stands in a file of its
// own, byte for byte.
func TestTornEndIsKept(t *testing.T) {
	x := newWreck(t, 1, false)
	last := x.lastName()
	end := x.frames[len(x.frames)-2].end
	m := disk(t, x.edit(last, func(b []byte) []byte { return b[:len(b)-1] }))
	check(t, open(t, m, options()).Close())
	torn := files(t, m, ".torn")
	if len(torn) != 1 || !strings.HasPrefix(torn[0], last+".") {
		t.Fatalf("torn files: %v", torn)
	}
	if diff := cmp.Diff(x.files[last][end:len(x.files[last])-1], readFile(t, m, torn[0])); diff != "" {
		t.Errorf("torn file differs (-want +got):\n%s", diff)
	}
}

// TestLaterFormat opens a log of a format that a later program wrote.
func TestLaterFormat(t *testing.T) {
	x := newWreck(t, 1, true)
	for _, name := range x.names {
		files := x.edit(name, func(b []byte) []byte {
			binary.LittleEndian.PutUint16(b[6:], 2)
			crc := crc32.Checksum(b[:32], crc32.MakeTable(crc32.Castagnoli))
			binary.LittleEndian.PutUint32(b[32:], crc)
			return b
		})
		m := disk(t, files)
		_, err := store.Open(m, dir, options())
		want := name + ": unsupported format version 2: this program reads version 1"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if diff := cmp.Diff(files, contents(t, m)); diff != "" {
			t.Errorf("files changed (-want +got):\n%s", diff)
		}
		if lock, err := m.Lock(dir + "/LOCK"); err != nil {
			t.Errorf("the directory stays locked: %v", err)
		} else {
			check(t, lock.Close())
		}
	}
}

// TestDamageOfWhatNobodyElseTells damages the only file before any tenant is
// known: every tenant may have lost events, and says so.
func TestDamageOfWhatNobodyElseTells(t *testing.T) {
	m := vfs.NewMem()
	s := open(t, m, options())
	put(t, s, acme, event(1), event(2))
	check(t, s.Close())
	files := contents(t, m)
	for _, b := range files {
		b[60] ^= 1
	}
	s = open(t, disk(t, files), options())
	_, err := s.Query(t.Context(), acme, audit.Query{})
	wantCode(t, err, audit.CodeDataDamaged)
	r := put(t, s, acme, event(3))
	if *r.FirstIndex < 2 {
		t.Errorf("index %d is given again", *r.FirstIndex)
	}
	p, err := s.Query(t.Context(), acme, audit.Query{Order: audit.OrderIndex, FromIndex: *r.FirstIndex})
	check(t, err)
	if len(p.Records) != 1 {
		t.Errorf("%d records behind the damage, want 1", len(p.Records))
	}
}
