package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// update writes a new sample of the newest format. Those of older ones are
// never written again: a program that cannot read them is broken.
var update = flag.Bool("update", false, "write the golden files anew")

const golden = "testdata/format/v1/"

// appendGolden appends what the golden file holds.
func appendGolden(t *testing.T, s *store.Store) {
	t.Helper()
	put(t, s, acme, named(1))
	_, err := s.Append(t.Context(), acme, goldenBatch())
	check(t, err)
	put(t, s, bravo, event(4), event(5))
}

// goldenBatch is the batch of the golden file that has a key.
func goldenBatch() audit.Batch {
	odd := named(3)
	odd.SecretPath, odd.SourceIP, odd.RequestID, odd.UserAgent = "", "", "", ""
	odd.IdentityID = `user:"Zoë" <z@example.org>`
	odd.ExtraData = `{"n":1.50,"list":[true,null],"s":"\u0001"}`
	return audit.Batch{Events: []audit.Event{event(2), odd}, Key: "key-1", Digest: sha256.Sum256([]byte("body"))}
}

// TestGoldenFile reads a log that an earlier program wrote.
func TestGoldenFile(t *testing.T) {
	const name = "wal-000000000001.log"
	if *update {
		writeGolden(t, name)
	}
	text, err := os.ReadFile(golden + name + ".hex")
	check(t, err)
	m := disk(t, map[string][]byte{name: parseDump(t, string(text))})
	s := open(t, m, options())
	want, err := os.ReadFile(golden + "events.txt")
	check(t, err)
	if diff := cmp.Diff(string(want), describe(t, s)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	r, err := s.Append(t.Context(), acme, goldenBatch())
	check(t, err)
	if want := (audit.Receipt{Accepted: 2, Rejected: []audit.Rejection{}, FirstIndex: index(1), LastIndex: index(2),
		Replayed: true}); !cmp.Equal(want, r) {
		t.Errorf("answer to the key:\n%s", cmp.Diff(want, r))
	}
}

// describe lists all that a store holds.
func describe(t *testing.T, s *store.Store) string {
	t.Helper()
	var b strings.Builder
	for _, tenant := range s.Tenants() {
		for _, line := range proofs(walk(t, s, tenant, byIndex())) {
			fmt.Fprintf(&b, "%s %s\n", tenant, line)
		}
	}
	return b.String()
}

func writeGolden(t *testing.T, name string) {
	t.Helper()
	m := vfs.NewMem()
	s := open(t, m, options())
	appendGolden(t, s)
	text := describe(t, s)
	check(t, s.Close())
	check(t, os.MkdirAll(golden, 0o755))
	check(t, os.WriteFile(golden+"events.txt", []byte(text), 0o644))
	check(t, os.WriteFile(golden+name+".hex", []byte(hex.Dump(readFile(t, m, name))), 0o644))
}

// parseDump is the inverse of [hex.Dump].
func parseDump(t *testing.T, text string) []byte {
	t.Helper()
	var all []byte
	for l := range strings.Lines(text) {
		digits, _, ok := strings.Cut(l[8:], "|")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if !ok || err != nil {
			t.Fatalf("line %q: %v", l, err)
		}
		all = append(all, b...)
	}
	if hex.Dump(all) != text {
		t.Fatal("not a dump")
	}
	return all
}

// TestFormatIsPinned writes what the golden file says, and compares the bytes:
// a change of the format needs a new version. The log's id, which is random,
// and the header's CRC over it are left out.
func TestFormatIsPinned(t *testing.T) {
	const name = "wal-000000000001.log"
	text, err := os.ReadFile(golden + name + ".hex")
	check(t, err)
	m := vfs.NewMem()
	s := open(t, m, options())
	appendGolden(t, s)
	check(t, s.Close())
	want, got := parseDump(t, string(text)), readFile(t, m, name)
	for _, b := range [][]byte{want, got} {
		copy(b[8:16], bytes.Repeat([]byte{0}, 8))
		copy(b[32:36], bytes.Repeat([]byte{0}, 4))
	}
	if diff := cmp.Diff(hex.Dump(want), hex.Dump(got)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}
