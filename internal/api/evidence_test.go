package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// Lines makes the reference a log that can be proved.
func (l *reference) Lines(_ context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error] {
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

// notary is the real evidence over the server's log, which is signed whenever
// somebody asks.
type notary struct {
	*proof.Notary
	log  api.Log
	size func(audit.TenantID) uint64
}

func newEvidence(c *api.Config) *notary {
	log := c.Log.(interface {
		proof.Log
		Size(audit.TenantID) uint64
	})
	disk := vfs.NewMem()
	err := disk.MkdirAll("data")
	var n *proof.Notary
	if err == nil {
		n, err = proof.Open(disk, "data", proof.Options{Name: "log.test", Log: log, Clock: c.Clock})
	}
	if err != nil {
		panic(err) // a disk in memory does not fail
	}
	return &notary{n, c.Log, log.Size}
}

func (n *notary) advance(ctx context.Context, tenant audit.TenantID) error {
	size := n.size(tenant)
	if size == 0 {
		return nil
	}
	_, err := n.Advance(ctx, tenant, size)
	return err
}

func (n *notary) Checkpoint(ctx context.Context, tenant audit.TenantID) ([]byte, error) {
	if err := n.advance(ctx, tenant); err != nil {
		return nil, err
	}
	_, msg, err := n.Latest(tenant)
	return msg, err
}

func (n *notary) Witnessed(_ context.Context, tenant audit.TenantID) ([]byte, error) {
	_, msg, err := n.Notary.Witnessed(tenant)
	return msg, err
}

func (n *notary) Inclusion(ctx context.Context, tenant audit.TenantID, id audit.EventID,
	index uint64) (any, error) {
	if err := n.advance(ctx, tenant); err != nil {
		return nil, err
	}
	return n.Notary.Inclusion(ctx, tenant, id, index)
}

func (n *notary) Consistency(ctx context.Context, tenant audit.TenantID, from, to uint64) (any, error) {
	return n.Notary.Consistency(ctx, tenant, from, to)
}

func (n *notary) Trail(ctx context.Context, tenant audit.TenantID, path audit.Path, id audit.IdentityID,
	sealed bool) (any, error) {
	if err := n.advance(ctx, tenant); err != nil {
		return nil, err
	}
	page, err := n.log.Query(ctx, tenant, audit.Query{Order: audit.OrderIndex, Limit: audit.MaxLimit,
		Filter: audit.Filter{SecretPath: path, IdentityID: id}})
	if err != nil {
		return nil, err
	}
	q := proof.TrailRequest{Subject: proof.Subject{SecretPath: path, IdentityID: id}, Sealed: sealed}
	for _, r := range page.Records {
		q.Events = append(q.Events, proof.TrailEvent{Index: r.Index, Event: r.Event})
	}
	return n.ProveTrail(ctx, tenant, &q)
}

// TestEvidence verifies what the API answers with nothing but its keys.
func TestEvidence(t *testing.T) {
	for name, s := range map[string]*service{"reference": start(t), "store": start(t, onStore(t))} {
		t.Run(name, func(t *testing.T) {
			s.seed(t)
			var answer struct{ Keys []string }
			decodeBody(t, s.get(t, "reader", "/v1/audit/keys"), &answer)
			keys, err := proof.ParseVerifiers(strings.Join(answer.Keys, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			r := s.get(t, "reader", "/v1/audit/checkpoint")
			old, err := proof.OpenCheckpoint([]byte(r.body), keys)
			if err != nil || old.Origin != "log.test/tnt_a" || old.Size != 10 {
				t.Fatalf("checkpoint %+v, %v", old, err)
			}
			s.post(t, "only_audit:write", "/v1/audit/logs", `{"action":"read","identity_type":"user",`+
				`"identity_id":"user:new","success":true}`, "Content-Type: application/json")
			for _, id := range []string{"log_a01", "log_a05", string(audit.DerivedID(0, 10))} {
				var p proof.Inclusion
				decodeBody(t, s.get(t, "reader", "/v1/audit/proofs/inclusion?id="+id), &p)
				event := s.get(t, "reader", "/v1/audit/logs/"+id)
				if c, err := p.Verify([]byte(event.body), keys); err != nil || c.Size != 11 {
					t.Errorf("inclusion of %s: %+v, %v", id, c, err)
				}
			}
			var p proof.Consistency
			decodeBody(t, s.get(t, "reader",
				fmt.Sprintf("/v1/audit/proofs/consistency?from_size=%d&to_size=11", old.Size)), &p)
			if c, err := p.Verify(old, keys); err != nil || c.Size != 11 {
				t.Errorf("consistency: %+v, %v", c, err)
			}
		})
	}
}

func decodeBody(t *testing.T, r response, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil || r.StatusCode != 200 {
		t.Fatalf("%d %s: %v", r.StatusCode, r.body, err)
	}
}
