package secrets_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/secrets"
	"github.com/scaivault/audit/internal/vfs"
)

// step is a change of a secret, and what Get may give if it is cut off: the
// state before it or after it, nil for no secret.
type step struct {
	do            func(l *secrets.Local) error
	before, after map[string]string
}

func steps() []step {
	put := func(text string) func(l *secrets.Local) error {
		return func(l *secrets.Local) error { return l.Put("tnt_a", "p", []byte(text)) }
	}
	return []step{
		{put(one), nil, oneMember()},
		{put(s3), oneMember(), s3Members()},
		{func(l *secrets.Local) error { return l.Delete("tnt_a", "p") }, s3Members(), nil},
	}
}

// TestPowerCut cuts the power before every operation of each change. Then the
// secret is the old or the new one, the other tenant's is untouched, and both
// can be written again.
func TestPowerCut(t *testing.T) {
	m := vfs.NewMem()
	l := openLocal(t, m)
	for i, s := range steps() {
		cuts := 0
		m.OnOp(func(op vfs.Op) {
			cuts++
			for seed, keep := range []float64{0, 0.5, 0.5, 1} {
				name := fmt.Sprintf("step %d, before %s %s, keeping %v", i, op.Kind, op.Name, keep)
				wantWhole(t, name, m.CrashClone(keep, int64(seed)), i > 0, s.before, s.after)
			}
		})
		check(t, s.do(l))
		m.OnOp(nil)
		wantWhole(t, fmt.Sprintf("after step %d", i), m.CrashClone(0, 1), i > 0, s.after, s.after)
		if cuts == 0 {
			t.Errorf("step %d was not cut", i)
		}
		if i == 0 {
			check(t, l.Put("tnt_b", "p", []byte(one)))
		}
	}
}

// wantWhole checks a disk on which tnt_a has one of two states of the secret p,
// and tnt_b, perhaps, its own.
func wantWhole(t *testing.T, name string, m *vfs.Mem, other bool, states ...map[string]string) {
	t.Helper()
	l := openLocal(t, m)
	got := state(t, name, l, "tnt_a")
	if !cmp.Equal(got, states[0]) && !cmp.Equal(got, states[1]) {
		t.Errorf("%s: the secret has %d members: neither the old nor the new one", name, len(got))
	}
	others := 0
	if other {
		others = 1
		if got := state(t, name, l, "tnt_b"); !cmp.Equal(got, oneMember()) {
			t.Errorf("%s: the other tenant's secret has %d members", name, len(got))
		}
	}
	if list, err := l.List(); err != nil || len(list) != others+min(len(got), 1) {
		t.Errorf("%s: list has %d secrets, error %v; want those that there are", name, len(list), err)
	}
	if err := l.Put("tnt_a", "p", []byte(s3)); err != nil {
		t.Errorf("%s: put: %v", name, err)
	}
	if err := l.Delete("tnt_a", "p"); err != nil {
		t.Errorf("%s: delete: %v", name, err)
	}
	if names, err := m.List("/data/secrets"); err != nil || len(names) != others {
		t.Errorf("%s: files %v, error %v; want none of the deleted secret", name, names, err)
	}
}

// state returns the members of the secret p, nil if there is none.
func state(t *testing.T, name string, l *secrets.Local, tenant audit.TenantID) map[string]string {
	t.Helper()
	got, err := l.Get(t.Context(), tenant, "p", "")
	if err != nil && audit.ErrorCode(err) != audit.CodeAccessDenied {
		t.Errorf("%s: get: %v", name, err)
	}
	return got
}

// TestDiskFails lets operations fail, one each time. Stat is not among them: it
// only saves work where its failure is passed over.
func TestDiskFails(t *testing.T) {
	errDisk := errors.New("disk on fire")
	for n := 0; ; n++ {
		m := vfs.NewMem()
		fsys := vfs.Fail(m, n, errDisk)
		fsys.Kinds = []vfs.Kind{vfs.OpCreate, vfs.OpOpen, vfs.OpRead, vfs.OpWrite, vfs.OpSync, vfs.OpRename,
			vfs.OpRemove, vfs.OpMkdir, vfs.OpList, vfs.OpSyncDir}
		err := everything(t, fsys)
		if !fsys.Fired() {
			check(t, err)
			return
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("operation %d: error %v, want that of the disk", n, err)
		}
		quiet(t, err)
		check(t, openLocal(t, m).Put("tnt_a", "p", []byte(s3))) // the next try succeeds
	}
}

// everything opens a store and uses it in every way, until something fails.
func everything(t *testing.T, fsys vfs.FS) error {
	l, err := secrets.OpenLocal(fsys, "/data", now)
	for _, s := range steps() {
		if err == nil {
			err = s.do(l)
		}
		if err == nil && s.after != nil {
			_, err = l.Get(t.Context(), "tnt_a", "p", "")
		}
		if err == nil {
			_, err = l.List()
		}
	}
	return err
}

// edit changes a file's content.
func edit(t *testing.T, m *vfs.Mem, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := vfs.ReadFile(m, name)
	check(t, err)
	check(t, vfs.WriteFile(m, name, change(data)))
}

// TestDamagedFiles: what cannot be read is named, and nothing else suffers.
func TestDamagedFiles(t *testing.T) {
	m := vfs.NewMem()
	l := openLocal(t, m)
	check(t, l.Put("tnt_a", "p", []byte(s3)))
	names, err := m.List("/data/secrets")
	check(t, err)
	name := "/data/secrets/" + names[0]
	whole, err := vfs.ReadFile(m, name)
	check(t, err)
	check(t, l.Put("tnt_b", "p", []byte(one)))
	others, err := m.List("/data/secrets")
	check(t, err)
	foreign, err := vfs.ReadFile(m, "/data/secrets/"+strings.Replace(others[0]+others[1], names[0], "", 1))
	check(t, err)
	for _, tc := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "decrypt", nil},
		{"cut", "decrypt", whole[:len(whole)-1]},
		{"longer", "decrypt", append(whole[:len(whole):len(whole)], 0)},
		{"flipped", "decrypt", flip(whole, len(whole)-20)},
		{"other text", "decrypt", []byte(s3)},
		{"of another tenant", "it is the file of another secret", foreign},
		{"huge", "is no file of a secret", make([]byte, 4*secrets.MaxSize+1)},
	} {
		edit(t, m, name, func([]byte) []byte { return tc.data })
		_, err := l.Get(t.Context(), "tnt_a", "p", "")
		wantError(t, err, audit.CodeInternal, name+": "+tc.want)
		list, err := l.List()
		wantError(t, err, audit.CodeInternal, name+": "+tc.want)
		if len(list) != 1 || list[0].Tenant != "tnt_b" {
			t.Errorf("%s: list %v, want the other tenant's secret", tc.name, list)
		}
		wantMembers(t, l, "tnt_b", "p", oneMember())
	}
	check(t, l.Delete("tnt_a", "p"))
	wantMembers(t, l, "tnt_b", "p", oneMember())
}

func flip(data []byte, i int) []byte {
	data = append([]byte(nil), data...)
	data[i] ^= 1
	return data
}

func TestKey(t *testing.T) {
	m := vfs.NewMem()
	l := openLocal(t, m)
	const key = "/data/secrets.key"
	check(t, l.Put("tnt_a", "p", []byte(s3)))
	own, err := vfs.ReadFile(m, key)
	check(t, err)

	elsewhere := vfs.NewMem()
	check(t, openLocal(t, elsewhere).Put("tnt_a", "p", []byte(s3)))
	another, err := vfs.ReadFile(elsewhere, key)
	check(t, err)
	edit(t, m, key, func([]byte) []byte { return another })
	_, err = l.Get(t.Context(), "tnt_a", "p", "")
	wantError(t, err, audit.CodeInternal, ".age: it was encrypted for another key")

	edit(t, m, key, func([]byte) []byte { return []byte(canary) })
	_, err = l.Get(t.Context(), "tnt_a", "p", "")
	wantError(t, err, audit.CodeInternal, key+": want one X25519 identity")

	check(t, m.Remove(key))
	_, err = l.Get(t.Context(), "tnt_a", "p", "")
	wantError(t, err, audit.CodeInternal, "its key "+key+" is missing")
	_, err = l.List()
	wantError(t, err, audit.CodeInternal, "its key "+key+" is missing")
	wantError(t, l.Put("tnt_b", "p", []byte(one)), audit.CodeInternal, key+" is missing")

	check(t, vfs.WriteNew(m, key, own)) // brought back
	wantMembers(t, l, "tnt_a", "p", s3Members())
	check(t, m.Remove(key))
	check(t, l.Delete("tnt_a", "p")) // or given up
	check(t, l.Put("tnt_b", "p", []byte(one)))
	wantMembers(t, l, "tnt_b", "p", oneMember())
}
