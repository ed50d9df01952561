package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

const witnessDir = "/witness"

// origins of the two tenants' logs.
const (
	acmeOrigin = "log.example.com/acme"
	betaOrigin = "log.example.com/beta"
)

// seenFile is where a witness keeps what it saw of a log.
func seenFile(origin string) string {
	return filepath.Join(witnessDir, "logs", proof.OriginHash(origin), "checkpoint")
}

// logsOf returns the keys of both tenants' logs, as a witness knows them.
func logsOf(t testing.TB, s *server) map[string]note.Verifiers {
	t.Helper()
	return map[string]note.Verifiers{acmeOrigin: s.keys(t, acme), betaOrigin: s.keys(t, beta)}
}

func newWitness(t testing.TB, fsys vfs.FS, s *server) *proof.Witness {
	t.Helper()
	w, err := openWitness(fsys, logsOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func openWitness(fsys vfs.FS, logs map[string]note.Verifiers) (*proof.Witness, error) {
	return proof.OpenWitness(fsys, witnessDir, proof.WitnessOptions{Name: "witness.example.com/w1", Clock: clock, Logs: logs})
}

// submission returns what a server sends to a witness that saw the size old.
func (s *server) submission(t testing.TB, tenant audit.TenantID, old, size uint64) *proof.Submission {
	t.Helper()
	msg := s.checkpoint(t, tenant, size)
	c, err := proof.OpenCheckpoint(msg, s.keys(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	sub, err := s.notary.Submission(t.Context(), tenant, c, msg, old)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// TestCosignature verifies a cosignature by what C2SP tlog-cosignature says, byte
// by byte.
func TestCosignature(t *testing.T) {
	s := newServer(t, 300)
	m := vfs.NewMem()
	w := newWitness(t, m, s)
	sub := s.submission(t, acme, 0, 300)
	line, err := w.Add(sub)
	check(t, err)
	var key struct{ Public ed25519.PublicKey }
	check(t, json.Unmarshal(mustRead(t, m, witnessDir+"/witness.key"), &key))
	name := "witness.example.com/w1"
	id := sha256.Sum256(append([]byte(name+"\n\x04"), key.Public...))
	b64, ok := strings.CutPrefix(string(line), "— "+name+" ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(b64, "\n"))
	if !ok || err != nil || len(raw) != 4+8+64 || !bytes.Equal(raw[:4], id[:4]) ||
		binary.BigEndian.Uint64(raw[4:]) != 1_700_000_000 {
		t.Fatalf("line %q", line)
	}
	text, _, _ := strings.Cut(string(sub.Checkpoint), "\n\n")
	if !ed25519.Verify(key.Public, []byte("cosignature/v1\ntime 1700000000\n"+text+"\n"), raw[12:]) {
		t.Error("the signature is not one of the text")
	}
	vkey := fmt.Sprintf("%s+%x+%s", name, id[:4],
		base64.StdEncoding.EncodeToString(append([]byte{4}, key.Public...)))
	if w.Key().String() != vkey {
		t.Errorf("key %s, want %s", w.Key(), vkey)
	}
	k, err := proof.ParseWitnessKey(vkey)
	check(t, err)
	cosigned, err := proof.AddCosignatures(sub.Checkpoint, line, []*proof.WitnessKey{k})
	check(t, err)
	if want := string(sub.Checkpoint) + string(line); string(cosigned) != want {
		t.Errorf("cosigned %q, want %q", cosigned, want)
	}
	list, err := proof.Cosignatures(cosigned, []*proof.WitnessKey{k})
	if err != nil || len(list) != 1 || list[0].Witness != name || !list[0].At.Equal(clock()) {
		t.Errorf("cosignatures %v, %v", list, err)
	}
	again, err := proof.AddCosignatures(cosigned, line, []*proof.WitnessKey{k})
	if err != nil || !bytes.Equal(again, cosigned) {
		t.Errorf("added again: %q, %v", again, err)
	}
	if _, err := proof.ParseVerifiers(vkey); err == nil {
		t.Error("the key of a witness passes for one of a log")
	}
	if _, err := proof.ParseWitnessKey(string(mustVerifier(t, s))); err == nil {
		t.Error("the key of a log passes for one of a witness")
	}
	if _, err := proof.OpenCheckpoint(cosigned, s.keys(t, acme)); err != nil {
		t.Errorf("a cosigned checkpoint: %v", err)
	}
	if _, err := proof.OpenCheckpoint(cosigned, note.VerifierList(k)); err == nil {
		t.Error("a witness signs for a log")
	}
}

func mustVerifier(t *testing.T, s *server) string {
	t.Helper()
	list, err := s.notary.Verifiers(acme)
	check(t, err)
	return list[0]
}

// TestForgedCosignatures changes each byte of a cosignature's line.
func TestForgedCosignatures(t *testing.T) {
	s := newServer(t, 300)
	w := newWitness(t, vfs.NewMem(), s)
	sub := s.submission(t, acme, 0, 300)
	line, err := w.Add(sub)
	check(t, err)
	keys := []*proof.WitnessKey{w.Key()}
	for i := range line {
		bad := bytes.Clone(line)
		bad[i] ^= 1
		msg, err := proof.AddCosignatures(sub.Checkpoint, bad, keys)
		if err != nil {
			continue
		}
		if list, err := proof.Cosignatures(msg, keys); err == nil && len(list) > 0 {
			t.Errorf("byte %d of the line may be anything", i)
		}
	}
	later := s.submission(t, acme, 0, 299)
	if msg, err := proof.AddCosignatures(later.Checkpoint, line, keys); err == nil {
		t.Errorf("the cosignature of another checkpoint passes: %q", msg)
	}
	for _, lines := range []string{"", "\n", "— w\n", "x\n\n" + string(line), string(line) + "\n" + string(line),
		string(line[:len(line)-1])} {
		if msg, err := proof.AddCosignatures(sub.Checkpoint, []byte(lines), keys); err == nil {
			t.Errorf("lines %q become %q", lines, msg)
		}
	}
}

// TestWitnessSubmissions sends what is right and what is not, and looks after each
// at all that the witness saw.
func TestWitnessSubmissions(t *testing.T) {
	s := newServer(t, 1000)
	c := &scene{t: t, s: s}
	forked, foreign := c.fork(500), newServer(t, 1000)
	m := vfs.NewMem()
	w := newWitness(t, m, s)
	stale := func(size uint64) error { return &proof.StaleError{Size: size} }
	writes := 0
	m.OnOp(func(op vfs.Op) {
		if op.Kind == vfs.OpRename {
			writes++
		}
	})
	for _, step := range []struct {
		name string
		sub  *proof.Submission
		want error
		size uint64 // of acme's log, that was seen afterwards
	}{
		{"the first, with an old size", s.submission(t, acme, 100, 200), stale(0), 0},
		{"the first, with a proof", &proof.Submission{Hashes: make([]proof.Hash, 1),
			Checkpoint: s.checkpoint(t, acme, 300)}, proof.ErrInconsistent, 0},
		{"the first", s.submission(t, acme, 0, 300), nil, 300},
		{"the same", s.submission(t, acme, 300, 300), nil, 300},
		{"the same, from nothing", s.submission(t, acme, 0, 300), stale(300), 300},
		{"the same, with a proof", &proof.Submission{Old: 300, Hashes: make([]proof.Hash, 1),
			Checkpoint: s.checkpoint(t, acme, 300)}, proof.ErrInconsistent, 300},
		{"more", s.submission(t, acme, 300, 600), nil, 600},
		{"size back", s.submission(t, acme, 300, 500), stale(600), 600},
		{"size back, by its own word", &proof.Submission{Old: 600, Checkpoint: s.checkpoint(t, acme, 500)},
			proof.ErrSubmission, 600},
		{"equal size, other root", forked.submission(t, acme, 600, 600), proof.ErrFork, 600},
		{"equal size, other root, from elsewhere", forked.submission(t, acme, 0, 600), proof.ErrFork, 600},
		{"a fork that grew", forked.submission(t, acme, 600, 700), proof.ErrInconsistent, 600},
		{"without proof", &proof.Submission{Old: 600, Checkpoint: s.checkpoint(t, acme, 700)},
			proof.ErrInconsistent, 600},
		{"the proof of another size", &proof.Submission{Old: 600, Hashes: s.submission(t, acme, 500, 700).Hashes,
			Checkpoint: s.checkpoint(t, acme, 700)}, proof.ErrInconsistent, 600},
		{"another key", foreign.submission(t, acme, 600, 700), proof.ErrUnsigned, 600},
		{"cut off", &proof.Submission{Old: 600, Checkpoint: s.checkpoint(t, acme, 700)[:150]},
			proof.ErrUnsigned, 600},
		{"an unknown log", &proof.Submission{Checkpoint: bytes.Replace(s.checkpoint(t, acme, 700),
			[]byte("acme"), []byte("ac"), 1)}, proof.ErrUnknownLog, 600},
		{"the other log's, in this one's name", &proof.Submission{Old: 600, Checkpoint: bytes.Replace(
			s.checkpoint(t, beta, 400), []byte("beta"), []byte("acme"), 1)}, proof.ErrUnsigned, 600},
		{"nothing", &proof.Submission{}, proof.ErrUnknownLog, 600},
		{"the other log", s.submission(t, beta, 0, 400), nil, 600},
		{"all", s.submission(t, acme, 600, 1000), nil, 1000},
	} {
		line, err := w.Add(step.sub)
		var is, should *proof.StaleError
		ok := errors.Is(err, step.want)
		if errors.As(step.want, &should) {
			ok = errors.As(err, &is) && *is == *should
		}
		if !ok || (line != nil) != (err == nil) {
			t.Errorf("%s: line %q, error %v, want %v", step.name, line, err, step.want)
		}
		last, msg, seen := w.Latest(acmeOrigin)
		if last.Size != step.size || seen != (step.size > 0) {
			t.Errorf("%s: it saw %d, want %d", step.name, last.Size, step.size)
		}
		if list, err := proof.Cosignatures(msg, []*proof.WitnessKey{w.Key()}); seen && (err != nil || len(list) != 1) {
			t.Errorf("%s: what it shows is cosigned by %v, %v", step.name, list, err)
		}
	}
	m.OnOp(nil)
	if writes != 4+4 { // three checkpoints of one log and one of the other, and four alarms
		t.Errorf("it wrote %d files", writes)
	}
	check(t, w.Close())
	names, err := m.List(filepath.Dir(seenFile(acmeOrigin)))
	check(t, err)
	alarms := 0
	for _, name := range names {
		if strings.HasPrefix(name, "alarm-") {
			alarms++
		}
	}
	if alarms != 4 { // 300, 600 and 700 of the fork, 700 without proof
		t.Errorf("%d alarms are kept: %q", alarms, names)
	}
	again := newWitness(t, m, s)
	defer again.Close()
	if last, _, _ := again.Latest(acmeOrigin); last.Size != 1000 {
		t.Errorf("it remembers %d", last.Size)
	}
}

// TestWitnessState spoils what a witness remembers: it says so, and does not
// begin anew.
func TestWitnessState(t *testing.T) {
	s := newServer(t, 600)
	good := func() *vfs.Mem {
		m := vfs.NewMem()
		w := newWitness(t, m, s)
		for _, sub := range []*proof.Submission{s.submission(t, acme, 0, 300), s.submission(t, acme, 300, 500),
			s.submission(t, beta, 0, 200)} {
			_, err := w.Add(sub)
			check(t, err)
		}
		check(t, w.Close())
		return m
	}
	other := vfs.NewMem()
	_, err := newWitness(t, other, s).Add(s.submission(t, acme, 0, 500))
	check(t, err)
	edit := func(origin string, change func(b []byte) []byte) func(m *vfs.Mem) {
		return func(m *vfs.Mem) {
			check(t, vfs.WriteFile(m, seenFile(origin), change(mustRead(t, m, seenFile(origin)))))
		}
	}
	for name, spoil := range map[string]func(m *vfs.Mem){
		"another log": func(m *vfs.Mem) {
			check(t, vfs.WriteFile(m, seenFile(acmeOrigin), mustRead(t, m, seenFile(betaOrigin))))
		},
		"another witness": func(m *vfs.Mem) {
			check(t, vfs.WriteFile(m, seenFile(acmeOrigin), mustRead(t, other, seenFile(acmeOrigin))))
		},
		"another key": func(m *vfs.Mem) {
			check(t, vfs.WriteFile(m, witnessDir+"/witness.key", mustRead(t, other, witnessDir+"/witness.key")))
		},
		"without its cosignature": edit(acmeOrigin, func([]byte) []byte { return s.checkpoint(t, acme, 500) }),
		"another size": edit(acmeOrigin, func(b []byte) []byte {
			return bytes.Replace(b, []byte("\n500\n"), []byte("\n300\n"), 1)
		}),
		"cut off":      edit(acmeOrigin, func(b []byte) []byte { return b[:len(b)-20] }),
		"empty":        edit(acmeOrigin, func([]byte) []byte { return nil }),
		"a cut key":    func(m *vfs.Mem) { check(t, vfs.WriteFile(m, witnessDir+"/witness.key", []byte("{}"))) },
		"another name": nil,
	} {
		m := good()
		if spoil != nil {
			spoil(m)
			w, err := openWitness(m, logsOf(t, s))
			if err == nil {
				last, _, _ := w.Latest(acmeOrigin)
				t.Errorf("%s: it opens, and saw %d", name, last.Size)
			}
			continue
		}
		_, err := proof.OpenWitness(m, witnessDir, proof.WitnessOptions{Name: "w2", Clock: clock, Logs: logsOf(t, s)})
		if err == nil || !strings.Contains(err.Error(), "witness.example.com/w1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An old state restored is an honest one of then: it knows no more, and a log
	// that it saw larger continues it. Whoever has its later cosignatures sees it.
	m := good()
	w := newWitness(t, m, s)
	old := mustRead(t, m, seenFile(acmeOrigin))
	_, err = w.Add(s.submission(t, acme, 500, 600))
	check(t, err)
	check(t, w.Close())
	check(t, vfs.WriteFile(m, seenFile(acmeOrigin), old))
	w = newWitness(t, m, s)
	defer w.Close()
	var stale *proof.StaleError
	if _, err := w.Add(s.submission(t, acme, 600, 600)); !errors.As(err, &stale) || stale.Size != 500 {
		t.Errorf("an old state: %v", err)
	}
	if _, err := openWitness(m, logsOf(t, s)); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second witness of the directory: %v", err)
	}
}

// witnessing is one life of a witness, and what it gave out.
type witnessing struct {
	s     *server
	given map[string]uint64 // the size that it showed last, by origin
	subs  []*proof.Submission
}

func newWitnessing(t *testing.T) *witnessing {
	s := newServer(t, 800)
	v := &witnessing{s: s, given: make(map[string]uint64)}
	for i, size := range []uint64{1, 255, 256, 300} {
		old := []uint64{0, 1, 255, 256}[i]
		v.subs = append(v.subs, s.submission(t, acme, old, size), s.submission(t, beta, old, size))
	}
	return v
}

func (v *witnessing) live(fsys vfs.FS, logs map[string]note.Verifiers) error {
	w, err := openWitness(fsys, logs)
	if err != nil {
		return err
	}
	var errs []error
	for _, sub := range v.subs {
		_, err := w.Add(sub)
		errs = append(errs, err)
		for origin := range logs { // what it shows, it gives out as well
			if last, _, ok := w.Latest(origin); ok {
				v.given[origin] = last.Size
			}
		}
	}
	return errors.Join(append(errs, w.Close())...)
}

// check opens the witness on a disk and expects it to remember all that it gave
// out, and to go on.
func (v *witnessing) check(t *testing.T, m *vfs.Mem, given map[string]uint64) (bad []string) {
	w, err := openWitness(m, logsOf(t, v.s))
	if err != nil {
		return []string{err.Error()}
	}
	defer w.Close()
	for origin, tenant := range map[string]audit.TenantID{acmeOrigin: acme, betaOrigin: beta} {
		last, _, _ := w.Latest(origin)
		if last.Size < given[origin] {
			bad = append(bad, fmt.Sprintf("%s: it cosigned %d and saw %d", origin, given[origin], last.Size))
		}
		if _, err := w.Add(v.s.submission(t, tenant, last.Size, 350)); err != nil {
			bad = append(bad, err.Error())
		}
	}
	return bad
}

// TestWitnessPowerCuts cuts the power before every operation that changes the
// disk.
func TestWitnessPowerCuts(t *testing.T) {
	v := newWitnessing(t)
	type cut struct {
		disk  *vfs.Mem
		given map[string]uint64
		op    vfs.Op
	}
	var cuts []cut
	m := vfs.NewMem()
	m.OnOp(func(op vfs.Op) {
		for i, keep := range []float64{0, 0.5, 1} {
			given := map[string]uint64{acmeOrigin: v.given[acmeOrigin], betaOrigin: v.given[betaOrigin]}
			cuts = append(cuts, cut{m.CrashClone(keep, int64(3*len(cuts)+i)), given, op})
		}
	})
	check(t, v.live(m, logsOf(t, v.s)))
	m.OnOp(nil)
	for i, c := range cuts {
		for _, bad := range v.check(t, c.disk, c.given) {
			t.Errorf("cut %d, before %s %s: %s", i, c.op.Kind, c.op.Name, bad)
		}
	}
	if t.Logf("%d power cuts", len(cuts)); len(cuts) < 50 {
		t.Error("the scenario has too few operations: it proves little")
	}
}

// TestWitnessFailures lets the n-th operation of each kind fail, until none is
// left.
func TestWitnessFailures(t *testing.T) {
	failures := 0
	for _, kind := range []vfs.Kind{vfs.OpCreate, vfs.OpOpen, vfs.OpRead, vfs.OpWrite, vfs.OpSync, vfs.OpRename,
		vfs.OpMkdir, vfs.OpStat, vfs.OpSyncDir, vfs.OpList, vfs.OpLock} {
		for n := 0; ; n++ {
			v := newWitnessing(t)
			m := vfs.NewMem()
			f := vfs.Fail(m, n, syscall.EIO)
			f.Kinds = []vfs.Kind{kind}
			if err := v.live(f, logsOf(t, v.s)); err != nil && !f.Fired() {
				t.Errorf("%s %d: %v", kind, n, err)
			}
			for _, disk := range []*vfs.Mem{m.CrashClone(0, int64(n)), m} {
				for _, bad := range v.check(t, disk, v.given) {
					t.Errorf("%s %d: %s", kind, n, bad)
				}
			}
			if !f.Fired() {
				break
			}
			failures++
		}
	}
	if t.Logf("%d failures", failures); failures < 50 {
		t.Error("the scenario has too few operations: it proves little")
	}
}

func TestParseSubmission(t *testing.T) {
	s := newServer(t, 600)
	sub := s.submission(t, acme, 300, 600)
	got, err := proof.ParseSubmission(sub.Text())
	if err != nil || !bytes.Equal(got.Text(), sub.Text()) {
		t.Fatalf("%+v, %v", got, err)
	}
	hash := sub.Hashes[0].String() + "\n"
	for _, bad := range []string{"", "old 0", "old 0\n", "old 00\n\n", "old -1\n\n", "old  1\n\n", "Old 1\n\n", "old 1\r\n\n",
		"old 18446744073709551616\n\n", "old 1\nAAAA\n\n", "old 1\n" + strings.Repeat(hash, 64) + "\n",
		"old 1\n" + strings.TrimSuffix(hash, "=\n") + "\n\n", hash + "\n",
		"old 1\n\n" + strings.Repeat("x", proof.MaxSubmission)} {
		if got, err := proof.ParseSubmission([]byte(bad)); err == nil {
			t.Errorf("%.50q is read as %+v", bad, got)
		}
	}
	if got, err := proof.ParseSubmission([]byte("old 1\n" + strings.Repeat(hash, 63) + "\nx")); err != nil || len(got.Hashes) != 63 {
		t.Errorf("63 hashes: %v", err)
	}
}
