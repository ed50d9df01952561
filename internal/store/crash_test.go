package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// cut is a disk after a power cut, and what was acknowledged before.
type cut struct {
	fs    *vfs.Mem
	acked []ack
	op    string
	seed  int64
}

// powerCuts is what came out of many power cuts.
type powerCuts struct {
	cuts, recoveries, torn, files int
	merged                        int // files of segments that another one stood for
	violations                    []string
}

// cutPower lets a ledger drive a store on the disk that wrap makes, and cuts
// the power before every operation that changes the disk. It recovers from
// each cut, cutting the power there too; in short tests from one in four, which
// are of every kind.
func cutPower(ctx context.Context, seed int64, wrap func(vfs.FS) vfs.FS) powerCuts {
	var p powerCuts
	l := newLedger()
	m := vfs.NewMem()
	var mu sync.Mutex // one hook at a time
	var cuts []cut
	hook := func(op vfs.Op) {
		mu.Lock()
		defer mu.Unlock()
		what := fmt.Sprintf("%s %s", op.Kind, op.Name)
		if op.Kind == vfs.OpRemove && strings.HasSuffix(op.Name, ".seg") {
			p.merged++
		}
		cuts = append(cuts, cutsOf(m, l.acks(), what, seed<<20+int64(len(cuts)))...)
	}
	m.OnOp(hook)
	if err := l.drive(ctx, wrap(m), rand.New(rand.NewPCG(uint64(seed), 0))); err != nil {
		p.violations = append(p.violations, err.Error())
	}
	m.OnOp(nil)
	hook(vfs.Op{Kind: "end"})
	stride := 1
	if testing.Short() {
		stride = 4
	}
	for i := 0; i < len(cuts); i += stride {
		c := cuts[i]
		p.cuts++
		for _, v := range p.recover(ctx, l, c, wrap) {
			p.violations = append(p.violations,
				fmt.Sprintf("seed %d, power cut %d before %s: %s", seed, c.seed, c.op, v))
		}
	}
	return p
}

// cutsOf returns what the disk may hold after a power cut now: all that was
// not synced is lost, or kept, or some of it is.
func cutsOf(m *vfs.Mem, acked []ack, op string, seed int64) []cut {
	var cuts []cut
	for i, keep := range []float64{0, 1, 0.5, 0.5, 0.9} {
		cuts = append(cuts, cut{m.CrashClone(keep, seed+int64(i)), acked, op, seed + int64(i)})
	}
	return cuts
}

// recover opens the store after a power cut, and again after power cuts during
// that, then has the writers repeat what they sent and cuts the power again.
func (p *powerCuts) recover(ctx context.Context, l *ledger, c cut, wrap func(vfs.FS) vfs.FS) []string {
	before := lastFile(c.fs)
	var during []cut
	if c.seed%3 == 0 {
		c.fs.OnOp(func(op vfs.Op) {
			during = append(during, cutsOf(c.fs, c.acked, string(op.Kind), c.seed)[c.seed%5])
		})
	}
	s, bad := p.open(ctx, l, c, wrap)
	c.fs.OnOp(nil)
	if s == nil {
		return bad
	}
	defer s.Close()
	bad = append(bad, p.kept(before, c.fs)...)
	for _, d := range during {
		s, again := p.open(ctx, l, d, wrap)
		if s != nil {
			_ = s.Close()
		}
		bad = append(bad, again...)
	}
	acked, again := l.retry(ctx, s, c.acked)
	bad = append(bad, again...)
	bad = append(bad, l.verify(ctx, s, acked)...)
	second := cut{c.fs.CrashClone(0.5, c.seed), acked, "retry", c.seed}
	s2, again := p.open(ctx, l, second, wrap)
	if s2 != nil {
		_ = s2.Close()
	}
	return append(bad, again...)
}

// open opens the store and holds it against the ledger.
func (p *powerCuts) open(ctx context.Context, l *ledger, c cut, wrap func(vfs.FS) vfs.FS) (*store.Store, []string) {
	p.recoveries++
	clk := newClock()
	clk.advance(-1) // the battery of the clock is empty as well
	s, err := store.Open(wrap(c.fs), dir, small(clk))
	if err != nil {
		return nil, []string{err.Error()}
	}
	return s, l.verify(ctx, s, c.acked)
}

// walFile is the content of a file of the log.
type walFile struct {
	name string
	data []byte
}

// lastFile returns the last file of the log, if there is one.
func lastFile(fsys vfs.FS) (last walFile) {
	names, _ := fsys.List(dir)
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			last.name = name
		}
	}
	last.data, _ = vfs.ReadFile(fsys, dir+"/"+last.name)
	return last
}

// kept checks that what recovery cut off the last file, the mark of a clean
// end aside, is beside it.
func (p *powerCuts) kept(before walFile, fsys vfs.FS) []string {
	after, err := vfs.ReadFile(fsys, dir+"/"+before.name)
	rest, isPrefix := bytes.CutPrefix(before.data, after)
	names, _ := fsys.List(dir)
	var torn []byte
	for _, name := range names {
		if strings.HasPrefix(name, before.name+".") && strings.HasSuffix(name, ".torn") {
			torn, _ = vfs.ReadFile(fsys, dir+"/"+name)
			p.torn++
		}
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			p.files++
		}
	}
	switch {
	case len(before.data) == 0: // the file was being made
		return nil
	case err == nil && isPrefix && len(torn) == 0 && (len(rest) == 0 || len(rest) == 12):
		return nil
	case bytes.HasSuffix(before.data, torn) && len(torn) > 0:
		return nil
	}
	return []string{fmt.Sprintf("%s: %d of %d bytes are left and %d are kept",
		before.name, len(after), len(before.data), len(torn))}
}

// intact is a disk as it is.
func intact(fsys vfs.FS) vfs.FS { return fsys }

// TestPowerCut cuts the power at every step of appending, rotating, sealing,
// merging, closing, opening and recovering.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	seeds := int64(3)
	if testing.Short() {
		seeds = 1
	}
	var all powerCuts
	for seed := range seeds {
		p := cutPower(t.Context(), seed, intact)
		for _, v := range p.violations[:min(len(p.violations), 5)] {
			t.Error(v)
		}
		all.cuts += p.cuts
		all.recoveries += p.recoveries
		all.torn += p.torn
		all.files += p.files
		all.merged += p.merged
	}
	t.Logf("%d power cuts, %d recoveries, %d torn ends, %d files, %d segments merged",
		all.cuts, all.recoveries, all.torn, all.files, all.merged)
	if all.torn == 0 || all.files < 2*all.cuts || all.merged == 0 {
		t.Error("the scenario tears no ends, rotates no files or merges no segments: it proves nothing")
	}
}

// TestPowerCutFindsLies is the negative control: on disks that do not do what
// they say, the same power cuts must find losses.
func TestPowerCutFindsLies(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(vfs.FS) vfs.FS{
		"sync":           func(f vfs.FS) vfs.FS { return &lying{FS: f, sync: true} },
		"directory sync": func(f vfs.FS) vfs.FS { return &lying{FS: f, syncDir: true} },
	} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			for _, v := range cutPower(t.Context(), 1, wrap).violations {
				if strings.Contains(v, "acknowledged and is lost") {
					lost++
				}
			}
			if lost == 0 {
				t.Error("no loss was found")
			}
		})
	}
}

// TestPowerCutAfterFailedSync lets every sync fail in turn as on Linux, where
// the bytes stay readable and no later sync writes them. The store is opened
// again without a power cut; what it then serves must outlive one.
func TestPowerCutAfterFailedSync(t *testing.T) {
	served := 0
	for n := 0; ; n++ {
		m := vfs.NewMem()
		d := &dirty{FS: m, n: n, clean: make(map[string]bool)}
		l := newLedger()
		err := l.drive(t.Context(), d, rand.New(rand.NewPCG(uint64(n), 0)))
		if !d.failed {
			check(t, err)
			break
		}
		s, err := store.Open(d, dir, small(newClock()))
		check(t, err)
		seen := l.acks()
		for tenant := range l.sent {
			records, err := readAll(t.Context(), s, tenant)
			check(t, err)
			for _, r := range records {
				seen = append(seen, ack{tenant, r.RequestID, r.Index})
			}
			served += len(records)
		}
		seen, bad := l.retry(t.Context(), s, seen)
		for _, keep := range []float64{0, 0.5} {
			var p powerCuts
			after, again := p.open(t.Context(), l, cut{fs: m.CrashClone(keep, int64(n)), acked: seen}, intact)
			bad = append(bad, again...)
			if after != nil {
				check(t, after.Close())
			}
		}
		check(t, s.Close())
		for _, v := range bad {
			t.Errorf("sync %d fails: %s", n, v)
		}
	}
	if served == 0 {
		t.Error("nothing was served after a failed sync: the test proves nothing")
	}
}

// TestMutantWithoutCRC is a negative control: a store that does not look at the
// CRC of frames must fail the power cuts.
func TestMutantWithoutCRC(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a second test binary")
	}
	cmd := exec.Command("go", "test", "-tags", "mutant_nocrc", "-short", "-count=1", "-run", "^TestPowerCut$", ".")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("FAIL: TestPowerCut")) {
		t.Errorf("the mutant was not found: %v\n%s", err, out)
	}
}
