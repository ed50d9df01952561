package export_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// Lines makes the log one that can be proved.
func (l *sliceLog) Lines(_ context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		l.mu.Lock()
		records := l.records[tenant]
		l.mu.Unlock()
		for i := from; i < min(to, uint64(len(records))); i++ {
			if !yield(records[i].AppendLine(nil), nil) {
				return
			}
		}
	}
}

// notary is the real evidence.
type notary struct{ *proof.Notary }

func openNotary(t *testing.T, disk vfs.FS, log *sliceLog, clock func() time.Time) *notary {
	t.Helper()
	err := disk.MkdirAll("data")
	var n *proof.Notary
	if err == nil {
		n, err = proof.Open(disk, "data", proof.Options{Name: "log.test", Log: log, Clock: clock})
	}
	if err != nil {
		t.Fatal(err)
	}
	return &notary{n}
}

func (n *notary) Checkpoint(ctx context.Context, tenant audit.TenantID, size uint64) ([]byte, error) {
	return n.At(ctx, tenant, size)
}

func (n *notary) Witnessed(ctx context.Context, tenant audit.TenantID, size uint64) (*export.Witnessed, error) {
	seen, err := n.WitnessedBeside(ctx, tenant, size)
	if seen == nil || err != nil {
		return nil, err
	}
	w := &export.Witnessed{Checkpoint: seen.Checkpoint}
	for _, h := range seen.Hashes {
		w.Hashes = append(w.Hashes, h.String())
	}
	return w, nil
}

func (n *notary) NewPart(tenant audit.TenantID, size uint64) export.PartProof {
	return &part{notary: n, tenant: tenant, size: size}
}

type part struct {
	proof.Part
	notary *notary
	tenant audit.TenantID
	size   uint64
}

func (p *part) Prove(ctx context.Context) ([]byte, error) {
	return p.notary.ProvePart(ctx, p.tenant, p.size, &p.Part)
}

// openProved opens the manager with evidence.
func (w *world) openProved(t *testing.T) *notary {
	t.Helper()
	n := openNotary(t, w.disk, w.log, w.clock.Now)
	m, err := export.Open(w.disk, "data", export.Options{Log: w.log, Secrets: w.cloud, Open: w.cloud.open,
		Evidence: n, Clock: w.clock.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w.Manager = m
	return n
}

// verify verifies an export with nothing but its objects and the keys.
func (w *world) verify(t *testing.T, n *notary, tenant audit.TenantID, prefix string,
	witnesses ...*proof.WitnessKey) proof.Report {
	t.Helper()
	files := fstest.MapFS{}
	for key, o := range w.cloud.objects {
		if path.Dir(key) == prefix {
			files[path.Base(key)] = &fstest.MapFile{Data: []byte(o.data)}
		}
	}
	list, err := n.Verifiers(tenant)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := proof.ParseVerifiers(strings.Join(list, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := proof.VerifyExport(t.Context(), files, export.ManifestName,
		proof.VerifyOptions{Keys: keys, Witnesses: witnesses})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestProved verifies exports of every format, whole and filtered, of two
// tenants.
func TestProved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.openProved(t)
		no := false
		type want struct {
			Verdict proof.Verdict
			Origin  string
			Size    uint64
			Files   int
			Records uint64
			Whole   bool
		}
		wants := make(map[string]want)
		for _, f := range formats {
			for _, tenant := range []audit.TenantID{"tnt_a", "tnt_b"} {
				for _, filtered := range []bool{false, true} {
					r := request(fmt.Sprintf("%s-%s-%s-%t", f.format, f.compression, tenant, filtered))
					r.Format, r.Compression = f.format, f.compression
					if filtered {
						r.Filter.Success = &no
					}
					e := w.create(t, tenant, r)
					wants[e.Destination.Prefix] = want{Verdict: proof.OK, Origin: "log.test/" + string(tenant),
						Size: e.AsOf, Records: e.EstimatedRecords, Whole: !filtered && f.format == audit.FormatJSONL}
				}
			}
		}
		w.runAll(t.Context())
		for prefix, want := range wants {
			tenant := audit.TenantID("tnt_a")
			if strings.Contains(prefix, "tnt_b") {
				tenant = "tnt_b"
			}
			r := w.verify(t, n, tenant, prefix)
			want.Files = r.Files
			got := want
			got.Verdict, got.Origin, got.Size, got.Records, got.Whole = r.Verdict, r.Origin, r.Size, r.Records, r.Whole
			if diff := cmp.Diff(want, got); diff != "" || r.Files == 0 {
				t.Errorf("%s: %v\n%s", prefix, r.Fault, diff)
			}
		}
	})
}

// TestProvedByWitness exports a log that a witness saw, before and behind the size
// of the export: the manifest is enough to verify that, power cut or not.
func TestProvedByWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.openProved(t)
		list, err := n.Verifiers("tnt_b")
		if err != nil {
			t.Fatal(err)
		}
		logs, err := proof.ParseLogs(strings.Join(list, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		witness, err := proof.OpenWitness(vfs.NewMem(), "witness", proof.WitnessOptions{Name: "w1", Clock: w.clock.Now, Logs: logs})
		if err != nil {
			t.Fatal(err)
		}
		see := func(old, size uint64) {
			t.Helper()
			note, err := n.At(t.Context(), "tnt_b", size)
			if err != nil {
				t.Fatal(err)
			}
			s, err := n.Submission(t.Context(), "tnt_b", proof.Checkpoint{Size: size}, note, old)
			if err != nil {
				t.Fatal(err)
			}
			line, err := witness.Add(s)
			if err != nil {
				t.Fatal(err)
			}
			cosigned, err := proof.AddCosignatures(note, line, []*proof.WitnessKey{witness.Key()})
			if err == nil {
				err = n.KeepWitnessed("tnt_b", cosigned)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		size := uint64(len(w.log.records["tnt_b"]))
		had := uint64(0)
		for _, seen := range []uint64{size / 3, size, size + 1} {
			// Making an export appends an event; so the log is longer than it.
			e := w.create(t, "tnt_b", request(fmt.Sprint("seen-", seen)))
			if seen > uint64(len(w.log.records["tnt_b"])) {
				t.Fatalf("the log has %d events", len(w.log.records["tnt_b"]))
			}
			see(had, seen)
			had = seen
			w.runAll(t.Context())
			for _, keys := range [][]*proof.WitnessKey{nil, {witness.Key()}} {
				r := w.verify(t, n, "tnt_b", e.Destination.Prefix, keys...)
				said := fmt.Sprintf("w1 saw the log with %d events", seen)
				if r.Verdict != proof.OK || strings.Contains(fmt.Sprint(r.Proved), said) != (keys != nil) ||
					(len(r.Notes) == 1) != (keys == nil) {
					t.Errorf("it saw %d of %d: %+v, %v", seen, e.AsOf, r, r.Fault)
				}
			}
		}
	})
}

// TestProvedOrder says in which order the objects come, and that nothing but
// those of the unfinished file is written twice when the bucket fails.
func TestProvedOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.openProved(t)
		w.create(t, "tnt_b", request("b"))
		failed := false
		w.cloud.hook = func(op, key string) error {
			if op == "commit" && key == "b/proof-0002" && !failed {
				failed = true
				return errPassing
			}
			return nil
		}
		w.runAll(t.Context())
		want := []string{"b/part-0001.jsonl", "b/proof-0001", "b/part-0002.jsonl", "b/part-0002.jsonl", "b/proof-0002",
			"b/manifest.json", "b/manifest.json.sig"}
		if diff := cmp.Diff(want, w.cloud.commits); diff != "" {
			t.Error(diff)
		}
	})
}

// TestProvedPowerCut is [TestPowerCut] with evidence: whatever is completed
// afterwards verifies.
func TestProvedPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.openProved(t)
		c := &cuts{world: w, disk: w.disk.(*vfs.Mem)}
		c.disk.OnOp(func(op vfs.Op) {
			if op.Kind == vfs.OpSync || op.Kind == vfs.OpRename || op.Kind == vfs.OpSyncDir {
				c.take(fmt.Sprintf("%s %s", op.Kind, op.Name))
			}
		})
		w.cloud.hook = func(op, key string) error {
			if op != "write" {
				c.take(op + " " + key)
			}
			return nil
		}
		c.ack(w.create(t, "tnt_b", request("b"), "prod/tnt_b/1", "prod/tnt_b/3").ID)
		c.ack(w.create(t, "tnt_b", request("whole")).ID)
		w.runAll(t.Context())
		c.disk.OnOp(nil)
		w.cloud.hook = nil
		verified := 0
		for _, cut := range c.list {
			after := &world{clock: newClock(), log: cut.log, cloud: cut.cloud, disk: cut.disk}
			n := after.openProved(t)
			after.runAll(t.Context())
			page, err := after.List(t.Context(), "tnt_b", audit.ExportQuery{})
			if err != nil || len(page.Exports) < len(cut.acked) {
				t.Fatalf("power cut before %s: %d exports, %v", cut.what, len(page.Exports), err)
			}
			for _, e := range page.Exports {
				prefix := e.Destination.Prefix
				r := after.verify(t, n, "tnt_b", prefix)
				if r.Verdict != proof.OK || r.Size != e.AsOf || r.Whole != (prefix == "whole") {
					t.Errorf("power cut before %s: %s %+v", cut.what, prefix, r.Fault)
				}
				verified++
			}
		}
		t.Logf("%d power cuts, %d exports verified", len(c.list), verified)
		if verified < len(c.list) || len(c.list) < 100 {
			t.Error("the test proves nothing")
		}
	})
}

// TestProvedOfAnother does not prove lines that the log did not have: the
// export fails for good.
func TestProvedOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.openProved(t)
		e := w.create(t, "tnt_a", request("a"))
		if _, err := n.Advance(t.Context(), "tnt_a", e.AsOf); err != nil {
			t.Fatal(err)
		}
		w.log.records["tnt_a"][17].UserAgent = "forged"
		w.runAll(t.Context())
		if got := w.get(t, "tnt_a", e.ID); got.Status != audit.ExportFailed {
			t.Errorf("%+v", got)
		}
		if _, ok := w.cloud.objects["a/manifest.json"]; ok {
			t.Error("it has a manifest")
		}
	})
}
