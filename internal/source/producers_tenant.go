package source

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/scaivault/audit"
)

const (
	reasonMissing = "sequence_gap"
	reasonFilled  = "sequence_gap_filled"
	// maxSequences is how many instances of sources are watched per tenant; the one that
	// was not heard for the longest time is forgotten for a new one. maxPromises is how
	// many sources are that promise to be heard.
	maxSequences = 1000
	maxPromises  = 1000
)

// producers is what is known of the producers of a tenant.
type producers struct {
	tenant    audit.TenantID
	next      uint64 // the events with lower indexes are in it
	sequences map[instance]*sequence
	promises  map[string]*promise // by source
	expected  bool                // the promises are known to the silences
	changed   bool                // since it was saved
	savedAt   time.Time
}

// instance is one run of a source.
type instance struct{ source, name string }

// promise is how long a source will be silent at most.
type promise struct {
	Within time.Duration `json:"within"`           // in nanoseconds
	Silent audit.Time    `json:"silent,omitempty"` // since when it is silent, as the log tells; 0 if it is not
}

func newProducers(tenant audit.TenantID, next uint64) *producers {
	return &producers{tenant: tenant, next: next,
		sequences: make(map[instance]*sequence), promises: make(map[string]*promise)}
}

// inOrder returns the sequences by the names of their sources and instances.
func (t *producers) inOrder() []*sequence {
	return slices.SortedFunc(maps.Values(t.sequences), func(a, b *sequence) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Instance, b.Instance))
	})
}

// sequence returns the sequence of whoever made an event, which begins with it if
// there is none; nil if there are too many.
func (t *producers) sequence(c *claim, e *audit.Event) *sequence {
	name := instance{c.source, c.instance}
	if s := t.sequences[name]; s != nil {
		return s
	}
	if len(t.sequences) >= maxSequences && !t.forget() {
		return nil
	}
	s := &sequence{Source: c.source, Instance: c.instance, High: c.sequence, Latest: e.Timestamp}
	t.sequences[name] = s
	return s
}

// forget forgets the instance that was not heard for the longest time, of those about
// which the log is to be told nothing.
func (t *producers) forget() bool {
	var oldest *sequence
	for _, s := range t.sequences {
		owes := slices.ContainsFunc(s.Missing, func(m missing) bool { return m.Told == "" }) || len(s.Filled) > 0
		if !owes && (oldest == nil || s.Heard < oldest.Heard) {
			oldest = s
		}
	}
	if oldest != nil {
		delete(t.sequences, instance{oldest.Source, oldest.Instance})
	}
	return oldest != nil
}

// promise notes how long a source will be silent at most, 0 for as long as it likes.
// It reports whether that is news.
func (t *producers) promise(source string, within time.Duration) bool {
	was := t.promises[source]
	switch {
	case was == nil && (within == 0 || len(t.promises) >= maxPromises):
		return false
	case was == nil:
		t.promises[source] = &promise{Within: within}
		return true
	case within == 0:
		delete(t.promises, source)
		return true
	}
	news := was.Within != within
	was.Within = within
	return news
}

// told takes an event about a gap: what it says need not be said again.
func (t *producers) told(e *audit.Event) {
	if e.IdentityID != gapIdentity {
		return
	}
	facts := make(map[string]*string)
	for _, name := range []string{"reason", "source", "instance", "next_id", "gap", "silent_source", "silent_since", "from", "to", "count"} {
		facts[name] = new(string)
	}
	r := newReader([]byte(e.ExtraData))
	err := r.object(func(member string) error {
		if fact := facts[member]; fact != nil {
			return r.text(fact)
		}
		return r.in.skip()
	})
	if err != nil {
		return
	}
	s := t.sequences[instance{*facts["source"], *facts["instance"]}]
	switch reason := *facts["reason"]; {
	case reason == reasonMissing && s != nil:
		g := gap{ID: e.ID}
		var bad [3]error
		g.From, bad[0] = strconv.ParseInt(*facts["from"], 10, 64)
		g.To, bad[1] = strconv.ParseInt(*facts["to"], 10, 64)
		g.Count, bad[2] = strconv.ParseInt(*facts["count"], 10, 64)
		if bad == [3]error{} {
			s.told(g, audit.EventID(*facts["next_id"]))
		}
	case reason == reasonFilled && s != nil:
		s.said(audit.EventID(*facts["gap"]))
	case reason == reasonSilence || reason == reasonSilenceEnded:
		if w := t.promises[*facts["silent_source"]]; w != nil {
			w.Silent = 0
			if at, err := audit.ParseTime(*facts["silent_since"]); err == nil && reason == reasonSilence {
				w.Silent = at
			}
		}
	}
}
