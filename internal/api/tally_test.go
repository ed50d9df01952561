package api_test

import (
	"cmp"
	"slices"

	"github.com/scaivault/audit"
)

// tally is what a set of records adds up to.
type tally struct {
	from, to      audit.Time
	records       []audit.Record
	total, failed uint64
	actions       map[audit.Action]uint64
	identities    map[audit.IdentityID]uint64
	paths         map[audit.Path]uint64
	first, last   *audit.Time
	newest        audit.Record
}

func newTally(from, to audit.Time, records []audit.Record) tally {
	t := tally{
		from:       from,
		to:         to,
		records:    records,
		total:      uint64(len(records)),
		actions:    make(map[audit.Action]uint64),
		identities: make(map[audit.IdentityID]uint64),
		paths:      make(map[audit.Path]uint64),
	}
	for _, r := range records {
		if !r.Success {
			t.failed++
		}
		t.actions[r.Action]++
		t.identities[r.IdentityID]++
		if r.SecretPath != "" {
			t.paths[r.SecretPath]++
		}
		at := r.Timestamp
		if t.first == nil || at < *t.first {
			t.first = &at
		}
		if t.last == nil || at >= *t.last {
			t.last, t.newest = &at, r
		}
	}
	return t
}

func (t *tally) trailSummary() audit.TrailSummary {
	return audit.TrailSummary{
		PeriodDays:       int(audit.TrailPeriod / audit.Day),
		From:             t.from,
		To:               t.to,
		TotalEvents:      t.total,
		SuccessfulEvents: t.total - t.failed,
		FailedEvents:     t.failed,
		ActionsBreakdown: t.actions,
		FirstAccessedAt:  t.first,
		LastAccessedAt:   t.last,
	}
}

func (t *tally) topIdentities(n int) []audit.IdentityCount {
	var list []audit.IdentityCount
	for id, count := range t.identities {
		list = append(list, audit.IdentityCount{IdentityID: id, Count: count})
	}
	slices.SortFunc(list, func(a, b audit.IdentityCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.IdentityID, b.IdentityID))
	})
	return list[:min(n, len(list))]
}

func (t *tally) topResources(n int) []audit.PathCount {
	var list []audit.PathCount
	for path, count := range t.paths {
		list = append(list, audit.PathCount{Path: path, Count: count})
	}
	slices.SortFunc(list, func(a, b audit.PathCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Path, b.Path))
	})
	return list[:min(n, len(list))]
}

func (t *tally) timeline(interval audit.Time) []audit.Bucket {
	if interval == 0 {
		return nil
	}
	start, n := audit.Buckets(t.from, t.to, interval)
	buckets := make([]audit.Bucket, n)
	for i := range buckets {
		b := &buckets[i]
		b.Start = start + audit.Time(i)*interval
		for _, r := range t.records {
			if r.Timestamp < b.Start || r.Timestamp >= b.Start+interval {
				continue
			}
			b.TotalEvents++
			if !r.Success {
				b.FailedEvents++
			}
		}
	}
	return buckets
}
