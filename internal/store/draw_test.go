package store_test

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// The values that random events are made of: few, so that they meet, and with
// prefixes that do not end at a segment.
var (
	someTenants    = []audit.TenantID{acme, bravo}
	someActions    = []audit.Action{"read", "write", "rotate", "list", "login"}
	someTypes      = []audit.IdentityType{audit.TypeUser, audit.TypeServiceAccount}
	someIdentities = []audit.IdentityID{"user:ann", "user:bob", "sa:web", "sa:web-2", "group:ops, all"}
	somePaths      = []audit.Path{"", "a", "a/b", "a/b/c", "a/bc", "ab", "z/é/\"q\"", "z"}
	someIPs        = []string{"", "10.0.0.1", "10.0.0.2", "2001:db8::1"}
	someAgents     = []string{"", "curl/8", "vault"}
	someRequests   = []string{"", "", "r1", "r2", "r3"}
	someExtras     = []string{"", "{}", `{"k":"v"}`, `{"k":1,"o":{"k":"v"}}`, `{"k":"\"","x":true}`}
	extraFilters   = []audit.ExtraFilter{{Key: "k", Value: "v"}, {Key: "k", Value: "1"},
		{Key: "k", Value: `"`}, {Key: "x", Value: "true"}, {Key: "o", Value: "v"}}
)

func pick[T any](t *rapid.T, list []T, label string) T { return rapid.SampledFrom(list).Draw(t, label) }

// drawTime draws an instant within some days of now; equal ones are likely.
func drawTime(t *rapid.T, now audit.Time) audit.Time {
	unit := pick(t, []audit.Time{audit.Second, audit.Hour, 9 * audit.Day}, "unit")
	return max(0, now+audit.Time(rapid.IntRange(-5, 2).Draw(t, "units"))*unit)
}

func drawEvent(t *rapid.T, now audit.Time, next uint64) audit.Event {
	e := audit.Event{
		Timestamp:    drawTime(t, begin),
		Action:       pick(t, someActions, "action"),
		IdentityType: pick(t, someTypes, "type"),
		IdentityID:   pick(t, someIdentities, "identity"),
		SecretPath:   pick(t, somePaths, "path"),
		SourceIP:     pick(t, someIPs, "ip"),
		UserAgent:    pick(t, someAgents, "agent"),
		Success:      rapid.Bool().Draw(t, "success"),
		DurationMS:   int32(rapid.IntRange(0, 3).Draw(t, "duration")),
		RequestID:    pick(t, someRequests, "request"),
		ExtraData:    pick(t, someExtras, "extra"),
	}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1:
		e.ID = audit.EventID(fmt.Sprintf("log_p%d", rapid.IntRange(0, 9).Draw(t, "name")))
		// Sameness is looked for around the time of an event: within a day.
		e.Timestamp = begin + audit.Time(rapid.IntRange(-12, 11).Draw(t, "hours"))*audit.Hour
	case 2:
		near := uint64(rapid.IntRange(0, 4).Draw(t, "near"))
		e.ID = audit.DerivedID(0, max(next+near, 2)-2)
	case 3:
		e.Timestamp = audit.NoTime
	case 4:
		e.Timestamp = drawTime(t, now)
	}
	return e
}

// drawBatch draws a batch, now and then with events that the log holds.
func drawBatch(t *rapid.T, now audit.Time, l *sliceLog) audit.Batch {
	b := audit.Batch{Partial: rapid.Bool().Draw(t, "partial")}
	for i := range rapid.IntRange(0, 6).Draw(t, "events") {
		e := drawEvent(t, now, l.size()+uint64(i))
		if known := slices.Concat(b.Events, eventsOf(l.records)); len(known) > 0 &&
			rapid.IntRange(0, 7).Draw(t, "again") == 0 {
			e = pick(t, known, "known")
		}
		b.Events = append(b.Events, e)
	}
	if b.Partial && rapid.Bool().Draw(t, "unreadable") {
		// Every other line was refused by whoever read the request.
		for i := range b.Events {
			b.Lines = append(b.Lines, 2*i+2)
			b.Rejected = append(b.Rejected, audit.Rejection{Line: 2*i + 1, Code: audit.CodeInvalidRequest})
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "keyed") == 0 {
		b.Key = pick(t, []string{"k1", "k2", "k3"}, "key")
		b.Digest = sha256.Sum256([]byte{byte(rapid.IntRange(0, 1).Draw(t, "body"))})
	}
	return b
}

func eventsOf(records []audit.Record) []audit.Event {
	events := make([]audit.Event, len(records))
	for i, r := range records {
		events[i] = r.Event
	}
	return events
}

// some draws a list of one to three values, or none most of the time.
func some[T any](t *rapid.T, list []T, label string) []T {
	if rapid.IntRange(0, 3).Draw(t, label+"?") > 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(list), 1, 3).Draw(t, label)
}

// one draws a value, or the zero value most of the time.
func one[T any](t *rapid.T, list []T, label string) (v T) {
	if rapid.IntRange(0, 4).Draw(t, label+"?") > 0 {
		return v
	}
	return pick(t, list, label)
}

func drawFilter(t *rapid.T) audit.Filter {
	f := audit.Filter{
		Actions:       some(t, append(someActions, "logout"), "action"),
		IdentityID:    one(t, append(someIdentities, "user:nobody"), "identity"),
		IdentityType:  one(t, append(someTypes, audit.TypeGroup), "type"),
		SecretPath:    one(t, append(somePaths, "a/none"), "path"),
		PathPrefix:    one(t, append(somePaths, "a/none"), "prefix"),
		SourceIPs:     some(t, append(someIPs[1:], "10.9.9.9"), "ip"),
		RequestID:     one(t, append(someRequests, "r9"), "request"),
		NotActions:    some(t, append(someActions, "logout"), "not action"),
		NotIdentityID: one(t, append(someIdentities, "user:nobody"), "not identity"),
		NotPathPrefix: one(t, append(somePaths, "a/none"), "not prefix"),
		NotSourceIPs:  some(t, append(someIPs[1:], "10.9.9.9"), "not ip"),
		Within:        some(t, somePaths[1:], "within"),
	}
	if rapid.IntRange(0, 4).Draw(t, "success?") == 0 {
		success := rapid.Bool().Draw(t, "success")
		f.Success = &success
	}
	if rapid.IntRange(0, 5).Draw(t, "extra?") == 0 {
		f.Extra = []audit.ExtraFilter{pick(t, extraFilters, "extra")}
	}
	f.From, f.To = drawRange(t)
	return f
}

func drawRange(t *rapid.T) (from, to *audit.Time) {
	if rapid.IntRange(0, 2).Draw(t, "from?") == 0 {
		v := drawTime(t, begin)
		from = &v
	}
	if rapid.IntRange(0, 2).Draw(t, "to?") == 0 {
		v := drawTime(t, begin)
		to = &v
	}
	return from, to
}

func drawOrder(t *rapid.T) audit.Order {
	return pick(t, []audit.Order{"", audit.OrderDesc, audit.OrderAsc, audit.OrderIndex}, "order")
}
