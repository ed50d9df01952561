package proof_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// again opens the notary anew, on the log that is given.
func (s *server) again(t *testing.T, log *memLog) *server {
	t.Helper()
	check(t, s.notary.Close())
	return serve(t, log, s.fs)
}

func TestAdvance(t *testing.T) {
	s := newServer(t, 1000)
	if _, _, err := s.notary.Latest(acme); audit.ErrorCode(err) != audit.CodeNotFound {
		t.Errorf("before the first checkpoint: %v", err)
	}
	r := newReference(s.lines[acme])
	var last []byte
	for _, size := range []int{0, 1, 300, 300, 1000} {
		msg, err := s.notary.Advance(t.Context(), acme, uint64(size))
		check(t, err)
		got, err := proof.OpenCheckpoint(msg, s.keys(t, acme))
		check(t, err)
		want := proof.Checkpoint{Origin: "log.example.com/acme", Size: uint64(size)}
		want.Root = proof.Hash(r.mth(0, size))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		last = msg
	}
	s = s.again(t, s.memLog)
	if c, msg, err := s.notary.Latest(acme); err != nil || c.Size != 1000 || string(msg) != string(last) {
		t.Errorf("opened again: %d, %v", c.Size, err)
	}
	if _, _, err := s.notary.Latest(beta); audit.ErrorCode(err) != audit.CodeNotFound {
		t.Errorf("the other tenant: %v", err)
	}
}

// TestGoingBack restores older logs, and logs with other lines.
func TestGoingBack(t *testing.T) {
	ctx := t.Context()
	for name, tc := range map[string]struct {
		log  func() *memLog
		size uint64
		want error
	}{
		"a line less":             {func() *memLog { return newLog(799) }, 799, proof.ErrRollback},
		"nothing":                 {func() *memLog { return newLog(0) }, 0, proof.ErrRollback},
		"another line at the end": {func() *memLog { return changed(newLog(800), 799) }, 800, proof.ErrFork},
		"and it goes on":          {func() *memLog { return changed(newLog(1000), 799) }, 1000, proof.ErrFork},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, 800)
			s.checkpoint(t, acme, 800)
			s.checkpoint(t, beta, 400)
			s = s.again(t, tc.log())
			for range 2 {
				_, err := s.notary.Advance(ctx, acme, tc.size)
				wantError(t, err, tc.want)
			}
			s = s.again(t, tc.log())
			_, err := s.notary.Advance(ctx, acme, tc.size)
			wantError(t, err, tc.want)

			old, err := s.notary.Restart(acme)
			check(t, err)
			if old.Size != 800 {
				t.Errorf("restart forgot %d lines, want 800", old.Size)
			}
			msg, err := s.notary.Advance(ctx, acme, tc.size)
			check(t, err)
			c, err := proof.OpenCheckpoint(msg, s.keys(t, acme))
			check(t, err)
			if want := newReference(tc.log().lines[acme]).mth(0, int(tc.size)); c.Root != proof.Hash(want) {
				t.Error("after the restart another root is signed than the lines have")
			}
			names, err := s.fs.List(dir + "/proof/acme")
			check(t, err)
			kept := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "checkpoint-") })
			if !kept {
				t.Errorf("the old checkpoint was not kept: %v", names)
			}
			if c, _, err := s.notary.Latest(beta); err != nil || c.Size != 400 {
				t.Errorf("the other tenant has %d lines, %v", c.Size, err)
			}
		})
	}
}

// TestRegrown lets a log that went back grow beyond its old length: by the same
// lines it is the same log, by others a fork.
func TestRegrown(t *testing.T) {
	for name, tc := range map[string]struct {
		change int
		want   error
	}{
		"the same":       {-1, nil},
		"an early line":  {10, proof.ErrFork},
		"a regrown line": {600, proof.ErrFork},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, 2000)
			s.checkpoint(t, acme, 2000)
			s = s.again(t, newLog(500))
			_, err := s.notary.Advance(t.Context(), acme, 500)
			wantError(t, err, proof.ErrRollback)
			log := newLog(3000)
			if tc.change >= 0 {
				changed(log, tc.change)
			}
			s.lines[acme] = log.lines[acme]
			for range 2 {
				_, err = s.notary.Advance(t.Context(), acme, 3000)
				wantError(t, err, tc.want)
				s = s.again(t, s.memLog)
			}
		})
	}
}

func TestTenants(t *testing.T) {
	s := newServer(t, 10)
	if list, err := s.notary.Tenants(); err != nil || len(list) > 0 {
		t.Errorf("before the first checkpoint: %v, %v", list, err)
	}
	s.checkpoint(t, beta, 5)
	s.checkpoint(t, acme, 10)
	if list, err := s.notary.Tenants(); err != nil || !slices.Equal(list, []audit.TenantID{acme, beta}) {
		t.Errorf("%v, %v", list, err)
	}
}

func changed(l *memLog, index int) *memLog {
	l.lines[acme][index] = line(beta, uint64(index))
	return l
}

// TestSaw restores a backup that has its old checkpoint with it.
func TestSaw(t *testing.T) {
	ctx := t.Context()
	s := newServer(t, 500)
	s.checkpoint(t, acme, 500)
	backup := s.fs.CrashClone(1, 0)
	s.append(acme, 100)
	kept := s.checkpoint(t, acme, 600)

	old := serve(t, newLog(500), backup)
	_, err := old.notary.Advance(ctx, acme, 500)
	check(t, err) // it cannot know
	check(t, old.notary.Saw(ctx, acme, s.checkpoint(t, acme, 300)))
	check(t, old.notary.Saw(ctx, acme, kept))
	_, err = old.notary.Advance(ctx, acme, 500)
	wantError(t, err, proof.ErrRollback)
	old.append(acme, 300)
	old.lines[acme][550] = line(beta, 550)
	_, err = old.notary.Advance(ctx, acme, 800)
	wantError(t, err, proof.ErrFork)

	old.lines[acme][550] = line(acme, 550)
	_, err = old.again(t, old.memLog).notary.Advance(ctx, acme, 800)
	check(t, err)
	if err := s.notary.Saw(ctx, acme, newServer(t, 500).checkpoint(t, acme, 500)); err == nil {
		t.Error("it saw what somebody else signed")
	}
	fresh := serve(t, newLog(100), vfs.NewMem())
	check(t, vfs.WriteFile(fresh.fs, dir+"/proof.key", mustRead(t, s.fs, dir+"/proof.key")))
	fresh = fresh.again(t, fresh.memLog)
	check(t, fresh.notary.Saw(ctx, acme, kept)) // before anything else
	_, err = fresh.notary.Advance(ctx, acme, 100)
	wantError(t, err, proof.ErrRollback)
}

func mustRead(t *testing.T, fsys vfs.FS, name string) []byte {
	t.Helper()
	data, err := vfs.ReadFile(fsys, name)
	check(t, err)
	return data
}

func TestRotation(t *testing.T) {
	s := newServer(t, 100)
	first := s.checkpoint(t, acme, 100)
	before, err := s.notary.Verifiers(acme)
	check(t, err)
	check(t, s.notary.Rotate())
	second := s.checkpoint(t, acme, 100)
	after, err := s.notary.Verifiers(acme)
	check(t, err)
	if len(before) != 1 || len(after) != 2 || after[1] != before[0] || string(first) == string(second) {
		t.Fatalf("keys %v became %v", before, after)
	}
	onlyOld, err := proof.ParseVerifiers(before[0])
	check(t, err)
	if _, err := proof.OpenCheckpoint(second, onlyOld); err == nil {
		t.Error("the old key verifies what the new one signed")
	}
	for range 2 {
		for _, msg := range [][]byte{first, second} {
			if _, err := proof.OpenCheckpoint(msg, s.keys(t, acme)); err != nil {
				t.Error(err)
			}
		}
		s = s.again(t, s.memLog)
	}
	if n := strings.Count(string(mustRead(t, s.fs, dir+"/proof.key")), `"seed"`); n != 1 {
		t.Errorf("the file has the secret half of %d keys", n)
	}
}

func TestKeyFile(t *testing.T) {
	d := t.TempDir()
	keys, err := proof.OpenKeys(vfs.OS{}, d, clock())
	check(t, err)
	info, err := os.Stat(filepath.Join(d, "proof.key"))
	check(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	same, err := proof.OpenKeys(vfs.OS{}, d, clock())
	check(t, err)
	if diff := cmp.Diff(keys, same); diff != "" {
		t.Errorf("opened again:\n%s", diff)
	}
	good, err := os.ReadFile(filepath.Join(d, "proof.key"))
	check(t, err)
	var doc proof.Keys
	check(t, json.Unmarshal(good, &doc))
	seed := base64.StdEncoding.EncodeToString(doc.Keys[0].Seed)[:16]
	for name, spoil := range map[string]func(k *proof.Keys){
		"format":     func(k *proof.Keys) { k.Format++ },
		"no key":     func(k *proof.Keys) { k.Keys = nil },
		"other seed": func(k *proof.Keys) { k.Keys[0].Seed = make([]byte, 32) },
		"short seed": func(k *proof.Keys) { k.Keys[0].Seed = k.Keys[0].Seed[1:] },
		"no public":  func(k *proof.Keys) { k.Keys[0].Public = nil },
	} {
		k := proof.Keys{Format: doc.Format, Keys: slices.Clone(doc.Keys)}
		spoil(&k)
		text, err := json.Marshal(k)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(d, "proof.key"), text, 0o600))
		_, err = proof.OpenKeys(vfs.OS{}, d, clock())
		if err == nil || strings.Contains(err.Error(), seed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	_, err = proof.Open(vfs.NewMem(), "/", proof.Options{Name: "a name", Log: newLog(0), Clock: clock})
	if err == nil {
		t.Error("a name with a space can sign")
	}
}

func TestInclusionAndConsistency(t *testing.T) {
	ctx := t.Context()
	s := newServer(t, 700)
	keys := s.keys(t, acme)
	old, err := proof.OpenCheckpoint(s.checkpoint(t, acme, 300), keys)
	check(t, err)
	s.checkpoint(t, acme, 700)

	in, err := s.notary.Inclusion(ctx, acme, audit.DerivedID(0, 42), 42)
	check(t, err)
	text, err := json.Marshal(in)
	check(t, err)
	for _, want := range []string{
		`{"id":"log_000000000000002a","leaf_index":42,"tree_size":700,"leaf_hash":"`, `"hashes":["`,
		`"checkpoint":"log.example.com/acme\n700\n`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not hold %s", text, want)
		}
	}
	var read proof.Inclusion
	check(t, json.Unmarshal(text, &read))
	c, err := read.Verify(line(acme, 42), keys)
	if err != nil || c.Size != 700 {
		t.Errorf("inclusion: %v, %v", c, err)
	}
	if _, err := read.Verify(line(acme, 43), keys); err == nil {
		t.Error("another line is included as well")
	}
	for name, spoil := range map[string]func(p *proof.Inclusion){
		"index":      func(p *proof.Inclusion) { p.LeafIndex++ },
		"far index":  func(p *proof.Inclusion) { p.LeafIndex = 1 << 63 },
		"size":       func(p *proof.Inclusion) { p.TreeSize-- },
		"hash":       func(p *proof.Inclusion) { p.Hashes = slices.Clone(p.Hashes); p.Hashes[3][0] ^= 1 },
		"one less":   func(p *proof.Inclusion) { p.Hashes = p.Hashes[1:] },
		"none":       func(p *proof.Inclusion) { p.Hashes = nil },
		"one more":   func(p *proof.Inclusion) { p.Hashes = append(slices.Clone(p.Hashes), p.LeafHash) },
		"checkpoint": func(p *proof.Inclusion) { p.Checkpoint = string(s.checkpoint(t, acme, 699)) },
		"no note":    func(p *proof.Inclusion) { p.Checkpoint = old.Text() },
	} {
		p := read
		spoil(&p)
		if _, err := p.Verify(line(acme, 42), keys); err == nil {
			t.Errorf("inclusion with another %s passes", name)
		}
	}

	con, err := s.notary.Consistency(ctx, acme, 300, 700)
	check(t, err)
	if c, err := con.Verify(old, keys); err != nil || c.Size != 700 {
		t.Errorf("consistency: %v, %v", c, err)
	}
	for name, spoil := range map[string]func(p *proof.Consistency, old *proof.Checkpoint){
		"old root":   func(_ *proof.Consistency, old *proof.Checkpoint) { old.Root[0] ^= 1 },
		"old size":   func(_ *proof.Consistency, old *proof.Checkpoint) { old.Size++ },
		"both sizes": func(p *proof.Consistency, old *proof.Checkpoint) { old.Size--; p.FromSize-- },
		"origin":     func(_ *proof.Consistency, old *proof.Checkpoint) { old.Origin += "x" },
		"hash": func(p *proof.Consistency, _ *proof.Checkpoint) {
			p.Hashes = slices.Clone(p.Hashes)
			p.Hashes[0][0] ^= 1
		},
		"one less": func(p *proof.Consistency, _ *proof.Checkpoint) { p.Hashes = p.Hashes[1:] },
		"empty": func(p *proof.Consistency, old *proof.Checkpoint) {
			p.FromSize, old.Size, p.Hashes = 0, 0, nil
		},
	} {
		p, o := con, old
		spoil(&p, &o)
		if _, err := p.Verify(o, keys); err == nil {
			t.Errorf("consistency with another %s passes", name)
		}
	}
	for _, sizes := range [][2]uint64{{0, 700}, {500, 499}, {1, 701}} {
		_, err := s.notary.Consistency(ctx, acme, sizes[0], sizes[1])
		if audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("consistency of %v: %v", sizes, err)
		}
	}
	if _, err := s.notary.Inclusion(ctx, acme, "log_x", 700); audit.ErrorCode(err) != audit.CodeValidationError {
		t.Errorf("inclusion at the size: %v", err)
	}
	one, err := s.notary.Consistency(ctx, acme, 700, 700)
	if text, _ := json.Marshal(one); err != nil || !strings.Contains(string(text), `"hashes":[]`) {
		t.Errorf("a log continues itself by %s, %v", text, err)
	}
}

func TestParseCheckpoint(t *testing.T) {
	root := strings.Repeat("A", 42) + "E="
	good := "log/acme\n17\n" + root + "\n"
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, text := range []string{good, good + "an extension\n", good + "two\nof them\n"} {
		c, err := proof.ParseCheckpoint(text)
		if err != nil || c.Size != 17 || c.Origin != "log/acme" || c.Text() != good {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{
		"", "\n", "log/acme\n17\n" + root, "\n17\n" + root + "\n", "log/acme\n17\n\n",
		good + "\n", good + "\n\n", good + "a\n\nb\n",
		with("17", "017"), with("17", "+17"), with("17", "-1"), with("17", "0x11"), with("17", " 17"),
		with("17", ""),
		with("17", "281474976710657"), with("17", "99999999999999999999"),
		with("E=", "F="), with("E=", "E"), with("AE=", "="),
		strings.ReplaceAll(good, "\n", "\r\n"),
	} {
		if c, err := proof.ParseCheckpoint(text); err == nil {
			t.Errorf("%q is read as %v", text, c)
		}
	}
	if _, err := proof.ParseCheckpoint(with("17", "281474976710656")); err != nil {
		t.Errorf("the largest size: %v", err)
	}
}

// TestEveryByteOnDisk flips a bit of each byte that the notary keeps. It signs
// what is right, or nothing before a restart.
func TestEveryByteOnDisk(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newServer(t, 1500)
	s.checkpoint(t, acme, 1500)
	check(t, s.notary.Close())
	root := proof.Hash(newReference(s.lines[acme]).mth(0, 1500))
	for _, name := range []string{"proof/acme/tree", "proof/acme/checkpoint", "proof.key"} {
		data := mustRead(t, s.fs, dir+"/"+name)
		refused := 0
		for i := range data {
			m := s.fs.CrashClone(1, 0)
			spoiled := slices.Clone(data)
			spoiled[i] ^= 1 << (i % 8)
			check(t, vfs.WriteFile(m, dir+"/"+name, spoiled))
			n, err := proof.Open(m, dir, proof.Options{Name: "log.example.com", Log: s.memLog, Clock: clock})
			if err != nil {
				refused++
				continue
			}
			msg, err := n.Advance(ctx, acme, 1500)
			if err != nil {
				refused++
				_, err = n.Restart(acme)
				check(t, err)
				msg, err = n.Advance(ctx, acme, 1500)
				check(t, err)
			}
			keys, err := n.Verifiers(acme)
			check(t, err)
			known, err := proof.ParseVerifiers(keys[0])
			check(t, err)
			if c, err := proof.OpenCheckpoint(msg, known); err != nil || c.Root != root {
				t.Fatalf("byte %d of %s: %v, %v", i, name, c, err)
			}
			check(t, n.Close())
		}
		if name == "proof/acme/tree" && refused > 0 {
			t.Errorf("%d damages of a tree were not repaired", refused)
		}
		if name == "proof/acme/checkpoint" && refused < len(data)*9/10 {
			t.Errorf("only %d of %d damages of a checkpoint were noticed", refused, len(data))
		}
	}
}

// TestDamagedLines changes lines under a tree: a proof is refused, not given.
func TestDamagedLines(t *testing.T) {
	s := newServer(t, 1000)
	s.checkpoint(t, acme, 1000)
	s.lines[acme][300] = line(beta, 300)
	damaged := audit.CodeDataDamaged
	for index, want := range map[uint64]audit.Code{300: damaged, 400: damaged, 600: ""} {
		if _, err := s.notary.Inclusion(t.Context(), acme, "log_x", index); audit.ErrorCode(err) != want {
			t.Errorf("inclusion of %d: %v, want code %q", index, err, want)
		}
	}
	var p proof.Part
	p.Add(600, line(beta, 600))
	_, err := s.notary.ProvePart(t.Context(), acme, 1000, &p)
	wantError(t, err, proof.ErrFork)
}
