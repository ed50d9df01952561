package proof_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

const prefix = "scaivault/exp_1/"

func clock() time.Time { return time.Unix(1_700_000_000, 0) }

// server is a log with its notary.
type server struct {
	*memLog
	notary *proof.Notary
	fs     *vfs.Mem
}

func newServer(t testing.TB, n int) *server {
	t.Helper()
	return serve(t, newLog(n), vfs.NewMem())
}

func serve(t testing.TB, log *memLog, m *vfs.Mem) *server {
	t.Helper()
	if err := m.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	n, err := proof.Open(m, dir, proof.Options{Name: "log.example.com", Log: log, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return &server{log, n, m}
}

func (s *server) keys(t testing.TB, tenant audit.TenantID) note.Verifiers {
	t.Helper()
	list, err := s.notary.Verifiers(tenant)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := proof.ParseVerifiers("# keys\n\n" + strings.Join(list, "\n") + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (s *server) checkpoint(t testing.TB, tenant audit.TenantID, size uint64) []byte {
	t.Helper()
	msg, err := s.notary.At(context.Background(), tenant, size)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// export is what is exported and how.
type export struct {
	tenant      audit.TenantID
	indexes     []uint64 // in the order of the lines
	asOf        uint64
	perPart     int
	format      audit.ExportFormat
	compression audit.Compression
	filters     string
	pruned      []audit.IndexRange
}

// whole returns an export of the first size events.
func whole(size uint64, perPart int) export {
	e := export{tenant: acme, asOf: size, perPart: perPart, format: "jsonl", compression: "none", filters: "{}"}
	for i := range size {
		e.indexes = append(e.indexes, i)
	}
	return e
}

// filtered returns an export of every step-th event.
func filtered(size uint64, step, perPart int) export {
	e := whole(size, perPart)
	e.indexes, e.filters = nil, `{"action":"read"}`
	for i := uint64(1); i < size; i += uint64(step) {
		e.indexes = append(e.indexes, i)
	}
	return e
}

// write makes the export.
func (e export) write(t testing.TB, s *server) fstest.MapFS {
	t.Helper()
	files, m := e.files(t, s)
	seal(t, s, files, m)
	return files
}

// seal writes a manifest and signs it.
func seal(t testing.TB, s *server, files fstest.MapFS, m proof.Manifest) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.notary.SignManifest(context.Background(), m.Tenant, text)
	if err != nil {
		t.Fatal(err)
	}
	put(files, prefix+"manifest.json", text)
	put(files, prefix+"manifest.json.sig", sig)
}

func put(files fstest.MapFS, name string, data []byte) {
	files[name] = &fstest.MapFile{Data: data, Mode: 0o600}
}

func (e export) files(t testing.TB, s *server) (fstest.MapFS, proof.Manifest) {
	t.Helper()
	ctx := context.Background()
	files := make(fstest.MapFS)
	m := proof.Manifest{
		ExportID: "exp_1", Tenant: e.tenant, Format: e.format, Compression: e.compression, AsOf: e.asOf,
		Filters: []byte(e.filters), Files: []proof.ManifestFile{}, RecordCount: uint64(len(e.indexes)),
		Pruned: e.pruned, Checkpoint: string(s.checkpoint(t, e.tenant, e.asOf)),
	}
	for n, rest := 1, e.indexes; len(rest) > 0; n++ {
		part := rest[:min(e.perPart, len(rest))]
		rest = rest[len(part):]
		var p proof.Part
		var text bytes.Buffer
		for _, i := range part {
			text.Write(append(s.lines[e.tenant][i], '\n'))
			p.Add(i, s.lines[e.tenant][i])
		}
		data := compress(e.compression, text.Bytes())
		name := fmt.Sprintf("%spart-%04d.%s%s", prefix, n, e.format, suffixes[e.compression])
		put(files, name, data)
		f := proof.ManifestFile{Key: name, SizeBytes: int64(len(data)), SHA256: sum(data)}
		f.RecordCount = uint64(len(part))
		if e.format == audit.FormatJSONL {
			if f.Ranges = p.Ranges(); len(f.Ranges) > 8 {
				f.Ranges = nil
			}
			f.Proof = fmt.Sprintf("%sproof-%04d", prefix, n)
			data, err := s.notary.ProvePart(ctx, e.tenant, e.asOf, &p)
			if err != nil {
				t.Fatal(err)
			}
			put(files, f.Proof, data)
			m.Proofs = append(m.Proofs,
				proof.ManifestProof{Key: f.Proof, SizeBytes: int64(len(data)), SHA256: sum(data)})
		}
		m.Files = append(m.Files, f)
	}
	return files, m
}

var suffixes = map[audit.Compression]string{"none": "", "gzip": ".gz", "zstd": ".zst"}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func compress(c audit.Compression, text []byte) []byte {
	switch c {
	case audit.CompressionGzip:
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(text)
		_ = w.Close()
		return b.Bytes()
	case audit.CompressionZstd:
		return zstdEncoder.EncodeAll(text, nil)
	default:
		return text
	}
}

var zstdEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))

func verify(t testing.TB, files fs.FS, o proof.VerifyOptions) proof.Report {
	t.Helper()
	name, err := proof.FindManifest(files)
	if err != nil {
		t.Fatal(err)
	}
	report, err := proof.VerifyExport(context.Background(), files, name, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestHonestExports exports at random and finds nothing wrong.
func TestHonestExports(t *testing.T) {
	t.Parallel()
	exports := 1000
	if testing.Short() {
		exports = 100
	}
	rnd := rand.New(rand.NewPCG(7, 0))
	s := newServer(t, 1400)
	for n := range exports {
		e := draw(rnd)
		files := e.write(t, s)
		how := scatter(rnd, files, e)
		o := proof.VerifyOptions{Keys: s.keys(t, e.tenant)}
		old := uint64(rnd.IntN(int(e.asOf) + 1))
		if rnd.IntN(2) == 0 {
			o.Against = s.checkpoint(t, e.tenant, old)
			if e.filters != "{}" || e.format != "jsonl" || len(e.pruned) > 0 {
				old = max(old, 1)
				o.Against = s.checkpoint(t, e.tenant, old)
				c, err := s.notary.Consistency(t.Context(), e.tenant, old, e.asOf)
				check(t, err)
				o.Consistency = &c
			}
		}
		r := verify(t, files, o)
		if r.Verdict != proof.OK || r.Records != uint64(len(e.indexes)) || len(r.Proved) == 0 {
			t.Fatalf("export %d of %d events of %d, %s, %s, against %d: %s, %v",
				n, len(e.indexes), e.asOf, e.compression, how, old, r.Verdict, r.Fault)
		}
	}
}

// draw returns an export of a random shape. Time order is index order but for
// some late events.
func draw(rnd *rand.Rand) export {
	size := 1 + rnd.IntN(700)
	e := whole(uint64(size), 20+rnd.IntN(400))
	if rnd.IntN(2) == 0 {
		e.tenant = beta
	}
	e.compression = []audit.Compression{"none", "gzip", "zstd"}[rnd.IntN(3)]
	switch rnd.IntN(6) {
	case 0, 1: // filters
		e.indexes, e.filters = nil, `{"success":false}`
		for i := range size {
			if rnd.IntN(1+size/20) < 10 {
				e.indexes = append(e.indexes, uint64(i))
			}
		}
	case 2: // after retention
		cut := rnd.IntN(size)
		e.indexes = e.indexes[cut:]
		if cut > 0 {
			e.pruned = []audit.IndexRange{{To: uint64(cut)}}
		}
	case 3:
		e.format = audit.FormatCSV
	}
	for range rnd.IntN(5) { // late events
		if n := len(e.indexes); n > 1 {
			i, j := rnd.IntN(n), rnd.IntN(n)
			e.indexes[i], e.indexes[j] = e.indexes[j], e.indexes[i]
		}
	}
	return e
}

// scatter moves, renames or decompresses the files of an export.
func scatter(rnd *rand.Rand, files fstest.MapFS, e export) string {
	how := ""
	for name := range maps.Clone(files) {
		if !strings.Contains(name, "part-") && !strings.Contains(name, "proof-") {
			continue
		}
		to := name
		switch rnd.IntN(8) {
		case 0:
			to = "elsewhere/" + name[strings.LastIndex(name, "/")+1:]
		case 1:
			to = prefix + "renamed-" + sum([]byte(name))[:8]
		case 2:
			if e.compression == "none" || e.format != "jsonl" || !strings.Contains(name, "part-") {
				continue
			}
			to = strings.TrimSuffix(name, suffixes[e.compression])
			files[name].Data = decompress(e.compression, files[name].Data)
		default:
			continue
		}
		file := files[name]
		delete(files, name)
		files[to] = file
		how += name + " is " + to + "; "
	}
	return how
}

// decompress returns the text, or what there is of it.
func decompress(c audit.Compression, data []byte) []byte {
	if c == audit.CompressionZstd {
		text, _ := zstdDecoder.DecodeAll(data, nil)
		return text
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(r)
	return text
}

var zstdDecoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
