package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
)

// trailScene is the proof of a trail in the hands of a forger. The trail has
// events in many ranges, none in some, and two in the open end.
type trailScene struct {
	t    *testing.T
	l    *trailLog
	p    *proof.TrailProof
	o    proof.VerifyOptions
	full int // a range with several events of the trail
	gap  int // a range without one, where a neighbour stands
}

func newTrailScene(t *testing.T) *trailScene {
	l := newTrailLog(t, 21)
	l.grow(t, beta, 150)
	l.grow(t, acme, 210)
	c := &trailScene{t: t, l: l, o: proof.VerifyOptions{Keys: l.keys(t, acme)}, full: -1, gap: -1}
	for {
		c.p = l.prove(t, acme, proof.Subject{SecretPath: "db/prod"}, false)
		if c.open(true) >= 0 && c.open(false) >= 0 {
			break
		}
		l.grow(t, acme, 1)
	}
	for i, r := range c.p.Ranges {
		if r.Count >= 2 && c.full < 0 {
			c.full = i
		}
		if r.Neighbour != nil {
			c.gap = i
		}
	}
	if c.full < 0 || c.gap < 0 || len(c.p.Ranges) < 4 || len(c.p.Open) < 2 {
		t.Fatalf("the scene is too poor: %+v", c)
	}
	return c
}

// other returns the proof of another trail of the same log.
func (c *trailScene) other(tenant audit.TenantID, who proof.Subject) *proof.TrailProof {
	return c.l.prove(c.t, tenant, who, false)
}

// open returns the position of an open event of the trail, or of one of another
// secret; -1 if there is none.
func (c *trailScene) open(own bool) int {
	return slices.IndexFunc(c.p.Open, func(e audit.Event) bool { return (e.SecretPath == "db/prod") == own })
}

func TestTrailForgeries(t *testing.T) {
	for name, tc := range map[string]struct {
		forge func(c *trailScene)
		want  proof.Verdict
	}{
		"honest": {func(*trailScene) {}, proof.OK},
		"an event dropped": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Events = r.Events[1:]
		}, proof.Incomplete},
		"an event dropped, the count altered": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Events = r.Events[1:]
			r.Count--
		}, proof.Tampered},
		"all events of a range dropped, it has nothing": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Events, r.Count, r.Chain = nil, 0, nil
		}, proof.Tampered},
		"... and the neighbour of another range stands there": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Events, r.Count, r.Chain, r.Neighbour = nil, 0, nil, c.p.Ranges[c.gap].Neighbour
		}, proof.Tampered},
		"... and somebody of the same range passes for a neighbour": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			o := c.other(acme, proof.Subject{IdentityID: "user:alice"}).Ranges[c.full]
			r.Neighbour = &proof.TrailNeighbour{Key: sha256.Sum256([]byte("identity_id\x00user:alice")),
				Value: digest(3, o.Count, hash(*o.Chain))}
			r.Events, r.Count, r.Chain, r.Path = nil, 0, nil, o.Path
		}, proof.Tampered},
		"an event changed": {func(c *trailScene) {
			c.p.Ranges[c.full].Events[0].Event.DurationMS++
		}, proof.Tampered},
		"an event at another index": {func(c *trailScene) {
			e := c.p.Ranges[c.full].Events
			e[len(e)-1].Index++
		}, proof.Tampered},
		"an event at an index of another range": {func(c *trailScene) {
			c.p.Ranges[c.full].Events[0].Index += 1000
		}, proof.Tampered},
		"events swapped": {func(c *trailScene) {
			e := c.p.Ranges[c.full].Events
			e[0], e[1] = e[1], e[0]
		}, proof.Tampered},
		"events swapped, indexes not": {func(c *trailScene) {
			e := c.p.Ranges[c.full].Events
			e[0].Event, e[1].Event = e[1].Event, e[0].Event
		}, proof.Tampered},
		"an event twice": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Events = append(r.Events[:1:1], r.Events...)
		}, proof.Tampered},
		"an event of another trail added": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Events = append(r.Events, proof.TrailEvent{Index: r.Events[len(r.Events)-1].Index + 1, Event: c.p.Open[c.open(false)]})
		}, proof.Tampered},
		"an invented event where there was none": {func(c *trailScene) {
			r := &c.p.Ranges[c.gap]
			e := c.p.Ranges[c.full].Events[0]
			e.Index = c.p.Ranges[c.gap].Seal.Index
			r.Events = append(r.Events, e)
		}, proof.Tampered},
		"the entries of two ranges swapped": {func(c *trailScene) {
			a, b := &c.p.Ranges[c.full], &c.p.Ranges[c.gap]
			*a, *b = *b, *a
			a.Seal, b.Seal = b.Seal, a.Seal
		}, proof.Tampered},
		"what a range has, of another trail": {func(c *trailScene) {
			o := c.other(acme, proof.Subject{SecretPath: "a/b"})
			c.p.Ranges[c.full] = o.Ranges[c.full]
		}, proof.Tampered},
		"the whole proof, for another trail": {func(c *trailScene) {
			c.p.SecretPath = "a/b"
		}, proof.Tampered},
		"an absent trail by the neighbours of another one": {func(c *trailScene) {
			*c.p = *c.other(acme, proof.Subject{SecretPath: "no/such"})
			c.p.SecretPath = "no/such/thing"
		}, proof.Tampered},
		"a secret's trail as that of an identity": {func(c *trailScene) {
			c.p.IdentityID, c.p.SecretPath = audit.IdentityID(c.p.SecretPath), ""
		}, proof.Tampered},
		"of a secret and an identity": {func(c *trailScene) {
			c.p.IdentityID = "user:alice"
		}, proof.Tampered},
		"its own entry passes for a neighbour": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Neighbour = &proof.TrailNeighbour{Key: sha256.Sum256([]byte("secret_path\x00db/prod")),
				Value: digest(3, r.Count, hash(*r.Chain))}
			r.Count, r.Chain, r.Events = 0, nil, nil
		}, proof.Tampered},
		"a neighbour left out": {func(c *trailScene) {
			c.p.Ranges[c.gap].Neighbour = nil
		}, proof.Tampered},
		"a path cut short": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Path = r.Path[1:]
		}, proof.Tampered},
		"a path without end": {func(c *trailScene) {
			r := &c.p.Ranges[c.full]
			r.Path = append(r.Path, make([]proof.Hash, 300)...)
		}, proof.Tampered},
		"the first range skipped": {func(c *trailScene) {
			c.p.Ranges = c.p.Ranges[1:]
		}, proof.Incomplete},
		"a range skipped": {func(c *trailScene) {
			c.p.Ranges = slices.Delete(c.p.Ranges, 1, 2)
		}, proof.Incomplete},
		"a range twice": {func(c *trailScene) {
			c.p.Ranges = slices.Insert(c.p.Ranges, 1, c.p.Ranges[0])
		}, proof.Tampered},
		"the last range left out": {func(c *trailScene) {
			c.p.Ranges = c.p.Ranges[:len(c.p.Ranges)-1]
		}, proof.Incomplete},
		"a range sealed by an event of its own": {func(c *trailScene) {
			s := &c.p.Ranges[c.full].Seal
			s.Event.ExtraData = strings.Replace(s.Event.ExtraData, `"root":"`, `"root":"AAAA`, 1)
		}, proof.Tampered},
		"a range sealed by the root of another one": {func(c *trailScene) {
			a, b := c.l.seals[acme][0], c.l.seals[acme][1]
			for i := range c.p.Ranges {
				e := &c.p.Ranges[i].Seal.Event
				e.ExtraData = strings.ReplaceAll(e.ExtraData, a.Root.String(), b.Root.String())
			}
			e := &c.p.Ranges[0].Seal.Event
			e.Timestamp++
		}, proof.Tampered},
		"a seal at another index": {func(c *trailScene) {
			c.p.Ranges[0].Seal.Index++
		}, proof.Tampered},
		"a seal within its range": {func(c *trailScene) {
			c.p.Ranges[0].Seal.Index = 1
		}, proof.Tampered},
		"a seal of more indexes than there are": {func(c *trailScene) {
			e := &c.p.Ranges[0].Seal.Event
			e.ExtraData = strings.Replace(e.ExtraData, `"base":8,"fan":4`, `"base":18446744073709551615,"fan":4`, 1)
		}, proof.Tampered},
		"an open event dropped": {func(c *trailScene) {
			c.p.Open = slices.Delete(c.p.Open, c.open(true), c.open(true)+1)
		}, proof.Incomplete},
		"an open event replaced": {func(c *trailScene) {
			c.p.Open[c.open(true)] = c.p.Open[c.open(false)]
		}, proof.Tampered},
		"the name in an open event changed": {func(c *trailScene) {
			c.p.Open[c.open(true)].SecretPath = "db/prod2"
		}, proof.Tampered},
		"an open event added": {func(c *trailScene) {
			c.p.Open = append(c.p.Open, c.p.Open[0])
		}, proof.Tampered},
		"the open events withheld": {func(c *trailScene) {
			c.p.Open = nil
		}, proof.Tampered},
		"an older checkpoint": {func(c *trailScene) {
			c.p.Checkpoint = string(c.l.checkpoint(c.t, acme, c.l.size(acme)-1))
		}, proof.Tampered},
		"a stale proof, against a newer checkpoint": {func(c *trailScene) {
			c.l.grow(c.t, acme, 20)
			c.o.Against = c.l.checkpoint(c.t, acme, c.l.size(acme))
		}, proof.RolledBack},
		"another checkpoint of that size": {func(c *trailScene) {
			c.p.Checkpoint = strings.Replace(c.p.Checkpoint, "\n2", "\n3", 1)
		}, proof.Tampered},
		"the checkpoint of the other tenant": {func(c *trailScene) {
			c.o.Keys = bothKeys(c.t, c.l.server)
			c.p.Checkpoint = string(c.l.checkpoint(c.t, beta, c.l.size(beta)))
		}, proof.Tampered},
		"the other tenant's trail under this name": {func(c *trailScene) {
			c.o.Keys = bothKeys(c.t, c.l.server)
			*c.p = *c.other(beta, proof.Subject{SecretPath: "db/prod"})
			c.p.Tenant = acme
		}, proof.Tampered},
		"a range of the other tenant": {func(c *trailScene) {
			c.p.Ranges[0] = c.other(beta, proof.Subject{SecretPath: "db/prod"}).Ranges[0]
		}, proof.Tampered},
		"no key": {func(c *trailScene) {
			c.o.Keys = c.l.keys(c.t, beta)
		}, proof.Unverifiable},
		"hashes too few": {func(c *trailScene) {
			c.p.Hashes = c.p.Hashes[1:]
		}, proof.Tampered},
		"hashes too many": {func(c *trailScene) {
			c.p.Hashes = append(c.p.Hashes, proof.Hash{})
		}, proof.Tampered},
		"a later format": {func(c *trailScene) {
			c.p.Format++
		}, proof.Unverifiable},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTrailScene(t)
			tc.forge(c)
			if r := verifyTrail(t, c.p, false, c.o); r.Verdict != tc.want {
				t.Errorf("%s: %v, want %s", r.Verdict, r.Fault, tc.want)
			}
		})
	}
}

// TestTrailText changes the text of a proof.
func TestTrailText(t *testing.T) {
	c := newTrailScene(t)
	text, err := json.Marshal(c.p)
	check(t, err)
	for name, tc := range map[string]struct {
		text []byte
		want proof.Verdict
	}{
		"cut off":               {text[:len(text)/2], proof.Incomplete},
		"nothing":               {nil, proof.Incomplete},
		"something behind it":   {append(bytes.Clone(text), "{}"...), proof.Tampered},
		"an unknown member":     {bytes.Replace(text, []byte(`{"format"`), []byte(`{"more":1,"format"`), 1), proof.Tampered},
		"a member twice":        {bytes.Replace(text, []byte(`{"format"`), []byte(`{"format":1,"format"`), 1), proof.Tampered},
		"a member of an event":  {bytes.Replace(text, []byte(`"duration_ms"`), []byte(`"Duration_ms"`), 1), proof.Tampered},
		"not of a trail at all": {[]byte(`[]`), proof.Tampered},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := proof.VerifyTrail(t.Context(), fstest.MapFS{"t": {Data: tc.text}}, "t", false, c.o)
			check(t, err)
			if r.Verdict != tc.want {
				t.Errorf("%s: %v, want %s", r.Verdict, r.Fault, tc.want)
			}
		})
	}
	if !proof.IsTrail(bytes.NewReader(text)) || proof.IsTrail(strings.NewReader(`{"export_id":"exp_1"}`)) {
		t.Error("a proof of a trail is not known as one, or a manifest is")
	}
}

// FuzzTrail reads proofs of any text: only the trail that the log has passes.
func FuzzTrail(f *testing.F) {
	s := fuzzServer(f, 0)
	l := newTrailLog(f, 21)
	l.memLog.lines = map[audit.TenantID][][]byte{}
	l.open(f, l.memLog, s.fs) // under a key that is the same in every process
	l.grow(f, acme, 60)
	who := proof.Subject{SecretPath: "db/prod"}
	o := proof.VerifyOptions{Keys: l.keys(f, acme)}
	text, err := json.Marshal(l.prove(f, acme, who, false))
	check(f, err)
	f.Add(text)
	text, err = json.Marshal(l.prove(f, acme, who, true))
	check(f, err)
	f.Add(text)
	f.Add([]byte(`{"format":1,"ranges":[{"seal":{"index":18446744073709551615}}],"open":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		proof.IsTrail(bytes.NewReader(text))
		r, err := proof.VerifyTrail(t.Context(), fstest.MapFS{"t": {Data: text}}, "t", true, o)
		check(t, err)
		var p proof.TrailProof
		if r.Verdict != proof.OK || json.Unmarshal(text, &p) != nil {
			return
		}
		end := uint64(0)
		for _, r := range p.Ranges {
			if s, err := proof.ParseSeal(r.Seal.Index, r.Seal.Event); err == nil {
				end = s.Ends()
			}
		}
		if p.Open != nil {
			end = r.Size
		}
		if want := len(l.trail(acme, p.Subject, 0, end)); r.Records != uint64(want) {
			t.Errorf("%d events of %v pass below %d, where the log has %d", r.Records, p.Subject, end, want)
		}
	})
}
