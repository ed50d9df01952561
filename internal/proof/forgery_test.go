package proof_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// scene is an export in the hands of a forger, and how it is verified.
type scene struct {
	t     *testing.T
	s     *server
	files fstest.MapFS
	o     proof.VerifyOptions
}

const (
	manifest = prefix + "manifest.json"
	part1    = prefix + "part-0001.jsonl"
	part2    = prefix + "part-0002.jsonl"
	part3    = prefix + "part-0003.jsonl"
	proof1   = prefix + "proof-0001"
	proof2   = prefix + "proof-0002"
)

// edit changes the content of a file.
func (c *scene) edit(name string, change func(text []byte) []byte) {
	c.t.Helper()
	if c.files[name] == nil {
		c.t.Fatalf("no file %s", name)
	}
	put(c.files, name, change(bytes.Clone(c.files[name].Data)))
}

// lines changes the lines of a file.
func (c *scene) lines(name string, change func(lines [][]byte) [][]byte) {
	c.t.Helper()
	c.edit(name, func(text []byte) []byte {
		return bytes.Join(change(bytes.SplitAfter(text, []byte("\n"))), nil)
	})
}

// resign changes the manifest and lets the log sign what became of it: what
// somebody with the key can do.
func (c *scene) resign(change func(m *proof.Manifest)) {
	c.t.Helper()
	var m proof.Manifest
	check(c.t, json.Unmarshal(c.files[manifest].Data, &m))
	change(&m)
	seal(c.t, c.s, c.files, m)
}

// relist lets the manifest list files as they are, and the log sign it.
func (c *scene) relist() {
	c.t.Helper()
	c.resign(func(m *proof.Manifest) {
		for i := range m.Files {
			data := c.files[m.Files[i].Key].Data
			m.Files[i].SHA256, m.Files[i].SizeBytes = sum(data), int64(len(data))
		}
		for i := range m.Proofs {
			data := c.files[m.Proofs[i].Key].Data
			m.Proofs[i].SHA256, m.Proofs[i].SizeBytes = sum(data), int64(len(data))
		}
	})
}

func (c *scene) replace(name, old, new string) {
	c.t.Helper()
	c.edit(name, func(text []byte) []byte {
		if !bytes.Contains(text, []byte(old)) {
			c.t.Fatalf("%s does not hold %q", name, old)
		}
		return bytes.Replace(text, []byte(old), []byte(new), 1)
	})
}

// other returns a server with a key of its own and lines that differ from the
// index on.
func (c *scene) other(from uint64) *server {
	log := newLog(1000)
	for i := from; i < log.size(acme); i++ {
		log.lines[acme][i] = line(beta, i)
	}
	return serve(c.t, log, vfs.NewMem())
}

// fork returns a server with the same key and other lines from the index on.
func (c *scene) fork(from uint64) *server {
	o := c.other(from)
	key, err := vfs.ReadFile(c.s.fs, dir+"/proof.key")
	check(c.t, err)
	m := vfs.NewMem()
	check(c.t, m.MkdirAll(dir))
	check(c.t, vfs.WriteFile(m, dir+"/proof.key", key))
	return serve(c.t, o.memLog, m)
}

var forgeries = []struct {
	name    string
	forge   func(c *scene)
	verdict proof.Verdict
	file    string // where the fault is; "" for none of a file
	line    uint64
}{
	{"a byte of a line", func(c *scene) {
		c.replace(part2, `"index-300"`, `"index-301"`)
	}, proof.Tampered, part2, 51},
	{"a line removed", func(c *scene) {
		c.lines(part1, func(l [][]byte) [][]byte { return slices.Delete(l, 9, 10) })
	}, proof.Tampered, part1, 10},
	{"a line doubled", func(c *scene) {
		c.lines(part1, func(l [][]byte) [][]byte { return slices.Insert(l, 9, l[9]) })
	}, proof.Tampered, part1, 11},
	{"a line invented", func(c *scene) {
		c.lines(part1, func(l [][]byte) [][]byte { return slices.Insert(l, 9, append(line(beta, 9), '\n')) })
	}, proof.Tampered, part1, 10},
	{"two lines exchanged", func(c *scene) {
		c.lines(part1, func(l [][]byte) [][]byte { l[20], l[30] = l[30], l[20]; return l })
	}, proof.Tampered, part1, 21},
	{"a line of another tenant", func(c *scene) {
		c.lines(part1, func(l [][]byte) [][]byte { l[5] = append(line(beta, 5), '\n'); return l })
	}, proof.Tampered, part1, 6},
	{"the first line removed", func(c *scene) {
		c.lines(part1, func(l [][]byte) [][]byte { return l[1:] })
	}, proof.Tampered, part1, 1},
	{"the last lines removed", func(c *scene) {
		c.lines(part3, func(l [][]byte) [][]byte { return l[:90] })
	}, proof.Incomplete, part3, 91},
	{"cut off within a line", func(c *scene) {
		c.edit(part3, func(text []byte) []byte { return text[:len(text)-7] })
	}, proof.Incomplete, part3, 100},
	{"lines added at the end", func(c *scene) {
		c.edit(part3, func(text []byte) []byte { return append(append(text, line(acme, 600)...), '\n') })
	}, proof.Tampered, part3, 101},
	{"a line end of another system", func(c *scene) {
		c.edit(part1, func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")) })
	}, proof.Tampered, part1, 1},
	{"a byte order mark", func(c *scene) {
		c.edit(part1, func(text []byte) []byte { return append([]byte("\xef\xbb\xbf"), text...) })
	}, proof.Tampered, part1, 1},
	{"a line without end", func(c *scene) {
		c.edit(part1, func(text []byte) []byte { return bytes.Repeat([]byte{'x'}, 1<<20) })
	}, proof.Tampered, part1, 1},
	{"an empty file", func(c *scene) {
		c.edit(part1, func([]byte) []byte { return nil })
	}, proof.Incomplete, part1, 1},
	{"a file missing", func(c *scene) { delete(c.files, part2) }, proof.Incomplete, part2, 0},
	{"a file replaced by another of them", func(c *scene) {
		c.edit(part2, func([]byte) []byte { return c.files[part1].Data })
	}, proof.Tampered, part2, 1},
	{"a file added", func(c *scene) {
		put(c.files, prefix+"part-0004.jsonl", append(line(acme, 600), '\n'))
	}, proof.Tampered, prefix + "part-0004.jsonl", 0},
	{"a link in place of a file", func(c *scene) {
		c.files[part2].Mode |= fs.ModeSymlink
	}, proof.Incomplete, part2, 0},
	{"a proof missing", func(c *scene) { delete(c.files, proof2) }, proof.Incomplete, proof2, 0},
	{"a byte of a proof", func(c *scene) {
		c.edit(proof1, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	}, proof.Tampered, proof1, 0},
	{"a proof of another file", func(c *scene) {
		c.edit(proof1, func([]byte) []byte { return c.files[proof2].Data })
	}, proof.Tampered, proof1, 0},
	{"the manifest's count", func(c *scene) {
		c.replace(manifest, `"record_count":600`, `"record_count":599`)
	}, proof.Tampered, manifest, 0},
	{"white space in the manifest", func(c *scene) {
		c.replace(manifest, `,"`, `, "`)
	}, proof.Tampered, manifest, 0},
	{"no signature", func(c *scene) {
		delete(c.files, manifest+".sig")
	}, proof.Unverifiable, manifest + ".sig", 0},
	{"a byte of the signature", func(c *scene) {
		c.edit(manifest+".sig", func(b []byte) []byte {
			at := len(b) - 10
			b[at] = 'A' + (b[at]-'A'+1)%26
			return b
		})
	}, proof.Tampered, manifest + ".sig", 0},
	{"a signature that is no note", func(c *scene) {
		put(c.files, manifest+".sig", []byte("signed, the log\n"))
	}, proof.Tampered, manifest + ".sig", 0},
	{"another signer", func(c *scene) {
		seal(c.t, c.other(600), c.files, c.manifest())
	}, proof.Unverifiable, manifest + ".sig", 0},
	{"another signer and no key", func(c *scene) {
		seal(c.t, c.other(600), c.files, c.manifest())
		c.o.Keys = note.VerifierList()
	}, proof.Unverifiable, manifest + ".sig", 0},
	{"the signature of a checkpoint", func(c *scene) {
		put(c.files, manifest+".sig", c.s.checkpoint(c.t, acme, 600))
	}, proof.Tampered, manifest, 0},
	{"the signature of another tenant", func(c *scene) {
		m := c.manifest()
		m.Tenant = beta
		seal(c.t, c.s, c.files, m)
	}, proof.Unverifiable, manifest + ".sig", 0},

	// From here on the forger has the key of the log, or its operator does it.
	{"the checkpoint of another tenant", func(c *scene) {
		c.o.Keys = bothKeys(c.t, c.s)
		c.resign(func(m *proof.Manifest) { m.Checkpoint = string(c.s.checkpoint(c.t, beta, 500)) })
	}, proof.Tampered, manifest, 0},
	{"a checkpoint with another signature", func(c *scene) {
		c.resign(func(m *proof.Manifest) { m.Checkpoint = string(c.other(600).checkpoint(c.t, acme, 600)) })
	}, proof.Unverifiable, manifest, 0},
	{"a checkpoint of another size", func(c *scene) {
		c.resign(func(m *proof.Manifest) { m.Checkpoint = string(c.s.checkpoint(c.t, acme, 601)) })
	}, proof.Tampered, manifest, 0},
	{"a count that does not add up", func(c *scene) {
		c.resign(func(m *proof.Manifest) { m.RecordCount++ })
	}, proof.Tampered, manifest, 0},
	{"a file without proof", func(c *scene) {
		c.resign(func(m *proof.Manifest) { m.Files[1].Proof = "" })
	}, proof.Tampered, manifest, 0},
	{"a file listed twice", func(c *scene) {
		c.resign(func(m *proof.Manifest) { m.Files[1] = m.Files[0] })
	}, proof.Tampered, manifest, 0},
	{"a file twice under two names", func(c *scene) {
		put(c.files, part2, c.files[part1].Data)
		put(c.files, proof2, c.files[proof1].Data)
		c.relist()
	}, proof.Tampered, manifest, 0},
	{"wrong ranges", func(c *scene) {
		c.resign(func(m *proof.Manifest) { m.Files[0].Ranges[0].To++ })
	}, proof.Tampered, manifest, 0},
	{"a file left out", func(c *scene) {
		delete(c.files, part2)
		c.resign(func(m *proof.Manifest) {
			m.Files = slices.Delete(m.Files, 1, 2)
			m.RecordCount -= 250
		})
	}, proof.Incomplete, manifest, 0},
	{"a line changed and hinted at", func(c *scene) {
		c.replace(part2, `"index-300"`, `"index-301"`)
		leaf := leafHash(bytes.Split(c.files[part2].Data, []byte("\n"))[50])
		c.edit(proof2, func(b []byte) []byte { copy(b[hintsAt(b)+2*50:], leaf[:2]); return b })
		c.relist()
	}, proof.Tampered, part2, 0},
	{"a proof with a hash too few", func(c *scene) {
		c.edit(proof2, func(b []byte) []byte { return b[:len(b)-32] })
		c.relist()
	}, proof.Tampered, part2, 0},
	{"a proof with more than it needs", func(c *scene) {
		c.edit(proof2, func(b []byte) []byte { return append(b, 0) })
		c.relist()
	}, proof.Tampered, proof2, 0},
	{"a proof of a later format", func(c *scene) {
		c.edit(proof2, func(b []byte) []byte { b[6]++; return b })
		c.relist()
	}, proof.Tampered, proof2, 0},
	{"a proof that claims a billion lines", func(c *scene) {
		c.edit(proof2, func(b []byte) []byte {
			b = binary.AppendUvarint(binary.AppendUvarint(b[:8], 1<<40), 1<<30)
			return append(binary.AppendUvarint(b, 1<<30), 0, 1)
		})
		c.relist()
	}, proof.Tampered, proof2, 0},

	{"an older log", func(c *scene) { c.o.Against = c.s.checkpoint(c.t, acme, 601) }, proof.RolledBack, "", 0},
	{"another history", func(c *scene) {
		c.o.Against = c.fork(100).checkpoint(c.t, acme, 400)
	}, proof.Forked, "", 0},
	{"another history of the same size", func(c *scene) {
		c.o.Against = c.fork(599).checkpoint(c.t, acme, 600)
	}, proof.Forked, "", 0},
	{"another history and a proof of it", func(c *scene) {
		f := c.fork(100)
		c.o.Against = f.checkpoint(c.t, acme, 400)
		f.checkpoint(c.t, acme, 600)
		p, err := f.notary.Consistency(c.t.Context(), acme, 400, 600)
		check(c.t, err)
		c.o.Consistency = &p
	}, proof.Forked, "", 0},
	{"an earlier checkpoint of another log", func(c *scene) {
		c.o.Keys = bothKeys(c.t, c.s)
		c.o.Against = c.s.checkpoint(c.t, beta, 400)
	}, proof.Unverifiable, "", 0},
	{"an earlier checkpoint of a forger", func(c *scene) {
		c.o.Against = c.other(0).checkpoint(c.t, acme, 400)
	}, proof.Unverifiable, "", 0},
}

func (c *scene) manifest() proof.Manifest {
	var m proof.Manifest
	check(c.t, json.Unmarshal(c.files[manifest].Data, &m))
	return m
}

// bothKeys returns the keys of both tenants.
func bothKeys(t *testing.T, s *server) note.Verifiers {
	t.Helper()
	var list []string
	for _, tenant := range []audit.TenantID{acme, beta} {
		keys, err := s.notary.Verifiers(tenant)
		check(t, err)
		list = append(list, keys...)
	}
	keys, err := proof.ParseVerifiers(strings.Join(list, "\n"))
	check(t, err)
	return keys
}

// hintsAt returns where the hints of a proof with one run begin.
func hintsAt(b []byte) int {
	at := 8
	for range 5 { // size, lines, runs, distance, length
		_, n := binary.Uvarint(b[at:])
		at += n
	}
	return at
}

func TestForgeries(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1000)
	for i := range s.lines[acme] { // so that each line can be found
		s.lines[acme][i] = bytes.Replace(line(acme, uint64(i)), []byte(`"req-`), []byte(`"index-`), 1)
		s.lines[acme][i] = bytes.Replace(s.lines[acme][i], []byte(`index-00000`), []byte(`index-`), 1)
	}
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			c := &scene{t: t, s: s, files: whole(600, 250).write(t, s)}
			c.o.Keys = s.keys(t, acme)
			f.forge(c)
			r := verify(t, c.files, c.o)
			if r.Verdict != f.verdict || r.Fault == nil || r.Fault.File != f.file || r.Fault.Line != f.line {
				t.Fatalf("verdict %s, fault %+v, want %s in %q line %d", r.Verdict, r.Fault, f.verdict, f.file, f.line)
			}
			if f.line > 0 && r.Fault.Offset != offsetOf(c.files[f.file].Data, f.line) {
				t.Errorf("line %d is not at byte %d", f.line, r.Fault.Offset)
			}
			if len(r.Proved) > 0 || r.Verdict.ExitCode() < 10 {
				t.Errorf("it proved %q, exit code %d", r.Proved, r.Verdict.ExitCode())
			}
		})
	}
}

// offsetOf returns where a line begins, counted from 1.
func offsetOf(text []byte, line uint64) int64 {
	at := 0
	for range line - 1 {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	return int64(at)
}

// TestForgedCompression spoils files that are compressed.
func TestForgedCompression(t *testing.T) {
	s := newServer(t, 600)
	for _, c := range []string{"gzip", "zstd"} {
		e := whole(600, 600)
		e.compression = audit.Compression(c)
		name := part1 + suffixes[e.compression]
		o := proof.VerifyOptions{Keys: s.keys(t, acme)}
		files := e.write(t, s)
		data := files[name].Data
		for n, change := range map[string]func() []byte{
			"cut":     func() []byte { return data[:len(data)/2] },
			"garbage": func() []byte { return append(bytes.Clone(data), "junk"...) },
			"a byte":  func() []byte { d := bytes.Clone(data); d[len(d)/2] ^= 0x40; return d },
			"another line": func() []byte {
				text := bytes.Replace(decompress(e.compression, data), []byte("req-00000300"), []byte("req-00000301"), 1)
				return compress(e.compression, text)
			},
			"compressed anew": func() []byte {
				return append(bytes.Clone(data), compress(e.compression, nil)...)
			},
		} {
			put(files, name, change())
			want := proof.Tampered
			if n == "cut" {
				want = proof.Incomplete
			}
			r := verify(t, files, o)
			if r.Verdict != want || r.Fault.File != name || n == "another line" && r.Fault.Line != 301 {
				t.Errorf("%s, %s: %s, %v", c, n, r.Verdict, r.Fault)
			}
		}
	}
}

// TestEveryByteOfAnExport flips a bit of each byte of each file.
func TestEveryByteOfAnExport(t *testing.T) {
	t.Parallel()
	s := newServer(t, 100)
	files := filtered(40, 9, 3).write(t, s)
	o := proof.VerifyOptions{Keys: s.keys(t, acme)}
	for name, file := range files {
		for i := range file.Data {
			file.Data[i] ^= 1 << (i % 8)
			if r := verify(t, files, o); r.Verdict == proof.OK {
				t.Errorf("byte %d of %s may be anything", i, name)
			}
			file.Data[i] ^= 1 << (i % 8)
		}
	}
	if r := verify(t, files, o); r.Verdict != proof.OK {
		t.Errorf("the export itself: %v", r.Fault)
	}
}

func TestFindManifest(t *testing.T) {
	s := newServer(t, 10)
	files := whole(10, 10).write(t, s)
	files["b/manifest.json"] = files[manifest]
	var fault *proof.Fault
	if _, err := proof.FindManifest(files); !errors.As(err, &fault) {
		t.Errorf("of two manifests: %v", err)
	}
	files["manifest.json"] = files[manifest]
	if name, err := proof.FindManifest(files); err != nil || name != "manifest.json" {
		t.Errorf("of three, one at the top: %q, %v", name, err)
	}
	if _, err := proof.FindManifest(fstest.MapFS{}); !errors.As(err, &fault) {
		t.Errorf("of none: %v", err)
	}
	o := proof.VerifyOptions{Keys: s.keys(t, acme)}
	r, err := proof.VerifyExport(t.Context(), fstest.MapFS{}, "manifest.json", o)
	if err != nil || r.Verdict != proof.Unverifiable || r.Fault.File != "manifest.json" {
		t.Errorf("without manifest: %s, %v, %v", r.Verdict, r.Fault, err)
	}
}
