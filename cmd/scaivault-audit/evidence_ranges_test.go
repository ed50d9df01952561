package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

var smallRanges = proof.RangeShape{Base: 8, Fan: 4}

// sealedIn returns the ids of the events of a log that seal ranges, by index.
func (s *signing) sealedIn(t *testing.T, tenant audit.TenantID) (ids []string) {
	t.Helper()
	q := audit.Query{Order: audit.OrderIndex, Limit: 1000,
		Filter: audit.Filter{Actions: []audit.Action{audit.ActionRangeSealed}}}
	page, err := s.store.Query(t.Context(), tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Records {
		ids = append(ids, string(r.ID))
	}
	return ids
}

// TestSealedOnce lets a server live many short lives, each of which ends with the
// power: every range has one event, and trails are proved to be complete.
func TestSealedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		for life := range 24 {
			s := newSigning(t, disk, smallRanges)
			s.append(t, "tnt_a", 11)
			s.append(t, "tnt_b", 3)
			time.Sleep(time.Duration(life%4) * 125 * time.Millisecond)
			disk = disk.CrashClone(0.5, int64(life))
			s.stop()
		}
		s := newSigning(t, disk, smallRanges)
		defer s.stop()
		time.Sleep(time.Second)
		for _, tenant := range []audit.TenantID{"tnt_a", "tnt_b"} {
			seen := make(map[string]int)
			for _, id := range s.sealedIn(t, tenant) {
				seen[id]++
			}
			var want int
			for end := smallRanges.Base; end <= s.store.Size(tenant); end += smallRanges.Base {
				for _, r := range smallRanges.Due(end) {
					if want++; seen[string(audit.RangeID(r.Level, r.Number))] != 1 {
						t.Errorf("%s: range %+v has %d events", tenant, r, seen[string(audit.RangeID(r.Level, r.Number))])
					}
				}
			}
			if len(seen) != want || want < 5 {
				t.Errorf("%s: %d ranges are sealed, want %d", tenant, len(seen), want)
			}
			s.checkTrail(t, tenant, "user:2")
		}
	})
}

// checkTrail proves the trail of an identity, and verifies it.
func (s *signing) checkTrail(t *testing.T, tenant audit.TenantID, id audit.IdentityID) {
	t.Helper()
	p, err := s.Trail(t.Context(), tenant, "", id, false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Verifiers(tenant)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := proof.ParseVerifiers(strings.Join(list, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.store.Query(t.Context(), tenant, audit.Query{Limit: 1000, Filter: audit.Filter{IdentityID: id}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := proof.VerifyTrail(t.Context(), fstest.MapFS{"t": {Data: text}}, "t", false, proof.VerifyOptions{Keys: keys})
	if err != nil || r.Verdict != proof.OK || !r.Whole || r.Records != uint64(len(page.Records)) {
		t.Errorf("%s of %s: %+v, %v, want %d events", id, tenant, r, err, len(page.Records))
	}
	whole, err := proof.VerifyLog(t.Context(), s.disk, "data", tenant, s.store, s.store.Size(tenant),
		proof.VerifyOptions{Keys: keys, Ranges: smallRanges})
	if err != nil || whole.Verdict != proof.OK || !strings.Contains(fmt.Sprint(whole.Proved), "sealed of trails") {
		t.Errorf("log of %s: %+v, %v", tenant, whole, err)
	}
}

// TestSealedBeforeBackup restores an older log below newer evidence, which the
// operator accepts: ranges that lost their events get them again.
func TestSealedBeforeBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem(), smallRanges)
		s.append(t, "tnt_a", 30)
		backup := s.disk.CrashClone(1, 1) // before any range was sealed
		time.Sleep(time.Second)
		if n := len(s.sealedIn(t, "tnt_a")); n != 5 {
			t.Errorf("%d ranges were sealed", n)
		}
		s.stop()
		text, err := vfs.ReadFile(s.disk, "data/proof/tnt_a/checkpoint")
		if err == nil {
			err = backup.MkdirAll("data/proof/tnt_a")
		}
		if err == nil {
			err = vfs.WriteFile(backup, "data/proof/tnt_a/checkpoint", text)
		}
		if err != nil {
			t.Fatal(err)
		}
		s = newSigning(t, backup, smallRanges)
		time.Sleep(time.Second)
		if n := len(s.sealedIn(t, "tnt_a")); n != 0 {
			t.Errorf("%d ranges of a log are sealed that is not signed", n)
		}
		if err := s.acceptRollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.append(t, "tnt_a", 10)
		time.Sleep(2 * time.Minute)
		if n := len(s.sealedIn(t, "tnt_a")); n < 6 {
			t.Errorf("%d ranges are sealed again", n)
		}
		s.checkTrail(t, "tnt_a", "user:3")
		s.stop()
	})
}
