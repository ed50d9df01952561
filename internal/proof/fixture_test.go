package proof_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	dir  = "/data"
	acme = audit.TenantID("acme")
	beta = audit.TenantID("beta")
)

// memLog is a log in memory. Lines of a tenant can be changed under the tree.
type memLog struct {
	lines map[audit.TenantID][][]byte
	read  atomic.Int64 // lines that were read
	err   error        // of every walk, if it is not nil
}

func newLog(n int) *memLog {
	l := &memLog{lines: make(map[audit.TenantID][][]byte)}
	l.append(acme, n)
	l.append(beta, n/2)
	return l
}

func (l *memLog) append(tenant audit.TenantID, n int) {
	for range n {
		l.lines[tenant] = append(l.lines[tenant], line(tenant, uint64(len(l.lines[tenant]))))
	}
}

// line returns a line as a log has it.
func line(tenant audit.TenantID, index uint64) []byte {
	e := audit.Event{
		ID: audit.DerivedID(0, index), Timestamp: audit.Time(index) * audit.Second, Action: "read",
		IdentityType: "user", IdentityID: "user:alice@example.com", Success: true,
		SecretPath: audit.Path(fmt.Sprintf("%s/app/secret-%d", tenant, index%97)),
		SourceIP:   "192.0.2.7", UserAgent: "scaivault-cli/1.4", RequestID: fmt.Sprintf("req-%08d", index),
	}
	return e.AppendLine(nil)
}

func (l *memLog) size(tenant audit.TenantID) uint64 { return uint64(len(l.lines[tenant])) }

// Lines implements [proof.Log].
func (l *memLog) Lines(ctx context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		err := errors.Join(l.err, ctx.Err())
		for i := from; i < to; i++ {
			if err == nil && i >= l.size(tenant) {
				err = fmt.Errorf("no line %d", i)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			l.read.Add(1)
			if !yield(l.lines[tenant][i], nil) {
				return
			}
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func openTree(t testing.TB, fsys vfs.FS, tenant audit.TenantID, log proof.Log) *proof.Tree {
	t.Helper()
	tree, err := proof.OpenTree(context.Background(), fsys, dir, tenant, log, proof.MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func hashes(list []hash) []proof.Hash {
	out := make([]proof.Hash, 0, len(list))
	for _, h := range list {
		out = append(out, proof.Hash(h))
	}
	return out
}
