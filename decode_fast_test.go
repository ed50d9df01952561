package audit_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// lines returns n canonical lines of about 350 bytes as a busy log has them.
func lines(n int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	agents := []string{
		"scaivault-python/1.4.2 (Linux; x86_64)",
		"vault-agent/1.21.4 (+https://www.vaultproject.io/; go1.25)",
		"scaivault-go/2.0.1",
	}
	extras := []string{
		`{}`, `{"version":17}`, `{"lease_id":"lease_8f2c41","ttl":3600,"renewable":true}`,
		`{"error":"permission denied","policy":"team-payments"}`,
	}
	actions := audit.Actions()
	out := make([]string, n)
	for i := range out {
		e := audit.Event{
			ID:           audit.EventID(fmt.Sprintf("log_%012x", r.Uint64()>>16)),
			Timestamp:    1_780_000_000*audit.Second + audit.Time(i)*997_003,
			Action:       actions[r.IntN(22)],
			IdentityType: audit.TypeServiceAccount,
			IdentityID:   audit.IdentityID(fmt.Sprintf("sa:service-%04d", r.IntN(5000))),
			SecretPath:   audit.Path(fmt.Sprintf("integrations/team-%d/oauth", r.IntN(5000))),
			SourceIP:     fmt.Sprintf("10.%d.%d.%d", r.IntN(4), r.IntN(256), r.IntN(256)),
			UserAgent:    agents[r.IntN(len(agents))],
			Success:      r.IntN(50) > 0,
			DurationMS:   r.Int32N(400),
			RequestID:    fmt.Sprintf("req_%016x", r.Uint64()),
			ExtraData:    extras[r.IntN(len(extras))],
		}
		out[i] = string(e.AppendLine(nil))
	}
	return out
}

func BenchmarkDecodeEvent(b *testing.B) { benchmarkDecodeEvent(b, lines(4096)) }

// BenchmarkDecodeEventVault is of events that the lines of Vault become.
func BenchmarkDecodeEventVault(b *testing.B) { benchmarkDecodeEvent(b, vaultLines(b)) }

func benchmarkDecodeEvent(b *testing.B, in []string) {
	b.SetBytes(int64(len(strings.Join(in, "")) / len(in)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := audit.DecodeEvent(in[i%len(in)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkDecodeEventStrict is of events that the quick reader leaves.
func BenchmarkDecodeEventStrict(b *testing.B) {
	in := lines(4096)
	for i := range in {
		in[i] = strings.Replace(in[i], `"user_agent":"`, `"user_agent":"é`, 1)
	}
	benchmarkDecodeEvent(b, in)
}

func BenchmarkDecodeBatch(b *testing.B) {
	in := lines(audit.MaxBatch)
	bodies := map[audit.BatchForm]string{
		audit.FormJSON:   "[" + strings.Join(in, ",") + "]",
		audit.FormNDJSON: strings.Join(in, "\n"),
	}
	for form, name := range map[audit.BatchForm]string{audit.FormJSON: "json", audit.FormNDJSON: "ndjson"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := audit.DecodeBatch(form, bodies[form], audit.MaxTime, false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*audit.MaxBatch/b.Elapsed().Seconds(), "events/s")
		})
	}
}
