package store_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scaivault/audit"
)

// everyBit has the sweeps look at every bit and every length instead of some:
// a store is opened, asked everything and appended to more than 200,000 times, which
// takes a quarter of an hour.
//
//	go test -run TestSweep -every-bit -timeout 2h ./internal/store
var everyBit = flag.Bool("every-bit", false, "damage every bit of a store, not some")

// The mean distances between bits that are flipped, and between lengths.
const (
	betweenBits = 121
	betweenCuts = 24
)

// sweep judges blows and counts what came of them.
type sweep struct {
	*ruin
	t        *testing.T
	clean    bool
	rand     *rand.Rand // the same in each run
	n        int
	outcomes map[outcome]int
}

// sweeps runs a sweep over each file of a store that ended in order, and over
// the last one of a store that did not: to the others that makes no difference.
func sweeps(t *testing.T, over func(s *sweep, name string, content []byte)) {
	for _, clean := range []bool{true, false} {
		x := newRuin(t, clean)
		for _, name := range x.names() {
			if !clean && name != x.lastWAL() {
				continue
			}
			t.Run(fmt.Sprintf("%s,clean=%v", name, clean), func(t *testing.T) {
				t.Parallel()
				s := newSweep(t, x, clean)
				over(s, name, x.files[name])
				t.Log(s.outcomes)
			})
		}
	}
}

func newSweep(t *testing.T, x *ruin, clean bool) *sweep {
	return &sweep{ruin: x, t: t, clean: clean, rand: rand.New(rand.NewPCG(1, 2)), outcomes: make(map[outcome]int)}
}

// stride returns how far it is to the next place that is looked at, n on
// average; 1 with -every-bit, far with -short.
func (s *sweep) stride(n int) int {
	switch {
	case *everyBit:
		return 1
	case testing.Short():
		n *= 20
	}
	return 1 + s.rand.IntN(2*n-1)
}

// judge judges a blow; every tenth store is opened a second time.
func (s *sweep) judge(b *blow) outcome {
	s.t.Helper()
	s.n++
	o := s.ruin.judge(s.t, b, s.n%10 == 1)
	s.outcomes[o]++
	if len(b.lose) == 0 && o == cutOff {
		s.t.Errorf("%s: %s", b.what, o)
	}
	return o
}

// unvouched returns what may be lost without a word if the end of a file is
// gone from an offset on. Nobody vouches for the end of the last file of the
// write-ahead log, neither for its frames nor for the mark of a clean end: a
// crash leaves the same. These are all the exceptions:
//
//   - the last file is cut behind its header, or has zeros from some place there
//     to its end: the frames from there on;
//   - bits of its last frame are flipped, and no mark of a clean end is behind
//     it: that frame.
func (s *sweep) unvouched(name string, from int) map[audit.TenantID]int {
	lose := make(map[audit.TenantID]int)
	for _, f := range s.frames {
		if f.file == name && name == s.lastWAL() && f.end > from {
			lose[f.tenant]++
		}
	}
	return lose
}

// TestSweepBits flips bits of every file, one at a time.
func TestSweepBits(t *testing.T) {
	t.Parallel()
	sweeps(t, func(s *sweep, name string, content []byte) {
		for bit := s.stride(betweenBits) - 1; bit < 8*len(content); bit += s.stride(betweenBits) {
			at := bit / 8
			changed := bytes.Clone(content)
			changed[at] ^= 1 << (bit % 8)
			b := s.strike(fmt.Sprintf("bit %d of byte %d", bit%8, at), name, changed)
			lastFrame := !s.clean && at >= s.frames[len(s.frames)-2].end
			if lastFrame {
				b.lose = s.unvouched(name, at)
			}
			if o := s.judge(b); lastFrame != (o == cutOff) {
				s.t.Errorf("%s: %s", b.what, o)
			}
		}
		if (s.outcomes[detected] == 0) != known[name] && !testing.Short() {
			s.t.Errorf("implausible outcomes: %v", s.outcomes)
		}
	})
}

// TestSweepCuts cuts every file short.
func TestSweepCuts(t *testing.T) {
	t.Parallel()
	sweeps(t, func(s *sweep, name string, content []byte) {
		for n := s.stride(betweenCuts) - 1; n < len(content); n += s.stride(betweenCuts) {
			b := s.strike(fmt.Sprintf("cut at %d", n), name, content[:n:n])
			b.lose = s.unvouched(name, n)
			if n < walHeader {
				b.lose = nil // the mark says that the file was whole once
			}
			o := s.judge(b)
			if got := o == detected; (name != s.lastWAL() || n < walHeader) && got == known[name] {
				s.t.Errorf("%s: %s", b.what, o)
			}
		}
	})
}

// walHeader is the length of the header of a file of the write-ahead log.
const walHeader = 36

// known names the files whose content is known without them: what is in the
// manifest stands in the segments and in the mark, and that in the manifest and
// in the names of files.
var known = map[string]bool{"manifest": true, "wal.mark": true}

// TestSweepFiles removes files, fills parts of them with zeros, and swaps each
// two of them.
func TestSweepFiles(t *testing.T) {
	t.Parallel()
	sweeps(t, func(s *sweep, name string, content []byte) {
		b := s.strike("removed", name, nil)
		if o := s.judge(b); (o == detected) == known[name] {
			s.t.Errorf("%s: %s", b.what, o)
		}
		s.zero(name, content, len(content))
		if !testing.Short() {
			s.zero(name, content, 512) // a sector
		}
		for _, with := range s.names() {
			if with == name || testing.Short() && s.rand.IntN(8) > 0 {
				continue
			}
			b := s.strike("swapped with "+with, name, s.files[with])
			b.files[with] = content
			for tenant, ranges := range s.within(with) {
				b.named[tenant] = append(b.named[tenant], ranges...)
			}
			if o := s.judge(b); o != detected {
				s.t.Errorf("%s: %s", b.what, o)
			}
		}
	})
}

// zero fills parts of a file with zeros, one after the other.
func (s *sweep) zero(name string, content []byte, size int) {
	for from := 0; from < len(content); from += size {
		changed := bytes.Clone(content)
		to := min(from+size, len(content))
		clear(changed[from:to])
		b := s.strike(fmt.Sprintf("zeros from %d to %d", from, to), name, changed)
		if from > 0 && to == len(content) {
			b.lose = s.unvouched(name, from)
		}
		s.judge(b)
	}
}

// TestOlderManifest puts the manifest of an earlier time into its place. The
// segments that it does not name are not served, but they are not removed.
func TestOlderManifest(t *testing.T) {
	x := newRuin(t, true)
	s := newSweep(t, x, true)
	b := s.strike("an older one", "manifest", x.older)
	for tenant := range b.named {
		b.named[tenant] = []audit.IndexRange{{To: math.MaxUint64}}
	}
	if o := s.judge(b); o != detected {
		t.Errorf("%s: %s", b.what, o)
	}
}
