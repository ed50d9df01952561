package proof_test

import (
	"bytes"
	"testing"

	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// FuzzWitness sends submissions to a witness: nothing panics, what it cosigns the
// log signed, and what it saw never goes back.
func FuzzWitness(f *testing.F) {
	s := fuzzServer(f, 600)
	logs := logsOf(f, s)
	for _, sub := range []*proof.Submission{s.submission(f, acme, 300, 600), s.submission(f, acme, 300, 300),
		s.submission(f, acme, 0, 200), s.submission(f, beta, 0, 100), {Old: 1}} {
		f.Add(sub.Text())
	}
	f.Add([]byte("old 0\n\nlog.example.com/acme\n0\n\n\n"))
	first := s.submission(f, acme, 0, 300)
	f.Fuzz(func(t *testing.T, text []byte) {
		sub, err := proof.ParseSubmission(text)
		if err != nil {
			return
		}
		if !bytes.Equal(sub.Text(), text) {
			t.Errorf("%q is read as %q", text, sub.Text())
		}
		w, err := openWitness(vfs.NewMem(), logs)
		check(t, err)
		defer w.Close()
		_, err = w.Add(first)
		check(t, err)
		line, err := w.Add(sub)
		last, msg, _ := w.Latest(acmeOrigin)
		if last.Size != 300 && last.Size != 600 || last.Size == 600 && err != nil {
			t.Errorf("it saw %d after %q, %v", last.Size, text, err)
		}
		list, listErr := proof.Cosignatures(msg, []*proof.WitnessKey{w.Key()})
		if listErr != nil || len(list) != 1 || err == nil && len(line) == 0 {
			t.Errorf("after %q it shows %q, %v", text, msg, listErr)
		}
	})
}

// FuzzCosignatures adds lines to a checkpoint: what counts as cosigned is.
func FuzzCosignatures(f *testing.F) {
	s := fuzzServer(f, 300)
	w := newWitness(f, vfs.NewMem(), s)
	keys := []*proof.WitnessKey{w.Key()}
	sub := s.submission(f, acme, 0, 300)
	good, err := w.Add(sub)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(bytes.Clone(good), good...))
	f.Add([]byte("— witness.example.com/w1 AAAAAAAA\n"))
	f.Add([]byte("\n\n— x y\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		msg, err := proof.AddCosignatures(sub.Checkpoint, lines, keys)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(msg, sub.Checkpoint) {
			t.Errorf("%q becomes %q", lines, msg)
		}
		list, err := proof.Cosignatures(msg, keys)
		if err != nil || len(list) > 0 && !bytes.Contains(lines, good) {
			t.Errorf("%q passes for %v, %v", lines, list, err)
		}
		if _, err := proof.OpenCheckpoint(msg, s.keys(t, acme)); err != nil {
			t.Errorf("%q spoils the checkpoint: %v", lines, err)
		}
	})
}

// FuzzWitnessKey reads keys of witnesses: what is accepted is printed again.
func FuzzWitnessKey(f *testing.F) {
	f.Add("witness.example.com/w1+85f70379+BD5zrvnkwLatb25EhPxH9M092rKE13Ico7B5/aXkDE4V")
	f.Add("w+00000000+")
	f.Add("++")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := proof.ParseWitnessKey(text)
		if err == nil && k.String() != text {
			t.Errorf("%q is read as %q", text, k)
		}
	})
}
