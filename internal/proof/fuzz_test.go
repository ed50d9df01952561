package proof_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"testing"

	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// fuzzServer returns a server whose key is the same in every process: what one
// process of a fuzz test signs means something to the others.
func fuzzServer(f *testing.F, n int) *server {
	f.Helper()
	seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	public := ed25519.NewKeyFromSeed(seed)[ed25519.SeedSize:]
	text, err := json.Marshal(proof.Keys{Format: 1, Keys: []proof.Key{
		{CreatedAt: clock(), Public: ed25519.PublicKey(public), Seed: seed}}})
	if err != nil {
		f.Fatal(err)
	}
	m := vfs.NewMem()
	if err := m.MkdirAll(dir); err != nil {
		f.Fatal(err)
	}
	if err := vfs.WriteFile(m, dir+"/proof.key", text); err != nil {
		f.Fatal(err)
	}
	return serve(f, newLog(n), m)
}

// FuzzCheckpoint reads notes: what is accepted was signed.
func FuzzCheckpoint(f *testing.F) {
	s := fuzzServer(f, 300)
	keys := s.keys(f, acme)
	good := s.checkpoint(f, acme, 300)
	f.Add(good)
	f.Add(s.checkpoint(f, beta, 100))
	f.Add([]byte("log.example.com/acme\n1\n\n\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		c, err := proof.OpenCheckpoint(msg, keys)
		if err == nil && (c.Origin != "log.example.com/acme" || c.Size != 300) {
			t.Errorf("%q passes as %v", msg, c)
		}
		if c, err := proof.ParseCheckpoint(string(msg)); err == nil && !bytes.HasPrefix(msg, []byte(c.Text())) {
			t.Errorf("%q is read as %q", msg, c.Text())
		}
	})
}

// FuzzManifest verifies exports by manifests that the log signed, whatever they
// say: nothing panics, and what passes has all records.
func FuzzManifest(f *testing.F) {
	s := fuzzServer(f, 60)
	files := whole(60, 25).write(f, s)
	o := proof.VerifyOptions{Keys: s.keys(f, acme)}
	f.Add(files[manifest].Data)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"files":[{}],"as_of":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		files := maps.Clone(files)
		sig, err := s.notary.SignManifest(t.Context(), acme, text)
		check(t, err)
		put(files, manifest, text)
		put(files, manifest+".sig", sig)
		r := verify(t, files, o)
		if r.Verdict == proof.OK && r.Size > 60 {
			t.Errorf("a log of %d lines passes", r.Size)
		}
	})
}

// FuzzUnsigned verifies an export with any manifest and no signature: what passes
// has all lines of a checkpoint that is signed.
func FuzzUnsigned(f *testing.F) {
	s := fuzzServer(f, 60)
	files := whole(60, 25).write(f, s)
	delete(files, manifest+".sig")
	o := proof.VerifyOptions{Keys: s.keys(f, acme)}
	f.Add(bytes.Replace(files[manifest].Data, []byte(`"export_id":"exp_1",`), nil, 1))
	f.Add(files[manifest].Data)
	f.Fuzz(func(t *testing.T, text []byte) {
		files := maps.Clone(files)
		put(files, manifest, text)
		if r := verify(t, files, o); r.Verdict == proof.OK && (!r.Whole || r.Size != 60 && r.Size != 0) {
			t.Errorf("%+v passes", r)
		}
	})
}

// FuzzProof verifies a file by any proof that the log signed: only the right
// lines pass.
func FuzzProof(f *testing.F) {
	s := fuzzServer(f, 300)
	e := filtered(300, 7, 100)
	files, m := e.files(f, s)
	o := proof.VerifyOptions{Keys: s.keys(f, acme)}
	f.Add(files[proof1].Data, false)
	f.Add(files[proof1].Data, true)
	f.Add([]byte("SVAPRF\x01\x00"), false)
	f.Fuzz(func(t *testing.T, data []byte, change bool) {
		files, m := maps.Clone(files), m
		m.Proofs = []proof.ManifestProof{{Key: proof1, SizeBytes: int64(len(data)), SHA256: sum(data)}}
		m.Files = []proof.ManifestFile{m.Files[0]}
		put(files, proof1, data)
		if change {
			text := bytes.Replace(files[part1].Data, []byte("alice"), []byte("mallo"), 1)
			put(files, part1, text)
			m.Files[0].SHA256 = sum(text)
		}
		seal(t, s, files, m)
		if r := verify(t, files, o); r.Verdict == proof.OK && change {
			t.Errorf("a changed line passes by the proof %x", data)
		}
	})
}

// FuzzVerify verifies exports with any content of a file: only the lines that
// were exported pass.
func FuzzVerify(f *testing.F) {
	s := fuzzServer(f, 60)
	files := whole(60, 100).write(f, s)
	o := proof.VerifyOptions{Keys: s.keys(f, acme), Against: s.checkpoint(f, acme, 33)}
	text := files[part1].Data
	f.Add(text)
	for c := range suffixes {
		f.Add(compress(c, text))
		f.Add(compress(c, text[:1000]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		files := maps.Clone(files)
		put(files, part1, data)
		r := verify(t, files, o)
		if r.Verdict != proof.OK || bytes.Equal(data, text) {
			return
		}
		if !bytes.Equal(decompress("gzip", data), text) && !bytes.Equal(decompress("zstd", data), text) {
			t.Errorf("%q passes", data)
		}
	})
}

// FuzzInclusion checks proofs of all kinds that come as JSON.
func FuzzInclusion(f *testing.F) {
	s := fuzzServer(f, 60)
	keys := s.keys(f, acme)
	s.checkpoint(f, acme, 60)
	in, err := s.notary.Inclusion(context.Background(), acme, "log_x", 7)
	if err != nil {
		f.Fatal(err)
	}
	con, err := s.notary.Consistency(context.Background(), acme, 33, 60)
	if err != nil {
		f.Fatal(err)
	}
	old, err := proof.OpenCheckpoint(s.checkpoint(f, acme, 33), keys)
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range []any{in, con} {
		text, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p proof.Inclusion
		if json.Unmarshal(text, &p) == nil {
			if _, err := p.Verify(line(acme, 7), keys); err == nil && p.LeafIndex != 7 {
				t.Errorf("line 7 passes as line %d", p.LeafIndex)
			}
			_ = proof.VerifyMulti(p.LeafHash, p.TreeSize, []uint64{p.LeafIndex}, []proof.Hash{p.LeafHash}, p.Hashes)
		}
		var q proof.Consistency
		if json.Unmarshal(text, &q) == nil {
			if c, err := q.Verify(old, keys); err == nil && c.Size < 33 {
				t.Errorf("%v continues %v", c, old)
			}
		}
	})
}
