package proof_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// steps are the sizes at which the scenario signs two logs in turn.
var steps = []uint64{0, 1, 255, 256, 300, 511, 512, 513, 600, 600}

// signing is one life of a notary, and what it gave out.
type signing struct {
	log  *memLog
	seen map[audit.TenantID][]byte // the last note that was returned
}

func newSigning() *signing {
	return &signing{newLog(1200), make(map[audit.TenantID][]byte)}
}

// live opens a notary and signs from step to step until something fails.
func (s *signing) live(t *testing.T, fsys vfs.FS, from int) error {
	n, err := proof.Open(fsys, dir, proof.Options{Name: "log.example.com", Log: s.log, Clock: clock})
	if err != nil {
		return err
	}
	for i, size := range steps[from:] {
		tenant := []audit.TenantID{acme, beta}[i%2]
		msg, err := n.Advance(t.Context(), tenant, size)
		if err != nil {
			return errors.Join(err, n.Close())
		}
		s.seen[tenant] = msg
	}
	return n.Close()
}

// check opens a notary on a disk and expects it to know what was given out, and
// to sign on.
func (s *signing) check(t *testing.T, m *vfs.Mem, seen map[audit.TenantID][]byte) (bad []string) {
	fail := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	n, err := proof.Open(m, dir, proof.Options{Name: "log.example.com", Log: s.log, Clock: clock})
	if err != nil {
		return []string{err.Error()}
	}
	defer n.Close()
	for _, tenant := range []audit.TenantID{acme, beta} {
		list, err := n.Verifiers(tenant)
		if err != nil {
			fail("%v", err)
			continue
		}
		keys, _ := proof.ParseVerifiers(list[0])
		given := proof.Checkpoint{}
		if seen[tenant] != nil {
			if given, err = proof.OpenCheckpoint(seen[tenant], keys); err != nil {
				fail("the key is another one: %v", err)
			}
			if last, _, err := n.Latest(tenant); err != nil || last.Size < given.Size {
				fail("%s signed %d lines and knows of %d (%v)", tenant, given.Size, last.Size, err)
			}
		}
		size := s.log.size(tenant)
		msg, err := n.Advance(t.Context(), tenant, size)
		if err != nil {
			fail("advance: %v", err)
			continue
		}
		got, err := proof.OpenCheckpoint(msg, keys)
		if want := s.root(tenant); err != nil || got.Size != size || got.Root != want {
			fail("%s signs %d lines with the root %s (%v), want %s", tenant, got.Size, got.Root, err, want)
		}
		if given.Size > 0 && n.Saw(t.Context(), tenant, seen[tenant]) != nil {
			fail("%s does not continue what it signed", tenant)
		}
	}
	return bad
}

var rootCache = map[audit.TenantID]proof.Hash{}

func (s *signing) root(tenant audit.TenantID) proof.Hash {
	if h, ok := rootCache[tenant]; ok {
		return h
	}
	r := newReference(s.log.lines[tenant])
	rootCache[tenant] = proof.Hash(r.mth(0, len(r.leaves)))
	return rootCache[tenant]
}

// TestEveryPowerCut cuts the power before every operation that changes the
// disk, in three ways, and again while the notary recovers.
func TestEveryPowerCut(t *testing.T) {
	s := newSigning()
	m := vfs.NewMem()
	check(t, m.MkdirAll(dir))
	type cut struct {
		disk *vfs.Mem
		seen map[audit.TenantID][]byte
		op   vfs.Op
	}
	var cuts []cut
	hook := func(op vfs.Op) {
		for i, keep := range []float64{0, 0.5, 1} {
			c := cut{m.CrashClone(keep, int64(3*len(cuts)+i)), make(map[audit.TenantID][]byte), op}
			for tenant, msg := range s.seen {
				c.seen[tenant] = msg
			}
			cuts = append(cuts, c)
		}
	}
	m.OnOp(hook)
	check(t, s.live(t, m, 0))
	m.OnOp(nil)
	for i, c := range cuts {
		var again *vfs.Mem
		if i%4 == 0 {
			at := i / 4 % 12
			c.disk.OnOp(func(vfs.Op) {
				if at--; at == 0 {
					again = c.disk.CrashClone(0.5, int64(i))
				}
			})
		}
		for _, bad := range s.check(t, c.disk, c.seen) {
			t.Errorf("cut %d, before %s %s: %s", i, c.op.Kind, c.op.Name, bad)
		}
		c.disk.OnOp(nil)
		if again != nil {
			for _, bad := range s.check(t, again, c.seen) {
				t.Errorf("cut %d, before %s %s, and again: %s", i, c.op.Kind, c.op.Name, bad)
			}
		}
	}
	t.Logf("%d power cuts", len(cuts))
	if len(cuts) < 100 {
		t.Error("the scenario has too few operations: it proves little")
	}
}

// TestEveryFailure lets the first, second, third … operation of each kind fail,
// once or from then on, until none is left to fail.
func TestEveryFailure(t *testing.T) {
	failures := 0
	for _, sticky := range []bool{false, true} {
		for _, kind := range []vfs.Kind{vfs.OpCreate, vfs.OpAppend, vfs.OpOpen, vfs.OpRead, vfs.OpWrite, vfs.OpSync,
			vfs.OpRename, vfs.OpRemove, vfs.OpMkdir, vfs.OpStat, vfs.OpSyncDir} {
			for n := 0; failOne(t, kind, n, sticky); n++ {
				failures++
			}
		}
	}
	t.Logf("%d failures", failures)
	if failures < 100 {
		t.Error("the scenario has too few operations: it proves little")
	}
}

func failOne(t *testing.T, kind vfs.Kind, n int, sticky bool) bool {
	s := newSigning()
	m := vfs.NewMem()
	check(t, m.MkdirAll(dir))
	f := vfs.Fail(m, n, syscall.EIO)
	f.Kinds, f.Sticky = []vfs.Kind{kind}, sticky
	for life := range 2 { // in the second the files are there
		if err := s.live(t, f, life*(len(steps)-2)); err != nil && !f.Fired() {
			t.Errorf("%s %d: %v", kind, n, err)
		}
	}
	for i, disk := range []*vfs.Mem{m.CrashClone(0, int64(n)), m.CrashClone(0.5, int64(n)), m} {
		for _, bad := range s.check(t, disk, s.seen) {
			t.Errorf("%s %d, sticky %v, disk %d: %s", kind, n, sticky, i, bad)
		}
	}
	return f.Fired()
}

// TestFailureIsOvercome fails every write once: the same notary goes on.
func TestFailureIsOvercome(t *testing.T) {
	s := newSigning()
	s.log.append(acme, 2000)
	for at := 3; ; at++ { // the first three write the key
		m := vfs.NewMem()
		check(t, m.MkdirAll(dir))
		f := vfs.Fail(m, at, syscall.ENOSPC)
		f.Kinds = []vfs.Kind{vfs.OpWrite, vfs.OpSync, vfs.OpRename}
		n, err := proof.Open(f, dir, proof.Options{Name: "log.example.com", Log: s.log, Clock: clock})
		check(t, err)
		tenant := audit.TenantID(fmt.Sprintf("tenant-%d", at))
		s.log.lines[tenant] = s.log.lines[acme]
		for range 2 {
			for _, size := range []uint64{10, 1000, 3000} {
				if _, err := n.Advance(t.Context(), tenant, size); err != nil && !errors.Is(err, syscall.ENOSPC) &&
					!errors.Is(err, proof.ErrRollback) {
					t.Errorf("failure %d, size %d: %v", at, size, err)
				}
			}
		}
		_, err = n.Advance(t.Context(), tenant, 3000)
		check(t, err)
		if err := n.Close(); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
		if !f.Fired() {
			return
		}
	}
}
