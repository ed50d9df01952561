package proof_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

func TestVerifyLog(t *testing.T) {
	const size = 1500
	for name, tc := range map[string]struct {
		change func(s *server)
		has    uint64 // lines
		opts   func(s *server, o *proof.VerifyOptions)
		want   proof.Verdict
		index  uint64 // that is named; 0 for none
	}{
		"honest":               {want: proof.OK},
		"honest, more to come": {change: func(s *server) { s.append(acme, 10) }, has: size + 10, want: proof.OK},
		"honest, against": {opts: func(s *server, o *proof.VerifyOptions) {
			o.Against = s.checkpoint(t, acme, 700)
		}, want: proof.OK},
		"honest, against nothing": {opts: func(s *server, o *proof.VerifyOptions) {
			o.Against = s.checkpoint(t, acme, 0)
		}, want: proof.OK},
		"a line changed": {change: func(s *server) { changed(s.memLog, 700) }, want: proof.Tampered, index: 700},
		"two lines of a block changed": {change: func(s *server) {
			changed(s.memLog, 700)
			changed(s.memLog, 600)
		}, want: proof.Tampered, index: 512},
		"two lines changed": {change: func(s *server) {
			changed(s.memLog, 700)
			changed(s.memLog, 1100)
		}, want: proof.Tampered, index: 700},
		"two lines exchanged": {change: func(s *server) {
			s.lines[acme][700], s.lines[acme][701] = s.lines[acme][701], s.lines[acme][700]
		}, want: proof.Tampered, index: 512},
		"a line removed": {change: func(s *server) {
			s.lines[acme] = append(slices.Delete(s.lines[acme], 700, 701), line(acme, 9))
		}, want: proof.Tampered, index: 512},
		"the last changed": {change: func(s *server) { changed(s.memLog, 1499) }, want: proof.Tampered},
		"the end cut off":  {has: size - 1, want: proof.RolledBack},
		"no checkpoint": {change: func(s *server) {
			check(t, s.fs.Remove(dir+"/proof/acme/checkpoint"))
		}, want: proof.Unverifiable},
		"no tree": {change: func(s *server) {
			check(t, s.fs.Remove(dir+"/proof/acme/tree"))
		}, want: proof.OK},
		"no tree, and forged": {change: func(s *server) {
			check(t, s.fs.Remove(dir+"/proof/acme/tree"))
			changed(s.memLog, 3)
		}, want: proof.Tampered},
		"a tree of the format before": {change: func(s *server) {
			check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/tree", firstFormat()))
		}, want: proof.OK},
		"another tree": {change: func(s *server) {
			check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/tree", []byte("not a tree")))
		}, want: proof.OK},
		"the other tenant's checkpoint": {change: func(s *server) {
			check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/checkpoint", s.checkpoint(t, beta, 700)))
		}, opts: func(s *server, o *proof.VerifyOptions) {
			o.Keys = bothKeys(t, s)
		}, want: proof.Tampered},
		"no key": {opts: func(_ *server, o *proof.VerifyOptions) {
			o.Keys = note.VerifierList()
		}, want: proof.Unverifiable},
		"older": {opts: func(s *server, o *proof.VerifyOptions) {
			later := serve(t, newLog(2000), s.fs)
			o.Against = later.checkpoint(t, acme, 1600)
			check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/checkpoint", s.checkpoint(t, acme, size)))
		}, want: proof.RolledBack},
		"forked": {opts: func(s *server, o *proof.VerifyOptions) {
			c := &scene{t: t, s: s}
			o.Against = c.fork(100).checkpoint(t, acme, 700)
		}, want: proof.Forked},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, size)
			s.checkpoint(t, acme, size)
			o := proof.VerifyOptions{Keys: s.keys(t, acme)}
			if tc.opts != nil {
				tc.opts(s, &o)
			}
			if tc.change != nil {
				tc.change(s)
			}
			if tc.has == 0 {
				tc.has = size
			}
			r, err := proof.VerifyLog(t.Context(), s.fs, dir, acme, s.memLog, tc.has, o)
			ok := tc.want == proof.OK
			if err != nil || r.Verdict != tc.want || (r.Fault == nil) != ok || r.Whole != ok {
				t.Fatalf("%+v, fault %v, error %v, want %s", r, r.Fault, err, tc.want)
			}
			if tc.index > 0 && (r.Fault.Index == nil || *r.Fault.Index != tc.index) {
				t.Errorf("fault %+v, want index %d", r.Fault, tc.index)
			}
		})
	}
}

// failingLog yields an error after ten lines.
type failingLog struct{ err error }

func (l failingLog) Lines(_ context.Context, tenant audit.TenantID, from, _ uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := from; i < from+10; i++ {
			if !yield(line(tenant, i), nil) {
				return
			}
		}
		yield(nil, l.err)
	}
}

func TestVerifyLogThatFails(t *testing.T) {
	s := newServer(t, 100)
	s.checkpoint(t, acme, 100)
	o := proof.VerifyOptions{Keys: s.keys(t, acme)}
	damage := &audit.Error{Code: audit.CodeDataDamaged, Message: "a segment is damaged"}
	damage.Damaged = []audit.IndexRange{{From: 10, To: 20}}
	r, err := proof.VerifyLog(t.Context(), s.fs, dir, acme, failingLog{damage}, 100, o)
	if err != nil || r.Verdict != proof.Tampered || *r.Fault.Index != 10 {
		t.Errorf("damage: %+v, %v", r, err)
	}
	r, err = proof.VerifyLog(t.Context(), s.fs, dir, acme,
		failingLog{&proof.Fault{Verdict: proof.Incomplete, File: "a segment"}}, 100, o)
	if err != nil || r.Verdict != proof.Incomplete || r.Fault.File != "a segment" {
		t.Errorf("a fault: %+v, %v", r, err)
	}
	broken := errors.New("broken")
	_, err = proof.VerifyLog(t.Context(), s.fs, dir, acme, failingLog{broken}, 100, o)
	wantError(t, err, broken)
}
