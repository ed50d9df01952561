package proof_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// BenchmarkGrow reports lines a second, and bytes on disk for a line.
func BenchmarkGrow(b *testing.B) {
	const lines = 200_000
	log := newLog(lines)
	for b.Loop() {
		m := vfs.NewMem()
		tree := openTree(b, m, acme, log)
		if err := tree.Grow(context.Background(), lines); err != nil {
			b.Fatal(err)
		}
		info, err := m.Stat(dir + "/proof/acme/tree")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size)/lines, "B/event")
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// sameLine is a log of equal lines, as long as one wants.
type sameLine struct{ line []byte }

// Lines implements [proof.Log].
func (l sameLine) Lines(_ context.Context, _ audit.TenantID, from, to uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for range to - from {
			if !yield(l.line, nil) {
				return
			}
		}
	}
}

// BenchmarkInclusion proves lines of logs that have ten million of them, which
// are equal.
func BenchmarkInclusion(b *testing.B) {
	const size = 10_000_000
	log := sameLine{line(acme, 7)}
	tree := openTree(b, vfs.NewMem(), acme, log)
	if err := tree.Grow(context.Background(), size); err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		if _, _, err := tree.Inclusion(context.Background(), rnd.Uint64N(size), size); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify reports lines a second of exports of everything and of every
// tenth event.
func BenchmarkVerify(b *testing.B) {
	const lines = 200_000
	s := newServer(b, lines)
	for _, e := range []export{whole(lines, lines/2), filtered(lines, 10, lines)} {
		b.Run(fmt.Sprintf("%dof%d", len(e.indexes), lines), func(b *testing.B) {
			files := e.write(b, s)
			o := proof.VerifyOptions{Keys: s.keys(b, acme)}
			proofs := 0
			for name, f := range files {
				if name == proof1 || name == proof2 {
					proofs += len(f.Data)
				}
			}
			for b.Loop() {
				if r := verify(b, files, o); r.Verdict != proof.OK {
					b.Fatal(r.Fault)
				}
			}
			b.ReportMetric(float64(len(e.indexes))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(proofs)/float64(len(e.indexes)), "proofB/event")
		})
	}
}
