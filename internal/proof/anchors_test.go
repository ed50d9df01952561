package proof_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// anchors returns the anchored checkpoints of acme's log of some sizes, and one
// of the other tenant's, as a bucket has them.
func anchors(t testing.TB, s *server, sizes ...uint64) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, size := range sizes {
		anchorInto(t, s, files, acme, size)
	}
	anchorInto(t, s, files, beta, 100)
	return files
}

func anchorInto(t testing.TB, s *server, files fstest.MapFS, tenant audit.TenantID, size uint64) string {
	t.Helper()
	msg := s.checkpoint(t, tenant, size)
	c, err := proof.OpenCheckpoint(msg, s.keys(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	name, data, err := proof.Anchor(c, msg)
	if err != nil {
		t.Fatal(err)
	}
	put(files, "bucket/"+name, data)
	return "bucket/" + name
}

// TestAnchor says how an anchor is named, and that cosignatures do not change it.
func TestAnchor(t *testing.T) {
	s := newServer(t, 600)
	msg := s.checkpoint(t, acme, 300)
	c, err := proof.OpenCheckpoint(msg, s.keys(t, acme))
	check(t, err)
	name, data, err := proof.Anchor(c, msg)
	id := strings.Split(mustVerifier(t, s), "+")[1]
	if want := "log.example.com/acme/00000000000000000300-" + id; err != nil || name != want || !bytes.Equal(data, msg) {
		t.Errorf("anchor %s of %q, %v, want %s", name, data, err, want)
	}
	w := newWitness(t, vfs.NewMem(), s)
	line, err := w.Add(s.submission(t, acme, 0, 300))
	check(t, err)
	cosigned, err := proof.AddCosignatures(msg, line, []*proof.WitnessKey{w.Key()})
	check(t, err)
	if other, same, err := proof.Anchor(c, cosigned); err != nil || other != name || !bytes.Equal(same, data) {
		t.Errorf("cosigned: %s, %q, %v", other, same, err)
	}
	if _, _, err := proof.Anchor(proof.Checkpoint{Origin: "x"}, msg); err == nil {
		t.Error("a note that the log did not sign is an anchor")
	}
}

// spoiled is a bucket with anchors that somebody had his hands in.
var spoiled = []struct {
	name    string
	spoil   func(t *testing.T, s *server, files fstest.MapFS)
	verdict proof.Verdict
	file    string // in which the fault is, its end
}{
	{"as they are", func(*testing.T, *server, fstest.MapFS) {}, proof.OK, ""},
	{"some removed", func(_ *testing.T, _ *server, files fstest.MapFS) {
		delete(files, find(files, "/00000000000000000256-"))
	}, proof.OK, ""},
	{"with other files", func(_ *testing.T, _ *server, files fstest.MapFS) {
		put(files, "bucket/README", []byte("what is here"))
		put(files, "bucket/empty", nil)
		put(files, "bucket/log.example.com/other/00000000000000000256-00000000", []byte("not ours"))
	}, proof.OK, ""},
	{"all removed", func(_ *testing.T, _ *server, files fstest.MapFS) {
		for name := range files {
			if strings.Contains(name, "/acme/") {
				delete(files, name)
			}
		}
	}, proof.Unverifiable, ""},
	{"of a fork", func(t *testing.T, s *server, files fstest.MapFS) {
		anchorInto(t, (&scene{t: t, s: s}).fork(400), files, acme, 511)
	}, proof.Forked, "00000000000000000511-"},
	{"of a fork, in place of a good one", func(t *testing.T, s *server, files fstest.MapFS) {
		anchorInto(t, (&scene{t: t, s: s}).fork(0), files, acme, 256)
	}, proof.Forked, "00000000000000000256-"},
	{"of a fork, at the end", func(t *testing.T, s *server, files fstest.MapFS) {
		anchorInto(t, (&scene{t: t, s: s}).fork(599), files, acme, 600)
	}, proof.Forked, "00000000000000000600-"},
	{"of a fork, as a file of another name", func(t *testing.T, s *server, files fstest.MapFS) {
		put(files, "mine", (&scene{t: t, s: s}).fork(1).checkpoint(t, acme, 7))
	}, proof.Forked, "mine"},
	{"by another key", func(t *testing.T, s *server, files fstest.MapFS) {
		anchorInto(t, newServer(t, 600), files, acme, 300)
	}, proof.Unverifiable, "00000000000000000300-"},
	{"a byte of a root", func(_ *testing.T, _ *server, files fstest.MapFS) {
		f := files[find(files, "/00000000000000000256-")]
		f.Data[len("log.example.com/acme\n256\n")] ^= 1
	}, proof.Tampered, "00000000000000000256-"},
	{"cut off", func(_ *testing.T, _ *server, files fstest.MapFS) {
		f := files[find(files, "/00000000000000000256-")]
		f.Data = f.Data[:90]
	}, proof.Tampered, "00000000000000000256-"},
	{"empty", func(_ *testing.T, _ *server, files fstest.MapFS) {
		files[find(files, "/00000000000000000256-")].Data = nil
	}, proof.Tampered, "00000000000000000256-"},
	{"another size in place of one", func(_ *testing.T, _ *server, files fstest.MapFS) {
		files[find(files, "/00000000000000000256-")].Data = files[find(files, "/00000000000000000100-")].Data
	}, proof.Tampered, "00000000000000000256-"},
	{"the other tenant's in place of one", func(t *testing.T, s *server, files fstest.MapFS) {
		files[find(files, "/00000000000000000256-")].Data = s.checkpoint(t, beta, 256)
	}, proof.Tampered, "00000000000000000256-"},
}

// find returns the name of acme's anchor that holds the text.
func find(files fstest.MapFS, text string) string {
	for name := range files {
		if strings.Contains(name, "/acme"+text) {
			return name
		}
	}
	panic("no anchor " + text)
}

// TestAnchors verifies a log and an export of all of it by the same anchors.
func TestAnchors(t *testing.T) {
	s := newServer(t, 1000)
	s.checkpoint(t, acme, 600)
	export := whole(600, 250).write(t, s)
	for _, tc := range spoiled {
		t.Run(tc.name, func(t *testing.T) {
			files := anchors(t, s, 0, 1, 100, 255, 256, 257, 512, 599, 600)
			tc.spoil(t, s, files)
			o := proof.VerifyOptions{Keys: s.keys(t, acme), Anchors: files}
			r, err := proof.VerifyLog(t.Context(), s.fs, dir, acme, s.memLog, 600, o)
			check(t, err)
			for what, r := range map[string]proof.Report{"log": r, "export": verify(t, export, o)} {
				ok := tc.verdict == proof.OK
				if r.Verdict != tc.verdict || (r.Fault == nil) != ok || !ok && (!strings.Contains(r.Fault.File, tc.file) ||
					tc.file == "" && r.Fault.File != "") {
					t.Errorf("%s: verdict %s, fault %+v, want %s in %q", what, r.Verdict, r.Fault, tc.verdict, tc.file)
				}
				if said := strings.Contains(strings.Join(r.Proved, "\n"), "anchored checkpoints, the newest of 600 events"); said != ok {
					t.Errorf("%s: it proved %q", what, r.Proved)
				}
			}
		})
	}
}

// TestAnchorsOfChangedLogs changes the log, not the anchors.
func TestAnchorsOfChangedLogs(t *testing.T) {
	s := newServer(t, 1000)
	files := anchors(t, s, 256, 600, 700)
	o := proof.VerifyOptions{Keys: s.keys(t, acme), Anchors: files}
	verifyLog := func(s *server, size uint64) proof.Report {
		t.Helper()
		r, err := proof.VerifyLog(t.Context(), s.fs, dir, acme, s.memLog, size, o)
		check(t, err)
		return r
	}
	s.checkpoint(t, acme, 1000)
	if r := verifyLog(s, 1000); r.Verdict != proof.OK {
		t.Errorf("as it was: %v", r.Fault)
	}
	edited := (&scene{t: t, s: s}).fork(1000)
	edited.checkpoint(t, acme, 1000)
	changed(edited.memLog, 100)
	if r := verifyLog(edited, 1000); r.Verdict != proof.Tampered {
		t.Errorf("a line changed that was signed: %s, %v", r.Verdict, r.Fault)
	}
	forked := (&scene{t: t, s: s}).fork(650)
	forked.checkpoint(t, acme, 900)
	if r := verifyLog(forked, 900); r.Verdict != proof.Forked || !strings.Contains(r.Fault.File, "00700-") {
		t.Errorf("signed anew from 650 on: %s, %v", r.Verdict, r.Fault)
	}
	short := (&scene{t: t, s: s}).fork(1000)
	short.checkpoint(t, acme, 650)
	if r := verifyLog(short, 650); r.Verdict != proof.RolledBack || !strings.Contains(r.Fault.File, "00700-") {
		t.Errorf("cut off at 650: %s, %v", r.Verdict, r.Fault)
	}
	// An export of then does not have what came later; one of some has too little.
	r := verify(t, whole(650, 300).write(t, s), o)
	if r.Verdict != proof.OK || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "1 of the anchored") {
		t.Errorf("an export of 650: %s, %v, notes %q", r.Verdict, r.Fault, r.Notes)
	}
	if r := verify(t, filtered(700, 3, 100).write(t, s), o); r.Verdict != proof.Unverifiable {
		t.Errorf("an export of some: %s, %v", r.Verdict, r.Fault)
	}
	o.Anchors = anchors(t, s, 700)
	if r := verify(t, filtered(700, 3, 100).write(t, s), o); r.Verdict != proof.OK {
		t.Errorf("an export of some, of the anchored size: %s, %v", r.Verdict, r.Fault)
	}
}

// TestManyAnchors compares roots of all sizes with those of RFC 6962.
func TestManyAnchors(t *testing.T) {
	const size = 800
	s := newServer(t, size)
	s.checkpoint(t, acme, size)
	var sizes []uint64
	for n := range uint64(size + 1) {
		if n%7 == 0 || n > 500 && n < 530 {
			sizes = append(sizes, n)
		}
	}
	files := anchors(t, s, sizes...)
	ref := newReference(s.lines[acme])
	for _, n := range sizes {
		name := find(files, fmt.Sprintf("/%020d-", n))
		if n > 0 && !bytes.Contains(files[name].Data, []byte(proof.Hash(ref.mth(0, int(n))).String())) {
			t.Fatalf("the anchor of %d has another root", n)
		}
	}
	o := proof.VerifyOptions{Keys: s.keys(t, acme), Anchors: files}
	r, err := proof.VerifyLog(t.Context(), s.fs, dir, acme, s.memLog, size, o)
	if err != nil || r.Verdict != proof.OK || !strings.Contains(strings.Join(r.Proved, ""), fmt.Sprintf("all %d anchored", len(sizes))) {
		t.Errorf("%+v, %v, %v", r, r.Fault, err)
	}
}

// TestWitnessed asks for witnesses of logs and exports.
func TestWitnessed(t *testing.T) {
	s := newServer(t, 1000)
	one := newWitness(t, vfs.NewMem(), s)
	two := newWitness(t, vfs.NewMem(), s)
	cosign := func(w *proof.Witness, old, size uint64) []byte {
		t.Helper()
		line, err := w.Add(s.submission(t, acme, old, size))
		check(t, err)
		msg, err := proof.AddCosignatures(s.checkpoint(t, acme, size), line, []*proof.WitnessKey{w.Key()})
		check(t, err)
		return msg
	}
	seen := cosign(one, 0, 400)
	s.checkpoint(t, acme, 600)
	export := whole(600, 250).write(t, s)
	keys := s.keys(t, acme)
	logReport := func(s *server, o proof.VerifyOptions) proof.Report {
		t.Helper()
		r, err := proof.VerifyLog(t.Context(), s.fs, dir, acme, s.memLog, 600, o)
		check(t, err)
		return r
	}
	want := func(what string, r proof.Report, verdict proof.Verdict, said string) {
		t.Helper()
		if r.Verdict != verdict || !strings.Contains(strings.Join(r.Proved, "\n"), said) {
			t.Errorf("%s: %s, %v, proved %q", what, r.Verdict, r.Fault, r.Proved)
		}
	}
	both := []*proof.WitnessKey{one.Key(), two.Key()}
	o := proof.VerifyOptions{Keys: keys, Witnesses: both[:1]}
	want("log, nobody saw it", logReport(s, o), proof.Unverifiable, "")
	want("export, nobody saw it", verify(t, export, o), proof.Unverifiable, "")
	o.Against = seen
	said := "witness.example.com/w1 saw the log with 400 events on 2023-11-14 at 22:13:20 UTC."
	want("log, against", logReport(s, o), proof.OK, said)
	want("export, against", verify(t, export, o), proof.OK, said)
	o.Witnesses = both
	want("export, one of two", verify(t, export, o), proof.Unverifiable, "")
	o.Witnesses = both[:1]
	o.Against = append(slices.Clip(s.checkpoint(t, acme, 400)), "— witness.example.com/w1 "+strings.Repeat("A", 100)+"\n"...)
	want("export, an invented cosignature", verify(t, export, o), proof.Unverifiable, "")
	o.Against = bytes.Replace(seen, []byte("\n400\n"), []byte("\n401\n"), 1)
	want("export, another size", verify(t, export, o), proof.Unverifiable, "")

	check(t, s.notary.KeepWitnessed(acme, seen))
	o.Against = nil
	manifestsSeen(t, s, o, cosign)
	want("log, as it keeps it", logReport(s, o), proof.OK, said)
	forked := (&scene{t: t, s: s}).fork(100)
	forked.checkpoint(t, acme, 600)
	check(t, vfs.WriteFile(forked.fs, dir+"/proof/acme/witnessed", seen))
	want("a fork", logReport(forked, o), proof.Forked, "")
	check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/witnessed", s.checkpoint(t, beta, 300)))
	o.Keys = bothKeys(t, s)
	want("the other tenant's", logReport(s, o), proof.Tampered, "")
}

// TestKeepWitnessed says which cosigned checkpoint a server shows.
func TestKeepWitnessed(t *testing.T) {
	s := newServer(t, 600)
	shows := func(n *proof.Notary, want []byte) {
		t.Helper()
		_, got, err := n.Witnessed(acme)
		if want == nil && audit.ErrorCode(err) != audit.CodeNotFound || want != nil && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("it shows %q, %v, want %q", got, err, want)
		}
	}
	shows(s.notary, nil)
	first, second := s.checkpoint(t, acme, 300), s.checkpoint(t, acme, 500)
	check(t, s.notary.KeepWitnessed(acme, second))
	check(t, s.notary.KeepWitnessed(acme, first))
	shows(s.notary, second)
	shows(s.again(t, s.memLog).notary, second)
	if err := s.notary.KeepWitnessed(acme, newServer(t, 600).checkpoint(t, acme, 600)); err == nil {
		t.Error("it keeps what another server signed")
	}
	if err := s.notary.KeepWitnessed(acme, s.checkpoint(t, beta, 300)); err == nil {
		t.Error("it keeps what is of another tenant")
	}
	shows(s.notary, second)
	check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/witnessed", []byte("damaged")))
	shows(s.again(t, s.memLog).notary, nil)
}

// TestVouched rotates keys twice and follows the statements.
func TestVouched(t *testing.T) {
	s := newServer(t, 10)
	verifiers := func(s *server, tenant audit.TenantID) []string {
		t.Helper()
		list, err := s.notary.Verifiers(tenant)
		check(t, err)
		return list
	}
	first := verifiers(s, acme)
	check(t, s.notary.Rotate())
	check(t, s.notary.Rotate())
	all, statements := verifiers(s, acme), s.notary.Statements()
	if len(all) != 3 || len(statements) != 2 {
		t.Fatalf("%d keys and %d statements", len(all), len(statements))
	}
	if again := s.again(t, s.memLog).notary.Statements(); !slices.Equal(again, statements) {
		t.Errorf("after a restart: %q", again)
	}
	stranger := newServer(t, 10)
	check(t, stranger.notary.Rotate())
	forged := strings.Replace(statements[0], strings.Split(statements[0], "\n")[2],
		strings.Split(stranger.notary.Statements()[0], "\n")[2], 1)
	for name, tc := range map[string]struct {
		known, offered, statements, want []string
	}{
		"from the first":            {first, all, statements, all},
		"from the last":             {all[:1], all[:1], nil, all[:1]},
		"in the other order":        {first, all, []string{statements[1], statements[0]}, all},
		"a link missing":            {first, all, statements[:1], all[2:]},
		"without statements":        {first, all, nil, all[2:]},
		"backwards":                 {all[:1], all, statements, all[:1]},
		"another tenant's name":     {first, verifiers(s, beta), statements, nil},
		"a stranger's key":          {first, verifiers(stranger, acme), stranger.notary.Statements(), nil},
		"a statement forged":        {first, verifiers(stranger, acme), append([]string{forged}, statements...), nil},
		"a statement cut":           {first, all, []string{statements[1], statements[0][:60]}, all[1:]},
		"a checkpoint as statement": {first, all[:1], []string{string(s.checkpoint(t, acme, 5))}, nil},
	} {
		got, err := proof.Vouched(tc.known, tc.offered, tc.statements)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
		}
	}
	for _, bad := range [][]string{{"x"}, {newWitness(t, vfs.NewMem(), s).Key().String()}} {
		if got, err := proof.Vouched(bad, all, statements); err == nil {
			t.Errorf("known %q: %q", bad, got)
		}
	}
}

// manifestsSeen verifies exports whose manifests have what witnesses saw: honest
// ones, and those of a forger who has the log's key. 400 events were seen before.
func manifestsSeen(t *testing.T, s *server, o proof.VerifyOptions, cosign func(w *proof.Witness, old, size uint64) []byte) {
	t.Helper()
	beside := func(size uint64) proof.Witnessed {
		t.Helper()
		w, err := s.notary.WitnessedBeside(t.Context(), acme, size)
		check(t, err)
		return *w
	}
	fork := (&scene{t: t, s: s}).fork(100)
	stranger := newWitness(t, vfs.NewMem(), s)
	for _, tc := range []struct {
		name    string
		size    uint64 // of the export
		change  func(w *proof.Witnessed)
		verdict proof.Verdict
	}{
		{"seen before", 600, func(*proof.Witnessed) {}, proof.OK},
		{"just that one", 400, func(*proof.Witnessed) {}, proof.OK},
		{"seen behind it", 300, func(*proof.Witnessed) {}, proof.OK},
		{"no proof", 600, func(w *proof.Witnessed) { w.Hashes = nil }, proof.Tampered},
		{"half a proof", 600, func(w *proof.Witnessed) { w.Hashes = w.Hashes[1:] }, proof.Tampered},
		{"another proof", 600, func(w *proof.Witnessed) { *w = proof.Witnessed{Checkpoint: w.Checkpoint, Hashes: beside(500).Hashes} },
			proof.Tampered},
		{"a hash more", 400, func(w *proof.Witnessed) { w.Hashes = append(w.Hashes, proof.Hash{}) }, proof.Tampered},
		{"another size", 600, func(w *proof.Witnessed) {
			w.Checkpoint = strings.Replace(w.Checkpoint, "\n400\n", "\n401\n", 1)
		}, proof.Tampered},
		{"without the cosignature", 600, func(w *proof.Witnessed) {
			w.Checkpoint = string(s.checkpoint(t, acme, 400))
		}, proof.Unverifiable},
		{"of another witness", 600, func(w *proof.Witnessed) {
			w.Checkpoint = string(cosign(stranger, 0, 400))
		}, proof.Unverifiable}, // of the same name, but another key
		{"an invented cosignature", 600, func(w *proof.Witnessed) {
			at := strings.LastIndex(w.Checkpoint, " ") + 10
			w.Checkpoint = w.Checkpoint[:at] + "AAAAAAAA" + w.Checkpoint[at+8:]
		}, proof.Tampered},
		{"a cosignature of another size", 600, func(w *proof.Witnessed) {
			lines := strings.SplitAfter(w.Checkpoint, "\n")
			w.Checkpoint = string(s.checkpoint(t, acme, 399)) + lines[len(lines)-2]
			c, err := s.notary.Consistency(t.Context(), acme, 399, 600)
			check(t, err)
			w.Hashes = c.Hashes
		}, proof.Tampered},
		{"no note", 600, func(w *proof.Witnessed) { w.Checkpoint = "" }, proof.Tampered},
		{"of the other tenant", 600, func(w *proof.Witnessed) { w.Checkpoint = string(s.checkpoint(t, beta, 400)) }, proof.Unverifiable},
		{"of another history", 600, func(w *proof.Witnessed) { w.Checkpoint = string(fork.checkpoint(t, acme, 400)) }, proof.Tampered},
		{"of another history of that size", 400, func(w *proof.Witnessed) {
			w.Checkpoint = string(fork.checkpoint(t, acme, 400))
		}, proof.Forked},
	} {
		files, m := filtered(tc.size, 7, 100).files(t, s)
		w := beside(tc.size)
		tc.change(&w)
		m.Witnessed = &w
		seal(t, s, files, m)
		r := verify(t, files, o)
		if r.Verdict != tc.verdict || (r.Verdict == proof.OK) != strings.Contains(fmt.Sprint(r.Proved), "saw the log with 400 events") {
			t.Errorf("%s: %s, %v, proved %q", tc.name, r.Verdict, r.Fault, r.Proved)
		}
	}
	// Whoever has no key at all cannot put it there.
	files, m := filtered(600, 7, 100).files(t, s)
	seal(t, s, files, m)
	m.Witnessed = new(proof.Witnessed)
	*m.Witnessed = beside(600)
	text, err := json.Marshal(m)
	check(t, err)
	put(files, manifest, text)
	if r := verify(t, files, o); r.Verdict != proof.Tampered {
		t.Errorf("put there later: %s", r.Verdict)
	}
}
