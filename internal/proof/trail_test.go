package proof_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// TestTrails proves every trail of logs of many sizes, of two tenants: no honest
// one is doubted, and each has all events of the log.
func TestTrails(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		l := newTrailLog(t, seed)
		for _, n := range []int{1, 6, 3, 40, 90} {
			l.grow(t, acme, n)
			l.grow(t, beta, n/2+1)
			for _, tenant := range []audit.TenantID{acme, beta} {
				o := proof.VerifyOptions{Keys: l.keys(t, tenant)}
				for _, who := range everyone() {
					all := len(l.trail(tenant, who, 0, l.size(tenant)))
					r := verifyTrail(t, l.prove(t, tenant, who, false), false, o)
					if r.Verdict != proof.OK || !r.Whole || r.Records != uint64(all) || r.Size != l.size(tenant) {
						t.Fatalf("seed %d, %d events, %v: %+v, want %d events", seed, l.size(tenant), who, r, all)
					}
					p := l.prove(t, tenant, who, true)
					sealed := len(l.trail(tenant, who, 0, p.CompleteTo))
					r = verifyTrail(t, p, true, o)
					if r.Verdict != proof.OK || r.Whole || r.Records != uint64(sealed) {
						t.Fatalf("seed %d, %v, sealed ranges only: %+v, want %d events", seed, who, r, sealed)
					}
					if r := verifyTrail(t, p, false, o); r.Verdict != proof.Incomplete {
						t.Fatalf("without the newest events: %+v", r)
					}
				}
			}
		}
		if p := l.prove(t, acme, everyone()[3], false); len(p.Open) > 3*int(smallRanges.Base) {
			t.Errorf("%d events are in no range", len(p.Open))
		}
	}
}

// plainTrails computes the root of a range as its definition says, without a
// thought of speed. It shares nothing with the package.
type plainTrails struct {
	lines [][]byte
	shape proof.RangeShape
}

func digest(parts ...any) (h hash) {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case uint64:
			b = binary.BigEndian.AppendUint64(b, p)
		case hash:
			b = append(b, p[:]...)
		case string:
			b = append(b, p...)
		}
	}
	return sha256.Sum256(b)
}

// value returns what stands for a trail in a range, and how many events it has.
func (p *plainTrails) value(level int, number uint64, name string) (hash, uint64) {
	var chain hash
	var count uint64
	if level == 0 {
		for i := number * p.shape.Base; i < (number+1)*p.shape.Base; i++ {
			if slices.Contains(namesOf(p.lines[i]), name) {
				chain = digest(2, chain, i, leafHash(p.lines[i]))
				count++
			}
		}
	} else {
		for i := number * p.shape.Fan; i < (number+1)*p.shape.Fan; i++ {
			if v, n := p.value(level-1, i, name); n > 0 {
				chain = digest(2, chain, i, v)
				count += n
			}
		}
	}
	return digest(3, count, chain), count
}

func namesOf(line []byte) []string {
	e, err := audit.DecodeEvent(string(line))
	if err != nil {
		panic(err) // it was encoded
	}
	names := []string{"identity_id\x00" + string(e.IdentityID)}
	if e.SecretPath != "" {
		names = append(names, "secret_path\x00"+string(e.SecretPath))
	}
	return names
}

func (p *plainTrails) root(level int, from, to, number uint64) hash {
	values := make(map[hash]hash)
	for _, line := range p.lines[from:to] {
		for _, name := range namesOf(line) {
			values[digest(name)], _ = p.value(level, number, name)
		}
	}
	return trie(values, 0)
}

func trie(values map[hash]hash, depth int) hash {
	if len(values) == 0 {
		return sha256.Sum256(nil)
	}
	halves := [2]map[hash]hash{{}, {}}
	for k, v := range values {
		if len(values) == 1 {
			return digest(0, k, v)
		}
		halves[k[depth/8]>>(7-depth%8)&1][k] = v
	}
	return digest(1, trie(halves[0], depth+1), trie(halves[1], depth+1))
}

// TestRangeRoots computes what each range commits to a second time.
func TestRangeRoots(t *testing.T) {
	l := newTrailLog(t, 11)
	l.grow(t, acme, 400)
	p := &plainTrails{l.lines[acme], smallRanges}
	levels := make(map[int]int)
	for _, s := range l.seals[acme] {
		from := s.Ends() - smallRanges.Base
		for range s.Level {
			from = s.Ends() - (s.Ends()-from)*smallRanges.Fan
		}
		if got := p.root(s.Level, from, s.Ends(), s.Number); got != hash(s.Root) {
			t.Errorf("range %d of level %d: root %x, want %x", s.Number, s.Level, s.Root, got)
		}
		levels[s.Level]++
	}
	if levels[0] < 50 || levels[1] < 10 {
		t.Errorf("ranges by level: %v", levels)
	}
}

// TestSealAgain asks for the events of ranges again: after files were removed or
// damaged, and by a notary that saw none of the lines come. They are the same.
func TestSealAgain(t *testing.T) {
	l := newTrailLog(t, 5)
	l.grow(t, acme, 200)
	for name, change := range map[string]func(){
		"as it is":     func() {},
		"another life": func() { l.open(t, l.memLog, l.fs.CrashClone(0.5, 1)) },
		"no files": func() {
			names, err := l.fs.List(dir + "/proof/acme")
			check(t, err)
			for _, name := range names {
				if strings.HasPrefix(name, "range-") {
					check(t, l.fs.Remove(dir+"/proof/acme/"+name))
				}
			}
		},
		"damage": func() {
			names, err := l.fs.List(dir + "/proof/acme")
			check(t, err)
			for _, name := range names {
				if !strings.HasPrefix(name, "range-") {
					continue
				}
				text, err := vfs.ReadFile(l.fs, dir+"/proof/acme/"+name)
				check(t, err)
				text[len(text)/2] ^= 1
				check(t, vfs.WriteFile(l.fs, dir+"/proof/acme/"+name, text))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			change()
			for _, s := range l.seals[acme] {
				e, err := l.notary.SealRange(t.Context(), acme, s.Range)
				check(t, err)
				if e.Timestamp = s.Event.Timestamp; e != s.Event {
					t.Errorf("range %v: %v, want %v", s.Range, e, s.Event)
				}
			}
			who := proof.Subject{IdentityID: someWho[2]}
			r := verifyTrail(t, l.prove(t, acme, who, false), false, proof.VerifyOptions{Keys: l.keys(t, acme)})
			if r.Verdict != proof.OK {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestSealDies cuts the power before each operation of sealing a range: the next
// life makes the same event.
func TestSealDies(t *testing.T) {
	l := newTrailLog(t, 9)
	for range 40 {
		e := l.event(acme)
		l.lines[acme] = append(l.lines[acme], e.AppendLine(nil))
	}
	_, err := l.notary.Advance(t.Context(), acme, 40)
	check(t, err)
	before := l.fs.CrashClone(0.5, 1)
	sealAll := func(n *proof.Notary) (list []audit.Event, err error) {
		for end := uint64(8); end <= 40; end += 8 {
			for _, r := range smallRanges.Due(end) {
				e, err := n.SealRange(context.Background(), acme, r)
				if err != nil && !errors.Is(err, proof.ErrManyTrails) {
					return nil, err
				}
				list = append(list, e)
			}
		}
		return list, nil
	}
	want, err := sealAll(l.notary)
	check(t, err)
	for n := 0; ; n++ {
		disk := before.CrashClone(1, 1)
		failing := vfs.Fail(disk, n, errors.New("the disk is gone"))
		failing.Sticky = true
		notary, err := proof.Open(failing, dir, proof.Options{Name: "log.example.com", Log: l.memLog, Clock: clock,
			Ranges: smallRanges})
		if err == nil {
			_, err = sealAll(notary)
		}
		if failing.Fired() && err == nil {
			t.Fatalf("operation %d failed, and nobody said so", n)
		}
		l.open(t, l.memLog, disk.CrashClone(0.5, int64(n)))
		got, err := sealAll(l.notary)
		check(t, err)
		if !slices.Equal(got, want) {
			t.Fatalf("after operation %d failed: %v, want %v", n, got, want)
		}
		if !failing.Fired() {
			break
		}
	}
}

// TestManyTrails seals ranges whose trails are too many for one of a higher level:
// the smaller ones stand for it, without files, and trails are proved all the same.
func TestManyTrails(t *testing.T) {
	l := newTrailLog(t, 6)
	for i := range 300 {
		e := l.event(acme)
		e.IdentityID = audit.IdentityID(fmt.Sprintf("user:%d", i))
		l.lines[acme] = append(l.lines[acme], e.AppendLine(nil))
	}
	l.seal(t, acme)
	for _, s := range l.seals[acme] {
		if s.Level > 1 {
			t.Errorf("range %+v", s.Range)
		}
		_, err := l.fs.Stat(fmt.Sprintf("%s/proof/acme/range-0-%012d", dir, s.Number))
		if full := s.Ends() <= l.sealed[acme]/32*32; s.Level == 0 && full != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file of range %d: %v", s.Number, err)
		}
	}
	who := proof.Subject{SecretPath: "db/prod"}
	if r := verifyTrail(t, l.prove(t, acme, who, false), false, proof.VerifyOptions{Keys: l.keys(t, acme)}); r.Verdict !=
		proof.OK {
		t.Errorf("%+v", r)
	}
}

// TestChangedBehindSeal changes an event that was sealed: no proof is made of it.
func TestChangedBehindSeal(t *testing.T) {
	l := newTrailLog(t, 4)
	l.grow(t, acme, 60)
	e, err := audit.DecodeEvent(string(l.lines[acme][3]))
	check(t, err)
	e.DurationMS++
	l.lines[acme][3] = e.AppendLine(nil)
	_, err = l.notary.ProveTrail(t.Context(), acme, l.request(acme, proof.Subject{IdentityID: e.IdentityID}, false))
	if audit.ErrorCode(err) != audit.CodeDataDamaged {
		t.Errorf("error %v", err)
	}
}

// TestVerifyLogSeals verifies logs whose events seal other trails than there are.
func TestVerifyLogSeals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(l *trailLog)
		want   proof.Verdict
	}{
		"honest": {func(*trailLog) {}, proof.OK},
		"another root": {func(l *trailLog) {
			s := l.seals[acme][2].Event
			s.ExtraData = strings.Replace(s.ExtraData, `"root":"`, `"root":"AAAA`, 1)
			s.ExtraData = s.ExtraData[:len(s.ExtraData)-6] + `="}`
			l.lines[acme] = append(l.lines[acme], s.AppendLine(nil))
		}, proof.Tampered},
		"the root of another range": {func(l *trailLog) {
			a, b := l.seals[acme][0], l.seals[acme][1]
			a.Event.ExtraData = strings.Replace(a.Event.ExtraData, a.Root.String(), b.Root.String(), 1)
			l.lines[acme] = append(l.lines[acme], a.Event.AppendLine(nil))
		}, proof.Tampered},
		"the same again": {func(l *trailLog) {
			e := l.seals[acme][0].Event
			l.lines[acme] = append(l.lines[acme], e.AppendLine(nil))
		}, proof.OK},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTrailLog(t, 8)
			l.grow(t, acme, 200)
			tc.change(l)
			l.checkpoint(t, acme, l.size(acme))
			r, err := proof.VerifyLog(t.Context(), l.fs, dir, acme, l.memLog, l.size(acme),
				proof.VerifyOptions{Keys: l.keys(t, acme), Ranges: smallRanges})
			check(t, err)
			if r.Verdict != tc.want {
				t.Errorf("%+v", r)
			}
			if tc.want == proof.Tampered && (r.Fault.Index == nil || *r.Fault.Index != l.size(acme)-1) {
				t.Errorf("fault %+v, want one at index %d", r.Fault, l.size(acme)-1)
			}
			if tc.want == proof.OK && !bytes.Contains([]byte(fmt.Sprint(r.Proved)), []byte("sealed of trails")) {
				t.Errorf("proved %q", r.Proved)
			}
		})
	}
}
