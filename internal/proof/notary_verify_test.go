package proof_test

import (
	"bytes"
	"testing"

	"github.com/scaivault/audit/internal/proof"
)

// TestVerifyKeptCheckpoint shows the notary what somebody kept.
func TestVerifyKeptCheckpoint(t *testing.T) {
	for name, tc := range map[string]struct {
		log  func() *memLog // that the server has now; nil for the one that was signed
		kept func(s *server) []byte
		want proof.Verdict
	}{
		"empty":             {nil, func(s *server) []byte { return s.checkpoint(t, acme, 0) }, proof.OK},
		"half":              {nil, func(s *server) []byte { return s.checkpoint(t, acme, 400) }, proof.OK},
		"the last one":      {nil, func(s *server) []byte { return s.checkpoint(t, acme, 800) }, proof.OK},
		"of another tenant": {nil, func(s *server) []byte { return s.checkpoint(t, beta, 400) }, proof.Unverifiable},
		"of another server": {nil, func(*server) []byte { return newServer(t, 9).checkpoint(t, acme, 9) }, proof.Unverifiable},
		"changed": {nil, func(s *server) []byte {
			return bytes.Replace(s.checkpoint(t, acme, 400), []byte("\n400\n"), []byte("\n401\n"), 1)
		}, proof.Tampered},
		"no note": {nil, func(*server) []byte { return []byte("hello") }, proof.Tampered},
		"ahead of the log": {nil, func(s *server) []byte {
			longer := serve(t, newLog(900), s.fs)
			return longer.checkpoint(t, acme, 900)
		}, proof.RolledBack},
		"the log has other events": {func() *memLog { return changed(newLog(800), 10) },
			func(s *server) []byte { return s.checkpoint(t, acme, 400) }, proof.Forked},
		"the log grew": {func() *memLog { return newLog(900) },
			func(s *server) []byte { return s.checkpoint(t, acme, 400) }, proof.OK},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, 800)
			s.checkpoint(t, acme, 800)
			kept := tc.kept(s)
			if tc.log != nil {
				check(t, s.fs.Remove(dir+"/proof/acme/tree")) // it is made again, of the lines that there are
				s = s.again(t, tc.log())
			}
			r, err := s.notary.VerifyCheckpoint(t.Context(), acme, kept)
			check(t, err)
			ok := tc.want == proof.OK
			if r.Verdict != tc.want || (r.Fault == nil) != ok || (len(r.Proved) > 0) != ok {
				t.Errorf("verdict %s, %v, proved %q; want %s", r.Verdict, r.Fault, r.Proved, tc.want)
			}
		})
	}
}

func TestVerifyManifestAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		log   func() *memLog // that the server has now; nil for the one that was signed
		edit  func(text, signature []byte) ([]byte, []byte)
		want  proof.Verdict
		files int
	}{
		"as it was": {nil, func(text, sig []byte) ([]byte, []byte) { return text, sig }, proof.OK, 3},
		"another count": {nil, func(text, sig []byte) ([]byte, []byte) {
			return bytes.Replace(text, []byte("300"), []byte("301"), 1), sig
		}, proof.Tampered, -1},
		"no signature": {nil, func(text, _ []byte) ([]byte, []byte) { return text, nil }, proof.Tampered, -1},
		"no manifest":  {nil, func(_, sig []byte) ([]byte, []byte) { return nil, sig }, proof.Tampered, -1},
		"another log": {func() *memLog { return changed(newLog(500), 200) },
			func(text, sig []byte) ([]byte, []byte) { return text, sig }, proof.Forked, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, 500)
			files := whole(300, 100).write(t, s)
			s.checkpoint(t, acme, 500)
			if tc.log != nil {
				check(t, s.fs.Remove(dir+"/proof/acme/tree")) // it is made again, of the lines that there are
				s = s.again(t, tc.log())
			}
			text, signature := tc.edit(files[prefix+"manifest.json"].Data, files[prefix+"manifest.json.sig"].Data)
			m, r, err := s.notary.VerifyManifest(t.Context(), acme, text, signature)
			check(t, err)
			got := -1
			if m != nil {
				got = len(m.Files)
			}
			if r.Verdict != tc.want || got != tc.files {
				t.Errorf("verdict %s, %v, %d files; want %s, %d", r.Verdict, r.Fault, got, tc.want, tc.files)
			}
			s.checkpoint(t, beta, 9)
			if _, r, err := s.notary.VerifyManifest(t.Context(), beta, text, signature); err != nil || r.Verdict == proof.OK {
				t.Errorf("of another tenant: %s, %v", r.Verdict, err)
			}
		})
	}
}
