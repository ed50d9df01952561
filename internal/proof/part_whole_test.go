package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// TestProveWhole makes the proofs of exports of everything out of their lines alone:
// they are those that the server makes, and so is the root.
func TestProveWhole(t *testing.T) {
	s := newServer(t, 1400)
	rnd := rand.New(rand.NewPCG(3, 0))
	for range 100 {
		e := draw(rnd)
		e.format = audit.FormatJSONL
		var parts []*proof.Part
		var want [][]byte
		for rest := e.indexes; len(rest) > 0; {
			p := new(proof.Part)
			for _, i := range rest[:min(e.perPart, len(rest))] {
				p.Add(i, s.lines[e.tenant][i])
			}
			rest = rest[p.Lines():]
			text, err := s.notary.ProvePart(t.Context(), e.tenant, e.asOf, p)
			check(t, err)
			parts, want = append(parts, p), append(want, text)
		}
		got, size, root, err := proof.ProveWhole(parts)
		if uint64(len(e.indexes)) != e.asOf {
			// What is there may be all of a smaller log.
			if !errors.Is(err, proof.ErrNotWhole) && (err != nil || size == e.asOf) {
				t.Fatalf("%d lines of %d: %v", len(e.indexes), e.asOf, err)
			}
			continue
		}
		check(t, err)
		c, err := proof.OpenCheckpoint(s.checkpoint(t, e.tenant, e.asOf), s.keys(t, e.tenant))
		check(t, err)
		if size != e.asOf || root != c.Root || len(got) != len(want) {
			t.Fatalf("%d lines have the root %v, want %d, %v", size, root, e.asOf, c.Root)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("proof %d of %d lines differs", i, e.asOf)
			}
		}
	}
	a, b := new(proof.Part), new(proof.Part)
	a.Add(0, s.lines[acme][0])
	b.Add(0, s.lines[acme][0])
	if _, _, _, err := proof.ProveWhole([]*proof.Part{a, b}); err == nil {
		t.Error("a line that comes twice has a proof")
	}
}

// TestUnsigned verifies exports whose manifest nobody signed: anybody can write one,
// and what it says beside the lines counts for nothing.
func TestUnsigned(t *testing.T) {
	s := newServer(t, 1000)
	for _, tc := range []struct {
		name    string
		export  export
		forge   func(c *scene, m *proof.Manifest)
		verdict proof.Verdict
		said    string // of the fault
	}{
		{"everything", whole(600, 250), func(*scene, *proof.Manifest) {}, proof.OK, ""},
		{"one event", whole(1, 250), func(*scene, *proof.Manifest) {}, proof.OK, ""},
		{"other things that it says", whole(600, 250), func(_ *scene, m *proof.Manifest) {
			m.Filters = []byte(`{"action":"read"}`) // they have every event all the same
		}, proof.OK, ""},
		{"the signature of a job's manifest removed", whole(600, 250), func(_ *scene, m *proof.Manifest) {
			m.ExportID = "exp_1"
		}, proof.Unverifiable, "manifest.json.sig: it is missing"},
		{"a part of the log", filtered(600, 7, 250), func(*scene, *proof.Manifest) {}, proof.Unverifiable,
			"it is not signed, and it does not have every event"},
		{"a part of the log, said to be all", filtered(600, 7, 250), func(_ *scene, m *proof.Manifest) {
			m.Filters = []byte("{}")
		}, proof.Incomplete, "the event with index 0 is missing"},
		{"a part, said to be what retention left", filtered(600, 7, 250), func(_ *scene, m *proof.Manifest) {
			m.Filters, m.Pruned = []byte("{}"), []audit.IndexRange{{To: 600}}
		}, proof.Unverifiable, "it is not signed, and it does not have every event"},
		{"csv", func() export { e := whole(600, 250); e.format = audit.FormatCSV; return e }(),
			func(*scene, *proof.Manifest) {}, proof.Unverifiable, "manifest.json.sig: it is missing"},
		{"no checkpoint", whole(600, 250), func(_ *scene, m *proof.Manifest) { m.Checkpoint = "" },
			proof.Unverifiable, "manifest.json.sig: it is missing"},
		{"a file left out of it", whole(600, 250), func(_ *scene, m *proof.Manifest) {
			m.RecordCount -= m.Files[2].RecordCount
			m.Files = m.Files[:2]
		}, proof.Tampered, "part-0003.jsonl: it is not a file of this export"},
		{"a file removed", whole(600, 250), func(c *scene, _ *proof.Manifest) { delete(c.files, part2) },
			proof.Incomplete, "part-0002.jsonl: it is missing"},
		{"a file removed and left out of it", whole(600, 250), func(c *scene, m *proof.Manifest) {
			delete(c.files, part3)
			m.RecordCount -= m.Files[2].RecordCount
			m.Files = m.Files[:2]
		}, proof.Incomplete, "the event with index 500 is missing"},
		{"a line changed, its hash made right", whole(600, 250), func(c *scene, m *proof.Manifest) {
			c.replace(part2, `"req-00000300"`, `"req-00000301"`)
			m.Files[1].SHA256 = sum(c.files[part2].Data)
		}, proof.Tampered, "part-0002.jsonl: line 51"},
		{"a checkpoint of another size", whole(600, 250), func(c *scene, m *proof.Manifest) {
			m.Checkpoint = string(c.s.checkpoint(t, acme, 700))
		}, proof.Tampered, "its as_of is 600, its checkpoint has 700"},
		{"another size altogether", whole(600, 250), func(c *scene, m *proof.Manifest) {
			m.Checkpoint, m.AsOf = string(c.s.checkpoint(t, acme, 700)), 700
		}, proof.Tampered, "it is of 250 lines of a tree of 600"},
		{"a checkpoint that nobody signed", whole(600, 250), func(_ *scene, m *proof.Manifest) {
			text, _, _ := strings.Cut(m.Checkpoint, "\n\n")
			m.Checkpoint = text + "\n"
		}, proof.Tampered, "malformed note"},
		{"a root of one's own", whole(600, 250), func(c *scene, m *proof.Manifest) {
			other := c.other(100).checkpoint(t, acme, 600)
			text, _, _ := strings.Cut(string(other), "\n\n")
			_, sigs, _ := strings.Cut(m.Checkpoint, "\n\n")
			m.Checkpoint = text + "\n\n" + sigs
		}, proof.Tampered, "invalid signature"},
		{"of another tenant", whole(600, 250), func(c *scene, m *proof.Manifest) {
			c.o.Keys = bothKeys(t, c.s)
			m.Tenant = beta
		}, proof.Tampered, `its tenant is "beta"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files, m := tc.export.files(t, s)
			c := &scene{t: t, s: s, files: files, o: proof.VerifyOptions{Keys: s.keys(t, acme)}}
			m.ExportID = ""
			tc.forge(c, &m)
			unsigned(t, files, m)
			r := verify(t, files, c.o)
			if r.Verdict != tc.verdict || (r.Verdict == proof.OK) != r.Whole ||
				r.Fault != nil && !strings.Contains(r.Fault.Error(), tc.said) {
				t.Errorf("%s, %v", r.Verdict, r.Fault)
			}
			if r.Verdict == proof.OK && strings.Contains(strings.Join(r.Proved, ""), "manifest") {
				t.Errorf("proved %q", r.Proved)
			}
		})
	}
	// An export of another server, with a key of its own.
	files, m := whole(600, 250).files(t, s)
	m.ExportID = ""
	unsigned(t, files, m)
	other := serve(t, newLog(1000), vfs.NewMem())
	if r := verify(t, files, proof.VerifyOptions{Keys: other.keys(t, acme)}); r.Verdict != proof.Unverifiable || r.Origin != "" {
		t.Errorf("of a key that is not known: %+v", r)
	}
	// All of a log that went back: what was kept tells.
	o := proof.VerifyOptions{Keys: s.keys(t, acme), Against: s.checkpoint(t, acme, 700)}
	if r := verify(t, files, o); r.Verdict != proof.RolledBack {
		t.Errorf("the newest events left out: %+v", r)
	}
	o.Against = s.checkpoint(t, acme, 300)
	if r := verify(t, files, o); r.Verdict != proof.OK {
		t.Errorf("against an earlier checkpoint: %v", r.Fault)
	}
}

// unsigned writes a manifest and no signature.
func unsigned(t *testing.T, files fstest.MapFS, m proof.Manifest) {
	t.Helper()
	text, err := json.Marshal(m)
	check(t, err)
	if m.ExportID == "" {
		text = bytes.Replace(text, []byte(`"export_id":"",`), nil, 1)
	}
	put(files, manifest, text)
}
