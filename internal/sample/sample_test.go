package sample_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sample"
)

var end = time.Date(2026, 11, 25, 12, 34, 56, 0, time.UTC)

// digest returns the SHA-256 of the events' canonical lines.
func digest(seed uint64) string {
	h := sha256.New()
	for e := range sample.New(seed, sample.Options{Events: 20_000, End: end}).Events() {
		h.Write(append(e.AppendLine(nil), '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameEvents(t *testing.T) {
	first := digest(1)
	if again := digest(1); again != first {
		t.Error("two runs with one seed differ")
	}
	if first == digest(2) {
		t.Error("two seeds give the same events")
	}
}

// TestEvents checks every event of a hundred thousand, and that together they
// look like a company at work.
func TestEvents(t *testing.T) {
	const n = 100_000
	from := audit.TimeOf(end.Add(-90 * 24 * time.Hour))
	last, count, failed := from, 0, 0
	actions := make(map[audit.Action]int)
	identities := make(map[audit.IdentityID]int)
	var byHour [24]int
	var byDay [7]int
	for e := range sample.New(1, sample.Options{Events: n, End: end}).Events() {
		if bad := e.Validate(); bad != nil {
			t.Fatalf("event %d: %v", count, bad)
		}
		e.ID = "log_x"
		line := e.AppendLine(nil)
		if again, err := audit.DecodeEvent(string(line)); err != nil || again != e {
			t.Fatalf("event %d is not canonical: %s: %v", count, line, err)
		}
		if e.Timestamp < last || e.Timestamp >= audit.TimeOf(end) {
			t.Fatalf("event %d at %s follows %s", count, e.Timestamp, last)
		}
		last = e.Timestamp
		count++
		if !e.Success {
			failed++
		}
		actions[e.Action]++
		identities[e.IdentityID]++
		byHour[e.Timestamp.Std().Hour()]++
		byDay[e.Timestamp.Std().Weekday()]++
	}
	if count != n {
		t.Errorf("%d events, want %d", count, n)
	}
	if share := float64(failed) / n; share < 0.003 || share > 0.03 {
		t.Errorf("%.2f %% of the events failed, want 0.3 to 3", 100*share)
	}
	for _, a := range audit.Actions()[:22] {
		if actions[a] == 0 {
			t.Errorf("no event with the action %s", a)
		}
	}
	if byHour[13] < 3*byHour[4]/2 {
		t.Errorf("%d events at 13 o'clock, %d at 4: no rhythm of a day", byHour[13], byHour[4])
	}
	if byDay[time.Wednesday] < 5*byDay[time.Sunday]/4 {
		t.Errorf("%d events on Wednesdays, %d on Sundays: no rhythm of a week",
			byDay[time.Wednesday], byDay[time.Sunday])
	}
	counts := make([]int, 0, len(identities))
	for _, c := range identities {
		counts = append(counts, c)
	}
	slices.Sort(counts)
	if busiest := counts[len(counts)-1]; busiest < n/50 || counts[len(counts)/2] > busiest/20 {
		t.Errorf("the busiest identity has %d events, the median %d: not a few busy ones among many",
			busiest, counts[len(counts)/2])
	}
}

// TestNames checks what events are called when producers name them.
func TestNames(t *testing.T) {
	const n = 20_000
	requests, ids := make(map[string]bool), make(map[audit.EventID]bool)
	o := sample.Options{Events: n, End: end, UUIDs: true, OwnIDs: true}
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for e := range sample.New(1, o).Events() {
		if bad := e.Validate(); bad != nil || !shape.MatchString(e.RequestID) {
			t.Fatalf("request id %q, errors %v; want a UUID and none", e.RequestID, bad)
		}
		id, err := ulid.ParseStrict(strings.TrimPrefix(string(e.ID), "log_"))
		if err != nil || id.Time() != uint64(e.Timestamp/1000) {
			t.Fatalf("id %q of an event at %s: %v; want a ULID of that time", e.ID, e.Timestamp, err)
		}
		requests[e.RequestID], ids[e.ID] = true, true
	}
	if len(requests) != n || len(ids) != n {
		t.Errorf("%d request ids and %d ids of %d events are different", len(requests), len(ids), n)
	}
}

func BenchmarkEvents(b *testing.B) {
	n := 0
	for range sample.New(1, sample.Options{Events: max(b.N, 1000), End: end}).Events() {
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
